"""The object codec against every case of the reference: classes are declared from the case's own description."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from channels_desktop.errors import Misuse, WireError
from channels_desktop.wire.bsor import EMPTY, Message, field, kind_of, present, read_list, write_list
from channels_desktop.wire.kinds import U64, HostTime, Words
from tests.unit.wire.described import Described, message, message_class, plain
from tests.vectors import load

# Types that are wrong in themselves: a class can not be declared from them.
MISDECLARED = {"bad_missing_tag", "bad_zero_id", "bad_text_id", "bad_map", "bad_duplicate_id", "duplicate_id_type"}
# Keys of which the reference takes any first byte for 02.
REFUSED = {"public_key_prefix_05": {"ok": False, "error_class": "invalid_key"}}
# A pointer to nil bytes: the reference reads it so, here it is a pointer to b"".
READ_AS = {"pointers_all_zero": {"Bytes": ""}}


def names(case: Described) -> str:
    return str(case["name"])


ALL = load("bsor")["cases"] + load("bsor")["decode_cases"]
SOUND = [case for case in ALL if case["name"] not in MISDECLARED]


@pytest.mark.parametrize("case", [c for c in SOUND if "value" in c], ids=names)
def test_objects_are_written_as_the_reference_writes_them(case: Described) -> None:
    value = message(case["type"], case["value"])
    if "hex" not in case:
        with pytest.raises(WireError):
            value.to_bytes()
        return
    assert value.to_bytes().hex() == case["hex"]
    assert len(value.to_items()) == len(case.get("items", value.to_items()))


@pytest.mark.parametrize("case", [c for c in SOUND if "hex" in c], ids=names)
def test_objects_are_read_as_the_reference_reads_them(case: Described) -> None:
    cls, data = message_class(case["type"]), bytes.fromhex(case["hex"])
    expected = REFUSED.get(case["name"], case["decode"])
    if not expected["ok"]:
        with pytest.raises(WireError) as caught:
            cls.read_at(data, 0)
        assert expected["error_class"] in (caught.value.kind, "panic")
        return
    described = case["value"] if expected.get("equal") else expected["value"]
    if case["name"] in READ_AS:
        described = {**described, **READ_AS[case["name"]]}
    read, at = cls.read_at(data, 0)
    assert plain(read) == plain(message(case["type"], described))
    if "value" in case:
        assert at == len(data)


@pytest.mark.parametrize("case", [c for c in ALL if c["name"] in MISDECLARED], ids=names)
def test_a_wrong_declaration_is_refused_at_once(case: Described) -> None:
    with pytest.raises(Misuse):
        message_class(case["type"])


def test_every_case_runs() -> None:
    assert {*MISDECLARED, *READ_AS, *REFUSED} <= {case["name"] for case in ALL}
    assert len(ALL) == load("bsor")["case_count"] + load("bsor")["decode_case_count"]


class Pair(Message):
    number: U64 = field(1)
    text: str | None = field(2)


class Sack(Message):
    pair: Pair = field(1)
    many: tuple[Pair | None, ...] = field(20)


class Line(Message, bare=True):
    words: Words = field(1)


class Nested(Message, bare=True):
    pair: Pair = field(1)


def test_a_message_is_all_of_its_bytes() -> None:
    data = Pair(number=5).to_bytes()
    assert Pair.from_bytes(data) == Pair(number=5)
    with pytest.raises(WireError, match="trailing_bytes"):
        Pair.from_bytes(data + b"\x00")
    with pytest.raises(WireError, match="eof: Pair ends too soon"):
        Pair.from_bytes(data[:-1])


def test_ids_above_16_are_pushes() -> None:
    sack = Sack(pair=Pair(text=""), many=(None, Pair(number=1)))
    assert sack.to_bytes().hex() == "5251515200" + "0114" + "52" + "00" + "51515151"
    assert Sack.from_bytes(sack.to_bytes()) == sack


def test_lists_are_written_with_flags_and_read_without_the_absent() -> None:
    pairs = (Pair(number=1), Pair(text="é"))
    data = write_list(pairs)
    assert data.hex() == "52" + "51515151" + "51515202c3a9"
    assert read_list(Pair, data) == pairs
    assert read_list(Pair, bytes.fromhex("530051515151" + "5100")) == pairs[:1]
    assert read_list(Pair, b"\x00") == ()
    for cut in (b"", data[:1], data[:4]):
        with pytest.raises(WireError, match="eof"):
            read_list(Pair, cut)
    assert present((None, 1, None, 0)) == (1, 0)


def test_what_must_be_a_push_is_always_written() -> None:
    assert Line(words="ab").to_bytes() == b"\x02ab"
    assert Line.from_bytes(b"\x02ab") == Line(words="ab")
    assert Nested.from_bytes(Nested(pair=Pair(number=3)).to_bytes()).pair.number == 3
    with pytest.raises(WireError, match="not_push_data"):
        Line.from_bytes(Line().to_bytes())


@pytest.mark.parametrize("value", [Pair(text="\ud800"), Line(words="\ud800")])
def test_half_of_a_surrogate_pair_is_refused(value: Message) -> None:
    with pytest.raises(WireError, match="bad_text"):
        value.to_bytes()


def test_bytes_that_are_no_utf8_survive() -> None:
    data = bytes.fromhex("515202ff41")
    assert Pair.from_bytes(data).to_bytes() == data


def test_zero_is_no_time() -> None:
    class At(Message):
        at: HostTime = field(1)

    assert At().to_bytes() == b"\x00"
    assert At.from_bytes(bytes.fromhex("515100")) == At()


@pytest.mark.parametrize("hint", [int, dict[str, int], tuple[int, str], str | int, str | int | None, None, list])
def test_annotations_that_name_no_kind_are_refused(hint: Any) -> None:
    with pytest.raises(Misuse, match="no kind of field"):
        kind_of(hint)


@pytest.mark.parametrize("count", [0, 2])
def test_a_bare_message_has_one_field(count: int) -> None:
    with pytest.raises(Misuse, match="one field"):
        type("Wrong", (Message,), fields(count), bare=True)


def fields(count: int) -> dict[str, Any]:
    named = {f"f{number}": field(number) for number in range(1, count + 1)}
    return {"__annotations__": dict.fromkeys(named, str), **named}


def test_an_object_of_more_than_16_fields_has_a_pushed_count() -> None:
    cls = type("Wide", (Message,), fields(17))
    value = cls(**{f"f{number}": "x" for number in range(1, 18)})
    assert value.to_bytes()[:2] == b"\x01\x11"
    assert cls.from_bytes(value.to_bytes()) == value


def test_generated_code_shows_in_tracebacks() -> None:
    with pytest.raises(AttributeError) as caught:
        Pair(text=b"no text").to_bytes()  # type: ignore[arg-type]
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.filename == f"<writer of {__name__}.Pair>"
    assert "encode" in (last.line or "")


def test_an_empty_list_that_is_present_is_written() -> None:
    assert Sack(many=()).to_bytes() == b"\x00"
    assert Sack(many=EMPTY).to_bytes().hex() == "51011400"
    assert Sack.from_bytes(Sack(many=EMPTY).to_bytes()).many is EMPTY
