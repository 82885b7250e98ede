"""The lock files: complete, pinned by hash, and silent about where packages come from."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import lock
import pytest

LOCKS = (lock.RUN_LOCK, lock.TEST_LOCK)
PROJECT = tomllib.loads((lock.ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def name_of(requirement: str) -> str:
    """Return the normal form of a requirement's name (PEP 503)."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def locked(*locks: Path) -> list[str]:
    return [name_of(entry) for path in locks for entry in lock.entries(path.read_text(encoding="utf-8"))]


RUN_REQUIREMENTS = [
    *PROJECT["project"]["dependencies"],
    *PROJECT["dependency-groups"]["build"],
    *PROJECT["build-system"]["requires"],
]


@pytest.mark.parametrize("requirement", RUN_REQUIREMENTS)
def test_what_the_program_needs_is_in_its_lock(requirement: str) -> None:
    assert name_of(requirement) in locked(lock.RUN_LOCK)


@pytest.mark.parametrize("requirement", PROJECT["project"]["optional-dependencies"]["test"])
def test_what_the_tests_need_is_in_one_of_the_locks(requirement: str) -> None:
    assert name_of(requirement) in locked(*LOCKS)


def test_no_package_is_locked_twice() -> None:
    names = locked(*LOCKS)
    assert sorted(names) == sorted(set(names))


def test_every_entry_is_one_version_with_hashes() -> None:
    for entry in chain.from_iterable(lock.entries(path.read_text(encoding="utf-8")) for path in LOCKS):
        pin, *rest = entry.splitlines()
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.]+( ; [^;]+)? \\", pin)
        assert rest
        assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?", line) for line in rest)


def test_an_entry_ends_where_the_next_begins_and_options_are_no_entries() -> None:
    text = "# words\n--option there\na==1 \\\n    --hash=sha256:1\nb==2 ; x \\\n    --hash=sha256:2\n"
    assert lock.entries(text) == ["a==1 \\\n    --hash=sha256:1", "b==2 ; x \\\n    --hash=sha256:2"]


SCRIPTS = sorted(path for path in (lock.ROOT / "packaging").iterdir() if path.is_file())


@pytest.mark.parametrize("path", [lock.ROOT / "pyproject.toml", lock.ROOT / ".ci" / "run", *SCRIPTS])
def test_nothing_names_an_index(path: Path) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links", path.read_text(encoding="utf-8"))
