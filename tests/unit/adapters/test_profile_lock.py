from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from channels_desktop.adapters.profile_lock import LOCK_FILE, acquire, holder
from channels_desktop.errors import AlreadyRunning, FolderUnusable, StoreError

ROOT = Path(__file__).parents[3]
CHILD = """
import sys
from pathlib import Path
from channels_desktop.adapters.profile_lock import acquire
lock = acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def _held_by_a_child(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", CHILD, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "held\n"
            yield child
        finally:
            child.kill()


def test_another_process_is_refused_and_learns_who_holds_it(tmp_path: Path) -> None:
    with _held_by_a_child(tmp_path) as child:
        with pytest.raises(AlreadyRunning) as caught:
            acquire(tmp_path)
        assert caught.value.pid == child.pid
        assert isinstance(caught.value, StoreError)
        assert holder(tmp_path) == child.pid


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    with _held_by_a_child(tmp_path) as child:
        child.kill()
        child.wait()
        assert holder(tmp_path) is None
        acquire(tmp_path).release()


def test_one_process_gets_it_once_until_it_lets_go(tmp_path: Path) -> None:
    with acquire(tmp_path) as lock:
        with pytest.raises(AlreadyRunning) as caught:
            acquire(tmp_path)
        assert caught.value.pid == os.getpid()
        lock.release()
        with acquire(tmp_path), pytest.raises(AlreadyRunning):
            acquire(tmp_path)
    acquire(tmp_path).release()


def test_two_folders_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with acquire(tmp_path), acquire(tmp_path / "other"):
        assert (tmp_path / LOCK_FILE).exists()
        assert (tmp_path / "other" / LOCK_FILE).exists()


@pytest.mark.parametrize("left", [b"", b"not a number", b"\xff" * 100, b"9" * 100])
def test_what_stood_in_the_file_before_does_not_matter(tmp_path: Path, left: bytes) -> None:
    (tmp_path / LOCK_FILE).write_bytes(left)
    with acquire(tmp_path):
        assert (tmp_path / LOCK_FILE).read_bytes() == b"%d\n" % os.getpid()
        (tmp_path / LOCK_FILE).write_bytes(left)
        with pytest.raises(AlreadyRunning, match="in use"):
            acquire(tmp_path)


def test_a_missing_folder_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(FolderUnusable, match="No such file"):
        acquire(tmp_path / "missing")
