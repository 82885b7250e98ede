"""JSON from strangers: bounded, and read as far as it came."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.adapters.host_json import DEEPEST, member, read_items, read_json
from channels_desktop.errors import WireError

OBJECTS = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none()))


@given(OBJECTS, st.data())
def test_the_beginning_of_a_list_has_the_first_items(objects: list[dict[str, object]], data: st.DataObject) -> None:
    body = json.dumps(objects, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1])))
    whole = body.encode("utf-8", "replace")
    assert read_items(whole) == (json.loads(whole), True)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    items, complete = read_items(cut)
    assert not complete
    assert items == json.loads(whole)[: len(items)]


@given(st.binary() | st.text(' []{},:"1').map(str.encode))
def test_any_bytes_are_items_or_an_error(body: bytes) -> None:
    try:
        items, complete = read_items(body)
    except WireError:
        return
    try:
        whole = json.loads(body.decode("utf-8", "replace"))
    except ValueError:
        assert not complete
    else:
        assert (items, True) == (whole, complete)


@given(st.text())
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(WireError):
            read_json(text)
    else:
        assert read_json(text) == expected or expected != expected  # noqa: PLR0124 - NaN


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
def test_depth_has_an_end(brackets: tuple[str, str]) -> None:
    def nested(depth: int) -> str:
        return brackets[0] * depth + ("1" if brackets[0] != "[" else "") + brackets[1] * depth

    read_json(nested(DEEPEST))
    read_items(f"[{nested(DEEPEST - 1)}]".encode())
    for text in (nested(DEEPEST + 1), nested(100_000)):
        with pytest.raises(WireError):
            read_json(text)
    with pytest.raises(WireError):
        read_items(f"[{nested(DEEPEST)}]".encode())
    assert read_items(f"[{nested(100_000)}]".encode()) == ([], False)


def test_members_are_of_their_kind() -> None:
    value = {"text": "a", "number": 1, "flag": True}
    assert (member(value, "text", str), member(value, "number", int), member(value, "flag", bool)) == ("a", 1, True)
    for wrong in (lambda: member(value, "flag", int), lambda: member(value, "none", str), lambda: member([], "a", str)):
        with pytest.raises(WireError):
            wrong()
