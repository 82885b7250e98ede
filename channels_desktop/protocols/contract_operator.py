"""TKN.OPERATOR: an operator of smart contract agents makes one and signs its transactions (wire-format 6).

1. An administrator sends CreateAgent; the operator answers with the Agent inside a Response.
2. The administrator sends SignTx with a transaction that has an administrator's input and the contract's output; the
   operator answers with a SignedTx, or a refusal with one of the codes.

This program reads and shows these messages; it negotiates none of them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.protocols.reply_to import ChannelText, shown_channel
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import U64
from channels_desktop.wire.plain_form import plain_fields


class ContractOperatorCode(IntEnum):
    """Response codes of TKN.OPERATOR."""

    PARSE = 0
    MISSING_ADMIN_INPUT = 1
    MISSING_CONTRACT_OUTPUT = 2
    CONTRACT_ACTION_INVALID = 3


class CreateAgent(Message):
    """Ask for an agent that `admin_locking_script` administers; of empty scripts the operator puts in its own.

    The fee, in satoshis, is the least that each answer of the agent costs.
    """

    admin_locking_script: bytes = field(1)
    master_locking_script: bytes = field(2)
    minimum_contract_fee: U64 = field(3, shown_as="contract_fee")
    fee_locking_script: bytes = field(4)


class Agent(Message):
    """The agent that was made; `peer_channel` is the URL where it is written to."""

    locking_script: bytes = field(1)
    minimum_contract_fee: U64 = field(2)
    master_locking_script: bytes = field(3)
    peer_channel: ChannelText | None = field(4)

    def to_json(self) -> dict[str, Any]:
        """Return the fields, the channel with its parts."""
        return plain_fields(self) | shown_channel(self.peer_channel)


class SignTx(Message):
    """Ask the operator to sign the agent's inputs of a transaction."""

    # What the reference's JSON calls it is a slip, and a name all the same.
    tx: ExpandedTx | None = field(1, shown_as="locking_script")


class SignedTx(Message):
    """The transaction with the operator's signatures."""

    tx: ExpandedTx | None = field(1, shown_as="locking_script")


PROTOCOL = Protocol(
    id=b"TKN.OPERATOR",
    package="contract_operator",
    messages={1: CreateAgent, 2: Agent, 3: SignTx, 4: SignedTx},
    minimum=1,
    codes=ContractOperatorCode,
)
