"""The files of a host's folder: who may read them, what is written again, and what is half there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from channels_desktop.errors import StoreError
from channels_desktop.host.serve import Host
from channels_desktop.host.sqlite import SqliteStore
from tests.unit.host.test_sqlite import Mail, sequences, unheard

posix = pytest.mark.skipif(sys.platform == "win32", reason="rights of files are POSIX's")
SMALL = ("operator_token", "port", "base_url")


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("host.sqlite*")}


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.glob("host.sqlite*")}


def put(folder: Path, files: dict[str, bytes]) -> None:
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """Return a folder that everybody may read."""
    tmp_path.chmod(0o755)
    return tmp_path


@posix
@pytest.mark.parametrize("before", [None, 0o644])
async def test_mail_is_for_its_owner_also_in_a_folder_that_everybody_may_read(
    open_folder: Path, before: int | None
) -> None:
    if before is not None:
        (open_folder / "host.sqlite").touch(before)
        (open_folder / "host.sqlite").chmod(before)
    mail = await Mail.open(open_folder)
    await mail.post(b"secret")
    found = modes(open_folder)
    await mail.store.close()
    assert found == ({0o600} if before is None else {0o640}), "what a group may do is its owner's choice"
    assert (open_folder / "host.lock").stat().st_mode & 0o777 == 0o600


async def test_small_files_that_stay_as_they_are_are_not_written_again(tmp_path: Path) -> None:
    host = await Host.start(tmp_path)
    await host.stop()
    before = [(tmp_path / name).stat() for name in SMALL]
    host = await Host.start(tmp_path)
    await host.stop()
    assert [(tmp_path / name).stat() for name in SMALL] == before


async def test_a_damaged_log_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path / "host")
    for number in range(6):
        await mail.post(b"%d" % number)
    left = read(tmp_path / "host")
    token, channel = mail.token, mail.channel.id
    await mail.store.close()
    log = left["host.sqlite-wal"]
    folder = tmp_path / "again"
    folder.mkdir()
    put(folder, left)
    store = await SqliteStore.open(folder, unheard)
    assert await sequences(store, token, channel) == [1, 2, 3, 4, 5, 6]
    await store.close()
    middle = len(log) // 2
    bad = log[:middle] + bytes([log[middle] ^ 1]) + log[middle + 1 :]
    for files in (
        {**left, "host.sqlite-wal": bad},
        {name: content for name, content in left.items() if name != "host.sqlite"},
        {**left, "host.sqlite": b""},
    ):
        put(folder, files)
        with pytest.raises(StoreError, match=r"put .* back"):
            await SqliteStore.open(folder, unheard)
        assert read(folder) == files


@posix
async def test_a_folder_that_cannot_be_looked_into_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "host.sqlite").symlink_to("host.sqlite")  # itself
    with pytest.raises(StoreError, match="cannot be opened"):
        await SqliteStore.open(tmp_path, unheard)
