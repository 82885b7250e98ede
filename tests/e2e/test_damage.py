"""A profile of which a part is missing, cut or changed: never taken for none, and each kind has words of its own."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from channels_desktop import headless
from channels_desktop.adapters.repositories.records import Records
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.adapters.sqlite import SqliteStore
from channels_desktop.adapters.vault import open_vault
from channels_desktop.errors import ChannelsError, Damage, Damaged, Part, Refused, StoreCause, StoreError
from channels_desktop.host.serve import Host
from channels_desktop.ui import file_words, words

Files = dict[str, bytes]
VAULT, DATABASE, LOG, INDEX, MARK = "vault.json", "account.db", "account.db-wal", "account.db-shm", "account.db-closed"
PARTS = {VAULT, DATABASE, LOG, INDEX, MARK}
PASSPHRASE = "pass"


def read(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def put(folder: Path, files: Files) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def changed(content: bytes, at: int) -> bytes:
    other = bytearray(content)
    other[at] ^= 1
    return bytes(other)


@pytest.fixture
async def profile(tmp_path: Path) -> tuple[headless.NewProfile, Files, Files]:
    """Return how an account is made, what it leaves when it is killed, and when it is closed."""
    host = await Host.start(tmp_path / "host")
    new = headless.NewProfile("Carol", PASSPHRASE, host.base_url, host.operator_token, headless.Connection())
    folder = tmp_path / "made"
    await headless.create(folder, new)
    await host.stop()
    key = await open_vault(folder / VAULT, PASSPHRASE)
    store = await SqliteStore.open(folder / DATABASE, key, migrations=MIGRATIONS, records=Records)
    for number in range(20):
        await store.transact(lambda records, number=number: records.settings.put("number", str(number)))
    killed = {name: content for name, content in read(folder).items() if name in PARTS}
    await store.close()
    closed = {name: content for name, content in read(folder).items() if name in PARTS}
    assert sorted(killed) == [DATABASE, INDEX, LOG, VAULT]
    assert sorted(closed) == [DATABASE, MARK, VAULT]
    return new, killed, closed


async def problem(folder: Path, files: Files) -> Damaged | None:
    """Say what is wrong with a profile, before and after its passphrase is known; all its files stay as they are."""
    put(folder, files)
    assert headless.exists(folder), "no wizard opens on it"
    told = None
    try:
        await headless.check(folder)
        account = await headless.unlock(folder, PASSPHRASE)
        await account.close()
    except Damaged as damaged:
        assert {name: (folder / name).read_bytes() for name in files} == files
        told = damaged
    return told


def expected(files: Files, whole: Files) -> tuple[Part, Damage] | None:
    """Return what has to be said of a subset of the files, some of them empty."""
    if VAULT not in files and DATABASE not in files:
        return Part.ACCOUNT, Damage.MISSING
    for name, part in ((VAULT, Part.KEY_FILE), (DATABASE, Part.DATABASE)):
        if not files.get(name):
            return part, Damage.EMPTY if name in files else Damage.MISSING
    if MARK in whole:
        if not files.get(MARK):
            return (Part.MARK, Damage.EMPTY) if MARK in files else (Part.LOG, Damage.MISSING)
    elif not files.get(LOG):
        return Part.LOG, Damage.EMPTY if LOG in files else Damage.MISSING
    return None


async def test_every_subset_of_a_profile_has_its_own_words_and_nothing_is_made_over_it(
    profile: tuple[headless.NewProfile, Files, Files], tmp_path: Path
) -> None:
    new, *wholes = profile
    folder = tmp_path / "half"
    sentences: dict[tuple[Part, Damage], str] = {}
    for whole in wholes:
        for choice in itertools.product(("whole", "empty", "missing"), repeat=len(whole)):
            files = {
                name: content if how == "whole" else b""
                for (name, content), how in zip(whole.items(), choice, strict=True)
                if how != "missing"
            }
            if not files:
                continue
            told = await problem(folder, files)
            assert (told and (told.part, told.damage)) == expected(files, whole), choice
            if told is not None:
                sentences[told.part, told.damage] = words.error(told)
                with pytest.raises(Refused, match="account_exists"):
                    await headless.create(folder, new)
                assert {name: (folder / name).read_bytes() for name in files} == files
    assert len(set(sentences.values())) == len(sentences) == 8


async def test_each_cut_and_each_change_has_its_own_words(
    profile: tuple[headless.NewProfile, Files, Files], tmp_path: Path
) -> None:
    _, killed, closed = profile
    folder = tmp_path / "half"
    sentences: set[str] = set()
    middle = len(killed[LOG]) // 2
    cases = [
        ({**closed, VAULT: closed[VAULT][:100]}, Part.KEY_FILE, Damage.CUT),
        ({**closed, VAULT: closed[VAULT].replace(b'"salt": "', b'"salt": "!')}, Part.KEY_FILE, Damage.CHANGED),
        ({**closed, DATABASE: closed[DATABASE][:-4096]}, Part.DATABASE, Damage.CUT),
        ({**closed, DATABASE: changed(closed[DATABASE], -1)}, Part.DATABASE, Damage.CHANGED),
        ({**closed, DATABASE: changed(closed[DATABASE], 0)}, Part.DATABASE, Damage.UNFIT),
        ({**killed, LOG: killed[LOG][:middle]}, Part.LOG, Damage.CUT),
        ({**killed, LOG: changed(killed[LOG], middle)}, Part.LOG, Damage.CHANGED),
        ({**closed, MARK: closed[MARK][:-1]}, Part.MARK, Damage.CHANGED),
        ({**closed, headless.CONNECTION: b""}, Part.CONNECTION, Damage.EMPTY),
        ({**closed, headless.CONNECTION: b'{"network": 1'}, Part.CONNECTION, Damage.CHANGED),
    ]
    for files, part, damage in cases:
        told = await problem(folder, files)
        assert told is not None, (part, damage)
        assert (told.part, told.damage) == (part, damage)
        sentences.add(words.error(told))
    assert len(sentences) == len(cases)


def test_every_cause_of_a_store_has_its_own_words() -> None:
    causes = [None, *StoreCause]
    assert len({words.error(StoreError("detail", cause)) for cause in causes}) == len(causes)
    fallback = file_words.damaged(Part.MARK, Damage.UNFIT)
    assert fallback.format(file="x").startswith("x is damaged.")
    assert isinstance(Damaged(Part.MARK, Damage.CHANGED, "x"), ChannelsError)
