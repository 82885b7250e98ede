"""What travels in a negotiation: a stack of nothing but known messages around a transaction (wire-format 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.errors import Misuse
from channels_desktop.protocols.expanded_txs import ExpandedTxCode, refuse
from channels_desktop.protocols.fee_requirements import FeeRequirement, FeeRequirements
from channels_desktop.protocols.ids import StringId
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.reply_to import ReplyTo
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.times import Expiry, Time
from channels_desktop.wire.bsor import present

if TYPE_CHECKING:
    from collections.abc import Sequence

    from channels_desktop.wire.bsor import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiationTx:
    """One step of a negotiation; times are nanoseconds since 1970, None is what the sender left out.

    `fees` that are empty are sent, as an empty list. Without `tx` it is an acknowledgement: `response` alone.
    """

    thread_id: str | None = None
    fees: tuple[FeeRequirement | None, ...] | None = None
    reply_to: ReplyTo | None = None
    note: str | None = None
    expiry: int | None = None
    timestamp: int | None = None
    response: Response | None = None
    tx: ExpandedTx | None = None

    def to_messages(self) -> tuple[Message, ...]:
        """Return the stack, outermost first, in the reference's order; raise Misuse without `tx` and `response`."""
        if self.tx is None and self.response is None:
            raise Misuse("a negotiation says something with a transaction or with a Response")
        around = (
            None if self.timestamp is None else Time(at=self.timestamp),
            None if self.expiry is None else Expiry(at=self.expiry),
            None if self.note is None else Note(note=self.note),
            self.reply_to,
            None if self.fees is None else FeeRequirements(fees=self.fees),
            None if self.thread_id is None else StringId(thread_id=self.thread_id),
        )
        if self.tx is None:
            return present((*around, self.response))
        return present((self.response, *around, self.tx))

    @classmethod
    def from_messages(cls, messages: Sequence[Message]) -> tuple[NegotiationTx, tuple[Message, ...]]:
        """Return what a stack says, outermost first in any order, and the wrappers that say nothing here.

        Of several wrappers of a kind the innermost counts, and a Response around a Response before that one, as in
        the reference. Refuses (ETX:0) a stack whose innermost message is neither a transaction nor a Response.
        """
        if not messages or not isinstance(messages[-1], ExpandedTx | Response):
            raise refuse(ExpandedTxCode.PARSE, "neither a transaction nor a response", status=2)
        found: dict[str, Any] = {}
        unused: list[Message] = []
        for message in (messages[-1], *messages[:-1]):
            match message:
                case StringId():
                    found["thread_id"] = message.thread_id
                case FeeRequirements():
                    found["fees"] = message.fees
                case ReplyTo():
                    found["reply_to"] = message
                case Note():
                    found["note"] = message.note
                case Expiry():
                    found["expiry"] = message.at
                case Time():
                    found["timestamp"] = message.at
                case Response():
                    found["response"] = message
                case ExpandedTx():
                    found["tx"] = message
                case _:
                    unused.append(message)
        return cls(**found), tuple(unused)
