"""The golden schema: what is sent and stored changes only on purpose."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from channels_desktop.protocols import schema
from channels_desktop.protocols.invoices.deal import STATES
from channels_desktop.protocols.registry import ALL
from channels_desktop.protocols.text import PROTOCOL as TEXT

GOLDEN = Path(__file__).parents[3] / "resources" / "schema" / "channels.bsor"


def test_the_golden_schema_is_what_is_declared() -> None:
    assert GOLDEN.read_text("utf-8") == schema.schema_text(), "review the difference and write the file anew"


def test_the_module_prints_the_golden_schema(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    runpy.run_path(schema.__file__, run_name="__main__")
    assert capsysbinary.readouterr().out == GOLDEN.read_bytes()


def test_every_message_and_every_state_is_in_it() -> None:
    text = schema.schema_text()
    classes = {*STATES.values(), *(cls for protocol in ALL for cls in protocol.messages.values())}
    assert all(text.count(f"\n{cls.__name__} ") == 1 for cls in classes)
    assert all(f"  {number} {cls.__name__}\n" in text for number, cls in STATES.items())


def test_a_protocol_is_told_by_id_version_and_types() -> None:
    text = schema.schema_text([TEXT])
    assert "\nprotocol TXT version 0\n  1 TextMessage\n  2 TextEdit\n  3 TextDelete\n" in text
    assert text.endswith("\nTextTyping {}\n")
