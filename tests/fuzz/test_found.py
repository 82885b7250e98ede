"""Inputs that once failed, and those that fuzzing begins with, tried on every platform."""

from __future__ import annotations

import pytest

from tests.fuzz.readers import CLASSES
from tests.fuzz.table import FOUND, TARGETS, found

KEPT = [(name, label, data) for name in TARGETS for label, data in found(name)]


def test_every_kept_input_belongs_to_a_target() -> None:
    assert {folder.name for folder in FOUND.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize(
    ("name", "data"), [pytest.param(name, data, id=f"{name}: {label}") for name, label, data in KEPT]
)
def test_what_once_failed_does_so_no_more(name: str, data: bytes) -> None:
    TARGETS[name](data)
    if name == "object":  # its first byte is the number of a class, and classes come and go
        for number in range(len(CLASSES)):
            TARGETS[name](bytes((number,)) + data[1:])


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_takes_what_it_begins_with(name: str) -> None:
    target = TARGETS[name]
    inputs = set(target.seeds())
    assert inputs
    for data in inputs:
        target(data)
        target(data[: len(data) // 2])
        target(data + b"\x00")
