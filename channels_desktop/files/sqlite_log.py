"""The write-ahead log of an SQLite file, looked through before SQLite does: that takes a damaged one for a short one.

SQLite reads frames until one has the wrong sum, and says nothing of what comes after it. At the end that is right: a
power cut tears what was being written. Anywhere else it drops what was committed. Frames lie open in an encrypted
database, too: only the pages in them are locked.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from channels_desktop import files
from channels_desktop.errors import Damage, Damaged, Part

HEADER_BYTES, FRAME_BYTES = 32, 24
PAGE_BYTES = 4096
"""What both libraries make of a page unless they are told; nobody tells them."""
SHORTEST = HEADER_BYTES + FRAME_BYTES + PAGE_BYTES
"""Less holds nothing."""
_ORDERS = {0x377F0682: "<", 0x377F0683: ">"}
"""The first word of a log says in which order its sums read the bytes."""
_INDEX_BYTES = 48
_WORD = 0xFFFFFFFF
_Sum = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Frame:
    number: int
    page: int
    commits: bool
    ours: bool  # of this generation of the log, by its salts
    sound: bool


def committed_pages(log: Path, index: Path) -> frozenset[int]:
    """Return the numbers of the pages that `log`, not shorter than SHORTEST, holds in committed transactions.

    A transaction that was never finished at the end is no damage: its frames go to the disk in any order before they
    are synced. Whatever follows it was written after that sync, so there it is damage. `index` is the file in which
    SQLite counts what is committed. It outlives a killed process, and shows then that an end is missing.

    Raises:
        Damaged: a frame that was committed is not as it was written.
        StoreError: the disk cannot be read.
    """
    try:
        with log.open("rb") as file:
            return _walk(file, log.name, index)
    except OSError as error:
        raise files.refused(log, "read", error) from error


def _walk(file: BinaryIO, name: str, index: Path) -> frozenset[int]:
    header = file.read(HEADER_BYTES)
    words = struct.unpack(">8I", header)
    order = _ORDERS.get(words[0])
    start = _summed(header[:24], order, (0, 0)) if order else None
    if order is None or start != words[6:]:
        raise Damaged(Part.LOG, Damage.CHANGED, name)
    promised = _promised(index, header[16:24])
    committed: set[int] = set()
    open_pages: set[int] = set()
    last = seen = 0
    torn = over = False  # a frame is wrong; the transaction that it belongs to is over
    for frame in _frames(file, words[2], order, start, header[16:24]):
        seen = frame.number
        torn = torn or not frame.sound
        if torn and over and frame.ours:
            raise Damaged(Part.LOG, Damage.CHANGED, name)
        over = over or (torn and frame.ours and frame.commits)
        if not torn:
            open_pages.add(frame.page)
            if frame.commits:
                committed |= open_pages
                open_pages.clear()
                last = frame.number
    if last < promised:
        raise Damaged(Part.LOG, Damage.CUT if seen < promised else Damage.CHANGED, name)
    return frozenset(committed)


def _frames(file: BinaryIO, page_bytes: int, order: str, start: _Sum, salts: bytes) -> Iterator[_Frame]:
    """Read all frames that are there in full; sums go on from one to the next, so behind a wrong one all are wrong."""
    number, running = 0, start
    while len(whole := file.read(FRAME_BYTES + page_bytes)) == FRAME_BYTES + page_bytes:
        number += 1
        page, size, *_, one, two = struct.unpack(">6I", whole[:FRAME_BYTES])
        running = _summed(whole[:8] + whole[FRAME_BYTES:], order, running)
        ours = whole[8:16] == salts
        yield _Frame(number, page, size > 0, ours, ours and running == (one, two))


def _summed(data: bytes, order: str, start: _Sum) -> _Sum:
    """Return SQLite's sum of `data`, gone on from `start`."""
    one, two = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) & _WORD
        two = (two + odd + one) & _WORD
    return one, two


def _promised(index: Path, salts: bytes) -> int:
    """Return how many frames the index counts as committed; 0 where it is missing, torn or of another log.

    It says so twice, the second time first; what the first says under its own sum was committed in either case.
    """
    try:
        with index.open("rb") as file:
            said = file.read(_INDEX_BYTES)
    except FileNotFoundError:
        return 0
    order = "<" if sys.byteorder == "little" else ">"
    if len(said) < _INDEX_BYTES or said[32:40] != salts:
        return 0
    if _summed(said[:40], order, (0, 0)) != struct.unpack(f"{order}2I", said[40:]):
        return 0
    (frames,) = struct.unpack(f"{order}I", said[16:20])
    return int(frames)
