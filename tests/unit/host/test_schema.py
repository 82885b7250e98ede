"""The golden schema of the host's bodies: what clients read changes only on purpose."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from channels_desktop.host import messages, schema
from channels_desktop.wire.bsor import Message

GOLDEN = Path(__file__).parents[3] / "resources" / "schema" / "host.bsor"


def test_the_module_prints_the_golden_schema(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    runpy.run_path(schema.__file__, run_name="__main__")
    assert capsysbinary.readouterr().out == GOLDEN.read_bytes(), "review the difference and write the file anew"


def test_every_body_is_in_it() -> None:
    declared = {cls for cls in vars(messages).values() if isinstance(cls, type) and issubclass(cls, Message)}
    assert set(schema.BODIES) == declared - {Message}
