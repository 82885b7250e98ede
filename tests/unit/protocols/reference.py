"""What the reference says of the messages of one protocol, and the check that we read and write them alike."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.errors import WireError
from channels_desktop.protocols import authorize, contract_operator, peer_channels, unlocking_data
from channels_desktop.protocols.registry import ALL
from channels_desktop.protocols.stack import Registry
from channels_desktop.wire.envelope import read_envelope
from tests.vectors import load

if TYPE_CHECKING:
    from channels_desktop.protocols.protocol import Protocol
    from channels_desktop.wire.bsor import Message

Case = dict[str, Any]

OURS = (authorize.PROTOCOL, peer_channels.PROTOCOL, unlocking_data.PROTOCOL, contract_operator.PROTOCOL)
SPOKEN = Registry((*ALL, *OURS))


def script_of(case: Case) -> bytes:
    return bytes.fromhex(case.get("wire_hex") or case["hex"])


def cases_of(protocol: Protocol) -> list[Any]:
    """Return a test parameter for each case of the vectors that names the protocol in its envelope."""
    found = [case for file in ("channels_messages", "random_messages", "signed_stacks") for case in load(file)["cases"]]
    parameters = []
    for case in (*found, *load("envelope")["message_inputs"]):
        ids = read_envelope(script_of(case)).protocol_ids
        if protocol.id in ids:
            name = case.get("name") or "+".join(protocol_id.decode() for protocol_id in ids)
            parameters.append(pytest.param(case, id=name))
    return parameters


def assert_as_in_the_reference(case: Case) -> None:
    """Read a case: the same error, or the same messages, which are written again byte for byte."""
    script, expected = script_of(case), case.get("read_back") or case["read"]
    if not expected["ok"]:
        with pytest.raises(WireError) as caught:
            SPOKEN.read(script)
        assert expected["error_class"] in (caught.value.kind, "panic")
        return
    stack = SPOKEN.read(script)
    for message, layer in zip(stack.messages, case.get("layers_outer_first") or expected["layers"], strict=True):
        protocol = SPOKEN.protocol_of(message)
        assert f"{protocol.package}.{message.NAME}" == layer["type"]
        if protocol in OURS:
            assert shown(message) == {name: _plain(value) for name, value in layer["fields"].items()}
    if "wire_hex" in case:
        assert SPOKEN.write(stack.messages) == script


def shown(message: Message) -> dict[str, Any]:
    """Return the fields of a message as the vectors write them; a channel is its URL alone."""
    return {
        field.metadata["shown_as"] or field.name: _told(getattr(message, field.name))
        for field in dataclasses.fields(message)
    }


def _told(value: object) -> Any:
    match value:
        case bytes():
            return value.hex() or None
        case ExpandedTx():
            spent = [
                {"value": one.value, "locking_script": one.locking_script.hex()} for one in value.spent_outputs if one
            ]
            return {"tx": value.tx.to_bytes().hex(), "spent_outputs": spent}
        case _:
            return value


def _plain(value: Any) -> Any:
    """Leave out what other vectors check: the parts of a URL, ancestors and proofs."""
    if not isinstance(value, dict):
        return value
    return value["url"] if "url" in value else {name: value[name] for name in ("tx", "spent_outputs")}


def assert_declared_as_in_the_reference(protocol: Protocol) -> None:
    """Compare names and ids of the fields of all messages, and the numbers of the codes that have a name there."""
    schemas, names = load("channels_messages")["schemas"], load("channels_messages")["response_code_names"]
    for message in protocol.messages.values():
        fields = [
            (field.metadata["shown_as"] or field.name, field.metadata["id"]) for field in dataclasses.fields(message)
        ]
        expected = schemas[f"{protocol.package}.{message.NAME}"]["fields"]
        assert fields == [(field["name"], field["id"]) for field in expected]
    said = names[protocol.id.decode()]
    named = {int(number) for number, name in said.items() if name != said["0"]}
    assert named <= {int(code) for code in protocol.codes or ()}
