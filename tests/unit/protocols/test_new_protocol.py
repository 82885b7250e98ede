"""A new sub-protocol is one file (`weather`) and one line: everything else follows from its declaration."""

from __future__ import annotations

from functools import partial

import pytest

from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.errors import WireError
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.inspection import inspect
from channels_desktop.protocols.registry import ALL, REGISTRY
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.schema import schema_text
from channels_desktop.protocols.signed import Signature, SignatureStatus, check, sign
from channels_desktop.protocols.stack import Registry
from channels_desktop.wire.amounts import Decimal
from tests.unit.protocols import weather

KEY = PrivateKey(sha256(b"alice base"))
ONE_MORE = Registry((*ALL, weather.PROTOCOL))  # the line that `registry.ALL` would have
REPORT = weather.Report(place="Zürich", degrees=-3, rain=Decimal(25, 1), words=("wind", ""))


def test_it_is_written_signed_and_read() -> None:
    script = ONE_MORE.write([Uuid(uuid=bytes(15) + b"\x01"), Response(), REPORT], partial(sign, KEY))
    stack = ONE_MORE.read(script)
    signature = stack.find(Signature)
    assert signature is not None
    assert stack.messages[-1] == REPORT
    assert check(signature, stack.inside(0), KEY.public) is SignatureStatus.VALID
    assert ONE_MORE.write(stack.messages) == script


def test_who_does_not_know_it_says_so() -> None:
    with pytest.raises(WireError, match="unsupported_protocol"):
        REGISTRY.read(ONE_MORE.write([weather.Ask(place="Bern")]))


def test_it_is_described_and_shown() -> None:
    text = schema_text([weather.PROTOCOL])
    assert "protocol WEATHER version 0\n  1 Ask\n  2 Report\n" in text
    assert "Report {\n  1 place: text\n  2 degrees: i64\n  3 rain: ?binary Decimal\n  4 words: [text]\n}" in text
    (layer,) = inspect(ONE_MORE.write([REPORT]), registry=ONE_MORE)["layers_outer_first"]
    assert layer["type"] == "weather.Report"
    assert layer["fields"]["degrees"] == -3
    assert layer["fields"]["rain"]["text"] == "2.5"
