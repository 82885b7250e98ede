"""What the reference says of the messages of one protocol, and the check that we read and write them alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from channels_desktop.errors import WireError
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.wire.envelope import read_envelope
from channels_desktop.wire.plain_form import plain_form
from tests.vectors import load

if TYPE_CHECKING:
    from channels_desktop.protocols.protocol import Protocol

Case = dict[str, Any]


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
            REGISTRY.read(script)
        assert expected["error_class"] in (caught.value.kind, "panic")
        return
    stack = REGISTRY.read(script)
    for message, layer in zip(stack.messages, expected.get("layers") or case["layers_outer_first"], strict=True):
        assert f"{REGISTRY.protocol_of(message).package}.{message.NAME}" == layer["type"]
        assert plain_form(message) == layer["fields"]
    if "wire_hex" in case:
        assert REGISTRY.write(stack.messages) == script
