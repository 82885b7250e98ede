"""What a log says by itself and beside its index, over files that SQLite wrote. Whole stores: test_soundness."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from channels_desktop.errors import Damage, Damaged
from channels_desktop.files.sqlite_log import FRAME_BYTES, HEADER_BYTES, PAGE_BYTES, committed_pages

FRAME = FRAME_BYTES + PAGE_BYTES
HEADERS = 96
"""Bytes of an index that say twice the same."""


@pytest.fixture
def left(tmp_path: Path) -> tuple[bytes, bytes]:
    """Return the log and the index of a database in which three transactions of several pages were committed."""
    path = tmp_path / "notes.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE note (words)")
        for number in range(2):
            db.execute("INSERT INTO note VALUES (?)", (str(number) * 2 * PAGE_BYTES,))
        return path.with_name("notes.db-wal").read_bytes(), path.with_name("notes.db-shm").read_bytes()


def said(folder: Path, log: bytes, index: bytes | None) -> Damage | frozenset[int]:
    """Return what is damaged about a log, or the pages that it holds."""
    paths = folder / "wal", folder / "shm"
    for path, content in zip(paths, (log, index), strict=True):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
    try:
        return committed_pages(*paths)
    except Damaged as damaged:
        return damaged.damage


def changed(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def frames(log: bytes) -> range:
    return range(HEADER_BYTES, len(log), FRAME)


def commits(log: bytes) -> list[int]:
    return [at for at in frames(log) if log[at + 4 : at + 8] != bytes(4)]


def test_a_whole_log_holds_the_pages_of_its_frames(tmp_path: Path, left: tuple[bytes, bytes]) -> None:
    log, index = left
    pages = {int.from_bytes(log[at : at + 4], "big") for at in frames(log)}
    assert len(commits(log)) == 3 < len(frames(log))
    assert said(tmp_path, log, index) == said(tmp_path, log, None) == pages


def test_a_frame_whose_own_sum_is_changed_is_told_though_all_behind_it_are_sound(
    tmp_path: Path, left: tuple[bytes, bytes]
) -> None:
    """SQLite ends there; but sums go on from what they are of, not from what is written, and so no other is wrong."""
    log, index = left
    for at in frames(log):
        for place in (at + 16, at + FRAME_BYTES - 1):
            damaged = changed(log, place)
            assert said(tmp_path, damaged, index) is Damage.CHANGED, place
            if at <= commits(log)[-2]:
                assert said(tmp_path, damaged, None) is Damage.CHANGED, place
            else:
                assert isinstance(said(tmp_path, damaged, None), frozenset), "as a power cut leaves it"


def test_a_frame_whose_salt_is_changed_is_told(tmp_path: Path, left: tuple[bytes, bytes]) -> None:
    log, index = left
    for at in frames(log):
        for place in (at + 8, at + 15):
            assert said(tmp_path, changed(log, place), index) is Damage.CHANGED, place


def test_an_index_whose_first_header_is_changed_promises_nothing(tmp_path: Path, left: tuple[bytes, bytes]) -> None:
    log, index = left
    whole = said(tmp_path, log, index)
    cut = log[: commits(log)[-2] + FRAME]
    for at in range(HEADERS // 2):
        assert said(tmp_path, log, changed(index, at)) == whole, at
        assert isinstance(said(tmp_path, cut, changed(index, at)), frozenset), at
    assert said(tmp_path, log, index[: HEADERS // 2 - 1]) == whole


def test_an_index_left_between_its_two_headers_still_shows_that_an_end_is_missing(
    tmp_path: Path, left: tuple[bytes, bytes]
) -> None:
    """The second is written first: that it says something else takes nothing from what the first says."""
    log, index = left
    whole = said(tmp_path, log, index)
    cut = log[: commits(log)[-2] + FRAME]
    for at in range(HEADERS // 2, HEADERS):
        assert said(tmp_path, log, changed(index, at)) == whole, at
        assert said(tmp_path, cut, changed(index, at)) is Damage.CUT, at


def test_an_end_torn_over_an_earlier_round_of_the_log_is_no_damage(tmp_path: Path) -> None:
    """What a power cut leaves is what lay there before, in any frame of the last transaction, and more of it behind."""
    path = tmp_path / "notes.db"
    log = path.with_name("notes.db-wal")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE note (words)")
        for number in range(20):
            db.execute("INSERT INTO note VALUES (?)", (number,))
        db.execute("PRAGMA wal_checkpoint(RESTART)")
        earlier = log.read_bytes()
        db.execute("INSERT INTO note VALUES ('first of this round')")
        kept = said(tmp_path, log.read_bytes(), None)
        db.execute("INSERT INTO note VALUES (?)", ("last" * PAGE_BYTES,))
        now = log.read_bytes()
    assert len(now) == len(earlier)
    last = [at for at in frames(now) if now[at + 8 : at + 16] == now[16:24]][1:]
    assert len(last) > 3
    assert set(last) < set(commits(earlier)), "one page each"
    for at in last:
        assert said(tmp_path, now[:at] + earlier[at : at + FRAME] + now[at + FRAME :], None) == kept, at
