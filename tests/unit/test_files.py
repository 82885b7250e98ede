from __future__ import annotations

import errno
import os
import resource
import stat
from pathlib import Path

import pytest

from channels_desktop import files
from channels_desktop.errors import StoreCause, StoreError


def test_a_file_is_replaced_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.write_text("old")
    path.chmod(0o644)
    for content in (b"bytes\xff", "text é"):
        files.write(path, content)
        assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
        assert path.stat().st_mode & 0o777 == 0o600
    assert files.names(tmp_path) == {"small"}


def test_what_is_read_meanwhile_is_the_old_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "small"
    files.write(path, "old")
    with path.open() as reader:
        files.write(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere" / "small")
    files.write(link, "kept there")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "small").read_text() == "kept there"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(StoreError, match="small cannot be written"):
            files.write(path, "n" * 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert files.names(tmp_path) == {"small"}


def test_what_is_written_is_on_the_disk_before_its_name_and_the_name_before_it_is_said_to_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut may take is whatever was not synced: noted are the system's own calls, each carried out."""
    steps: list[tuple[str, int, int]] = []
    really_sync, really_replace = os.fsync, os.replace

    def sync(handle: int) -> None:
        really_sync(handle)
        found = os.fstat(handle)
        steps.append(("synced", found.st_ino, 0 if stat.S_ISDIR(found.st_mode) else found.st_size))

    def replace(source: Path, target: Path) -> None:
        steps.append(("renamed", source.stat().st_ino, source.stat().st_size))
        really_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder / "small")
    for content in (b"first", b"and then more"):
        steps.clear()
        files.write(link, content)
        file = (folder / "small").stat().st_ino
        assert steps == [
            ("synced", file, len(content)),
            ("renamed", file, len(content)),
            ("synced", folder.stat().st_ino, 0),
        ]


def test_names_are_of_everything_that_is_there_even_of_links_to_nothing(tmp_path: Path) -> None:
    assert files.names(tmp_path / "missing") == frozenset()
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    assert files.names(tmp_path) == {"gone"}
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be read"):
        files.names(tmp_path / "file")


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, StoreCause.FULL),
        (errno.EROFS, StoreCause.READ_ONLY),
        (errno.EACCES, StoreCause.READ_ONLY),
        (errno.EIO, StoreCause.UNREADABLE),
    ],
)
def test_the_systems_errors_have_causes(number: int, cause: StoreCause) -> None:
    assert files.refused(Path("small"), "read", OSError(number, os.strerror(number))).cause is cause
    assert str(files.refused(Path("small"), "read", OSError())) == "small cannot be read: OSError"
