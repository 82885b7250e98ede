"""Every way in which a database and the files beside it can be half there, cut or changed, and what is said of it."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from channels_desktop.adapters.soundness import BEFORE_MARKS, beside
from channels_desktop.adapters.sqlite import SqliteStore
from channels_desktop.errors import Damage, Damaged, Part, StoreCause, StoreError
from tests.contract.store_ports import KEY, Notes, open_file

FIRST = [f"{number} {'x' * 700}" for number in range(12)]
LATER = [f"later {number} {'y' * 700}" for number in range(12)]
ROWS = FIRST + LATER
ROOT = Path(__file__).parents[3]
DATABASE, LOG, INDEX, MARK = "notes.db", "notes.db-wal", "notes.db-shm", "notes.db-closed"
PAGE = 4096
FRAME = PAGE + 24
Files = dict[str, bytes]


def read(folder: Path) -> Files:
    """Return the files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def put(folder: Path, files: Files) -> None:
    """Make a folder hold these files and nothing else."""
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.fixture
async def killed(tmp_path: Path) -> Files:
    """Return what a process leaves that is killed after it wrote twice, the first part folded into the file."""
    folder = tmp_path / "made"
    folder.mkdir()
    store = await open_file(folder / DATABASE)
    await store.transact(lambda notes: notes.add(*FIRST))
    await store.close()
    store = await open_file(folder / DATABASE)
    for words in LATER:
        await store.transact(lambda notes, words=words: notes.add(words))
    left = read(folder)
    await store.close()
    assert sorted(left) == [DATABASE, INDEX, LOG]
    return left


@pytest.fixture
async def closed(killed: Files, tmp_path: Path) -> Files:
    """Return what a process leaves that ends in order."""
    left = read(tmp_path / "made")
    assert sorted(left) == [DATABASE, MARK]
    return left


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


async def outcome(folder: Path, files: Files, key: bytes | None = KEY) -> Damaged | list[str]:
    """Open the files; return what they hold. Where that is refused all of them are as they were."""
    put(folder, files)
    try:
        store = await open_file(folder / DATABASE, key)
    except Damaged as damaged:
        assert read(folder) == files
        return damaged
    try:
        return await store.query(Notes.all)
    finally:
        await store.close()


async def told(folder: Path, files: Files, key: bytes | None = KEY) -> tuple[Part, Damage] | list[str]:
    """Return what is said of files, or what they hold."""
    found = await outcome(folder, files, key)
    return (found.part, found.damage) if isinstance(found, Damaged) else found


async def changes(path: Path, before: bytes) -> None:
    """Wait until a file is no longer what it was."""
    async with asyncio.timeout(60):
        while read(path.parent)[path.name] == before:  # noqa: ASYNC110 - a thread of the store writes it
            await asyncio.sleep(0)


def changed(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def places(content: bytes, step: int) -> Iterator[int]:
    """Return places all over a file, none of them at the same place of its page as the one before."""
    return itertools.takewhile(lambda at: at < len(content), itertools.count(0, step))


# ------------------------------------------------------------------------------------------------------ what is missing


async def test_every_subset_of_what_a_killed_process_leaves_is_told(place: Path, killed: Files) -> None:
    for choice in itertools.product(("whole", "empty", "missing"), repeat=3):
        database, log, index = choice
        files = {
            name: b"" if how == "empty" else killed[name]
            for name, how in zip((DATABASE, LOG, INDEX), choice, strict=True)
            if how != "missing"
        }
        expected: tuple[Part, Damage] | list[str] = ROWS
        if database != "whole":
            expected = (Part.DATABASE, Damage.EMPTY if database == "empty" else Damage.MISSING)
        elif log != "whole":
            expected = (Part.LOG, Damage.EMPTY if log == "empty" else Damage.MISSING)
        if not files:
            expected = []
        assert await told(place, files) == expected, (database, log, index)


async def test_every_subset_of_what_an_ended_process_leaves_is_told(place: Path, closed: Files) -> None:
    assert await told(place, closed) == ROWS
    assert await told(place, {MARK: closed[MARK]}) == (Part.DATABASE, Damage.MISSING)
    assert await told(place, {**closed, DATABASE: b""}) == (Part.DATABASE, Damage.EMPTY)
    assert await told(place, {DATABASE: closed[DATABASE]}) == (Part.LOG, Damage.MISSING)
    assert await told(place, {**closed, MARK: b""}) == (Part.MARK, Damage.EMPTY)
    assert await told(place, {DATABASE: closed[DATABASE], LOG: b""}) == (Part.LOG, Damage.EMPTY)


async def test_a_process_killed_on_its_way_out_or_in_has_lost_nothing(
    place: Path, killed: Files, closed: Files
) -> None:
    """The mark is written before the log goes, and goes after the log has its first commit."""
    out = {**closed, LOG: killed[LOG], INDEX: killed[INDEX]}
    for files in (out, {**out, LOG: b""}, {**out, LOG: killed[LOG][:40]}, {**closed, LOG: b"", INDEX: bytes(32768)}):
        assert await told(place, files) == ROWS


async def test_a_file_from_before_there_were_marks_opens_without_one(place: Path, closed: Files) -> None:
    put(place, closed)
    store = await open_file(place / DATABASE)
    await store.transact(lambda notes: notes.connection.execute(f"PRAGMA application_id = {BEFORE_MARKS}").fetchall())
    await store.close()
    before = {DATABASE: (place / DATABASE).read_bytes()}
    for files in (before, {**before, LOG: b""}):
        assert await told(place, files) == ROWS
        assert sorted(read(place)) == [DATABASE, MARK]
    (place / MARK).unlink()
    assert await told(place, read(place)) == (Part.LOG, Damage.MISSING), "once opened it has a mark for good"


# ---------------------------------------------------------------------------------------------------- cut and changed


async def test_a_log_that_is_cut_anywhere_is_told_as_long_as_its_index_is_there(place: Path, killed: Files) -> None:
    for length in (*places(killed[LOG], 4111), len(killed[LOG]) - 1):
        found = await told(place, {**killed, LOG: killed[LOG][:length]})
        assert found == (Part.LOG, Damage.CUT if length else Damage.EMPTY), length


async def test_a_log_that_is_cut_without_its_index_holds_whole_transactions(place: Path, killed: Files) -> None:
    """Nothing tells it from the end of a process at that moment."""
    files = {DATABASE: killed[DATABASE]}
    for length in places(killed[LOG], 8221):
        found = await told(place, {**files, LOG: killed[LOG][:length]})
        if length < 32 + FRAME:
            assert found == (Part.LOG, Damage.CUT if length else Damage.EMPTY)
        else:
            assert isinstance(found, list)
            assert len(found) >= len(FIRST)
            assert found == ROWS[: len(found)]


async def test_a_changed_byte_of_a_log_is_never_taken_for_its_end(place: Path, killed: Files) -> None:
    for at in (*places(killed[LOG], 2043), len(killed[LOG]) - 1):
        found = await told(place, {**killed, LOG: changed(killed[LOG], at)})
        assert found == (Part.LOG, Damage.CHANGED), at


async def test_a_changed_byte_of_a_log_is_told_without_the_index_too_unless_it_is_in_the_last_transaction(
    place: Path, killed: Files
) -> None:
    files = {DATABASE: killed[DATABASE], LOG: killed[LOG]}
    last = len(killed[LOG]) - FRAME
    while killed[LOG][last - FRAME + 4 : last - FRAME + 8] == bytes(4):  # the frames before it that commit nothing
        last -= FRAME
    for at in places(killed[LOG], 2043):
        found = await told(place, {**files, LOG: changed(killed[LOG], at)})
        assert found == ((Part.LOG, Damage.CHANGED) if at < last else ROWS[:-1]), at


async def test_a_torn_transaction_at_the_end_is_no_damage_whichever_of_its_frames_reached_the_disk(
    place: Path, killed: Files
) -> None:
    put(place, killed)
    store = await open_file(place / DATABASE)
    committed = await store.query(Notes.all)
    before = len((place / LOG).read_bytes())
    await store.transact(lambda notes: notes.add(*(f"{number} {'z' * 3000}" for number in range(5))))
    left = read(place)
    await store.close()
    frames = (len(left[LOG]) - before) // FRAME
    assert frames > 3
    for missing in range(frames):
        at = before + missing * FRAME
        torn = {DATABASE: left[DATABASE], LOG: left[LOG][:at] + bytes(FRAME) + left[LOG][at + FRAME :]}
        assert await told(place, torn) == committed


async def test_frames_of_an_earlier_round_of_the_log_are_no_damage(place: Path, killed: Files) -> None:
    put(place, killed)
    store = await open_file(place / DATABASE, rest=0.0)
    before = (place / DATABASE).read_bytes()
    await store.transact(lambda notes: notes.add(*(f"{number} {'z' * 3000}" for number in range(5))))
    await changes(place / DATABASE, before)
    await store.transact(lambda notes: notes.add("again from the start of the log"))
    left = read(place)
    await store.close()
    assert left[LOG][32 + 8 : 32 + 16] == left[LOG][16:24] != left[LOG][-FRAME + 8 : -FRAME + 16]
    found = await told(place, left)
    assert isinstance(found, list)
    assert found[-1] == "again from the start of the log"


async def test_a_database_that_is_cut_or_changed_anywhere_is_told(place: Path, closed: Files) -> None:
    whole = closed[DATABASE]
    for length in (*places(whole, 4111), len(whole) - PAGE, len(whole) - 1):
        found = await told(place, {**closed, DATABASE: whole[:length]})
        assert found == (Part.DATABASE, Damage.CUT if length else Damage.EMPTY), length
    for at in (*places(whole, 1021), len(whole) - 1):
        found = await told(place, {**closed, DATABASE: changed(whole, at)})
        assert found == (Part.DATABASE, Damage.CHANGED if at >= 16 else Damage.UNFIT), at
    assert await told(place, {**closed, DATABASE: whole + bytes(PAGE)}) == (Part.DATABASE, Damage.CHANGED)
    assert await told(place, closed, bytes(32)) == (Part.DATABASE, Damage.UNFIT)


async def test_a_database_damaged_below_a_log_is_told_unless_the_log_holds_the_page(place: Path, killed: Files) -> None:
    whole = killed[DATABASE]
    logged = {int.from_bytes(killed[LOG][at : at + 4], "big") for at in range(32, len(killed[LOG]), FRAME)}
    for at in places(whole, 2043):
        found = await told(place, {**killed, DATABASE: changed(whole, at)})
        if at < 16:
            assert found == (Part.DATABASE, Damage.UNFIT)
        else:
            assert found == (ROWS if at // PAGE + 1 in logged else (Part.DATABASE, Damage.CHANGED)), at
    last = len(whole) // PAGE
    found = await told(place, {**killed, DATABASE: whole[:-1]})
    assert found == (ROWS if last in logged else (Part.DATABASE, Damage.CUT))
    found = await told(place, {**killed, DATABASE: whole[: 2 * PAGE]})
    assert found == (Part.DATABASE, Damage.CHANGED)


async def test_a_changed_byte_of_the_mark_is_told(place: Path, closed: Files) -> None:
    for at in range(len(closed[MARK])):
        found = await told(place, {**closed, MARK: changed(closed[MARK], at)})
        assert isinstance(found, tuple)
    for length in range(1, len(closed[MARK])):
        found = await told(place, {**closed, MARK: closed[MARK][:length]})
        assert found == (Part.MARK, Damage.CHANGED)


async def test_a_changed_index_is_made_anew(place: Path, killed: Files) -> None:
    for at in (*range(48), *range(48, 136, 11)):
        assert await told(place, {**killed, INDEX: changed(killed[INDEX], at)}) == ROWS, at
    assert await told(place, {**killed, INDEX: killed[INDEX][:60]}) == ROWS


async def test_the_index_of_another_log_promises_nothing(place: Path, closed: Files, killed: Files) -> None:
    put(place, closed)
    store = await open_file(place / DATABASE)
    for number in range(2 * len(LATER)):
        await store.transact(lambda notes, number=number: notes.add(f"{number} {'z' * 3000}"))
    other = read(place)
    await store.close()
    assert len(other[LOG]) > len(killed[LOG])
    assert await told(place, {**killed, INDEX: other[INDEX]}) == ROWS


# --------------------------------------------------------------------------------------------------------- the store


async def test_a_file_without_encryption_is_looked_through_as_well(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    store = await open_file(folder / DATABASE, None)
    await store.transact(lambda notes: notes.add(*ROWS))
    left = read(folder)
    await store.close()
    assert await told(place, left, None) == ROWS
    assert await told(place, {**left, LOG: changed(left[LOG], 5000)}, None) == (Part.LOG, Damage.CHANGED)


async def test_the_log_is_folded_into_the_file_when_nothing_is_written_for_a_while(place: Path) -> None:
    store: SqliteStore[Notes] = await open_file(place / DATABASE, rest=0.0)
    try:
        before = (place / DATABASE).read_bytes()
        await store.transact(lambda notes: notes.add(*ROWS))
        await changes(place / DATABASE, before)
        await store.transact(lambda notes: notes.connection.execute("PRAGMA user_version").fetchall())
        database = (place / DATABASE).read_bytes()
    finally:
        await store.close()
    assert database == (place / DATABASE).read_bytes(), "closing had nothing left to fold"


async def test_without_a_mark_the_log_stays(place: Path, closed: Files) -> None:
    put(place, closed)
    store = await open_file(place / DATABASE)
    await store.transact(lambda notes: notes.add("last"))
    (place / MARK).mkdir()  # so that none can be written
    await store.close()
    (place / MARK).rmdir()
    left = read(place)
    assert len(left[LOG]) > FRAME
    assert await told(place, left) == [*ROWS, "last"]


async def test_what_is_beside_a_database_lies_where_a_link_leads_to(place: Path, killed: Files, tmp_path: Path) -> None:
    put(place, killed)
    link = tmp_path / "linked.db"
    link.symlink_to(place / DATABASE)
    store = await open_file(link)
    assert await store.query(Notes.all) == ROWS
    await store.close()
    assert link.is_symlink()
    assert sorted(read(place)) == [DATABASE, MARK]
    put(place, {DATABASE: killed[DATABASE]})
    with pytest.raises(Damaged, match=LOG):
        await open_file(link)


async def test_a_mark_that_cannot_be_taken_away_stops_the_start(place: Path, closed: Files) -> None:
    put(place, {DATABASE: closed[DATABASE], LOG: b""})
    (place / MARK).mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        await open_file(place / DATABASE)
    assert beside(place / DATABASE, "closed").is_dir()


async def test_another_programs_log_is_left_alone_too(place: Path) -> None:
    other = sqlite3.connect(place / DATABASE, isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("CREATE TABLE theirs (a)")
    left = read(place)
    other.close()
    put(place, left)
    with pytest.raises(StoreError) as caught:
        await open_file(place / DATABASE, None)
    assert caught.value.cause is StoreCause.FOREIGN
    assert read(place) == left


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.contract.store_ports import Notes, open_file

async def main(path):
    store = await open_file(path, rest=0.0)
    start = len(await store.query(Notes.all))
    for number in range(start, start + 1000):
        await store.transact(lambda notes: notes.add(f"{number} " + "x" * 900))
        print(number, flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_process_killed_in_the_middle_of_writing_leaves_a_file_that_opens(place: Path) -> None:
    """Again and again on one file, with its log folded in between at whatever moment."""
    for lives in (1, 30, 2, 90, 7):
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(place / DATABASE), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert writer.stdout is not None
        async with asyncio.timeout(60):
            for _ in range(lives):
                acknowledged = int(await writer.stdout.readline())
        writer.kill()
        await writer.communicate()
        store = await open_file(place / DATABASE)
        rows = [int(words.split()[0]) for words in await store.query(Notes.all)]
        await store.close()
        assert rows == list(range(len(rows)))
        assert len(rows) > acknowledged
