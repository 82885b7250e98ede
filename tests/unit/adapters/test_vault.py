from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from channels_desktop.adapters.vault import change_passphrase, check_vault, create_vault, open_vault
from channels_desktop.errors import Damage, Damaged, Part, StoreCause, StoreError, WrongPassphrase

PASSPHRASE = "correct horse ﬁne café"
CHEAP = {"passes": 1, "memory_kib": 8192, "lanes": 1}
Fields = dict[str, str | int]


def _sealed(fields: Fields) -> Fields:
    body = {name: value for name, value in fields.items() if name != "check"}
    return {**body, "check": hashlib.sha256(json.dumps(body).encode()).hexdigest()}


def _made(key: bytes, passphrase: bytes) -> Fields:
    """Build a vault by the words of its description alone, with little stretching."""
    salt, nonce = bytes(range(16)), bytes(range(12))
    header: Fields = {"format": "channels vault 1: argon2id, chacha20-poly1305", **CHEAP}
    header |= {"salt": salt.hex(), "nonce": nonce.hex()}
    stretched = hash_secret_raw(
        passphrase, salt, time_cost=1, memory_cost=8192, parallelism=1, hash_len=32, type=Type.ID
    )
    locked = ChaCha20Poly1305(stretched).encrypt(nonce, key, json.dumps(header).encode())
    return _sealed({**header, "locked_key": locked.hex()})


def _write(path: Path, fields: object) -> Path:
    path.write_text(json.dumps(fields), encoding="utf-8")
    return path


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _modes(folder: Path) -> dict[str, int]:
    return {file.relative_to(folder).as_posix(): file.stat().st_mode & 0o777 for file in folder.rglob("*")}


@contextmanager
def _limited(kind: int, most: int) -> Iterator[None]:
    """Let the system refuse this process what goes beyond `most` bytes."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profile" / "vault.json"


async def test_the_key_comes_back_and_is_new_each_time(path: Path) -> None:
    key = await create_vault(path, PASSPHRASE)
    assert len(key) == 32
    assert await open_vault(path, PASSPHRASE) == key
    assert await create_vault(path.with_name("other.json"), PASSPHRASE) != key
    with pytest.raises(WrongPassphrase):
        await open_vault(path, PASSPHRASE + " ")


async def test_the_file_is_for_its_owner_and_holds_neither_key_nor_passphrase(path: Path) -> None:
    key = await create_vault(path, PASSPHRASE)
    text = _text(path)
    fields = json.loads(text)
    assert [fields[name] for name in ("passes", "memory_kib", "lanes")] == [3, 65536, 4]
    assert key.hex() not in text
    assert "horse" not in text
    assert _modes(path.parent.parent) == {"profile": 0o700, "profile/vault.json": 0o600}


async def test_it_is_made_as_described_and_the_form_of_letters_does_not_matter(tmp_path: Path) -> None:
    key = bytes(range(100, 132))
    path = _write(tmp_path / "vault.json", _made(key, "correct horse fine cafe\u0301".encode()))
    assert await open_vault(path, PASSPHRASE) == key
    assert await open_vault(path, "correct horse fine cafe\u0301") == key


async def test_a_passphrase_may_be_any_text(tmp_path: Path) -> None:
    for number, text in enumerate(("", "\udcff", "密码\0🗝")):
        key = bytes([number]) * 32
        path = _write(tmp_path / "vault.json", _made(key, text.encode("utf-8", "surrogatepass")))
        assert await open_vault(path, text) == key


async def test_an_existing_vault_is_never_written_over(path: Path) -> None:
    key = await create_vault(path, PASSPHRASE)
    with pytest.raises(StoreError, match="already"):
        await create_vault(path, "another")
    assert await open_vault(path, PASSPHRASE) == key


async def test_changing_the_passphrase_keeps_the_key_and_renews_the_rest(tmp_path: Path) -> None:
    key = bytes(range(32))
    path = _write(tmp_path / "vault.json", _made(key, b"old"))
    before = json.loads(path.read_bytes())
    with pytest.raises(WrongPassphrase):
        await change_passphrase(path, "wrong", "new")
    assert json.loads(path.read_bytes()) == before
    await change_passphrase(path, "old", "new")
    after = json.loads(path.read_bytes())
    assert after["salt"] != before["salt"]
    assert after["nonce"] != before["nonce"]
    assert after["memory_kib"] == 65536
    assert await open_vault(path, "new") == key
    with pytest.raises(WrongPassphrase):
        await open_vault(path, "old")


@pytest.mark.parametrize(
    "change",
    [
        {"passes": 0}, {"passes": 17}, {"passes": "3"}, {"passes": True}, {"passes": 1.0}, {"memory_kib": 1 << 21},
        {"memory_kib": 1}, {"lanes": 0}, {"lanes": 1 << 24}, {"salt": "00"}, {"salt": "zz" * 16}, {"nonce": ""},
        {"nonce": "é" * 24}, {"locked_key": "00" * 47}, {"locked_key": None}, {"format": "something else"},
        {"format": 1}, {"extra": 1},
    ],
)  # fmt: skip
async def test_unsound_fields_are_damage_even_where_the_sum_is_right(tmp_path: Path, change: Fields) -> None:
    path = _write(tmp_path / "vault.json", _sealed({**_made(bytes(32), b"p"), **change}))
    with pytest.raises(StoreError, match="damaged"):
        await open_vault(path, "p")


@pytest.mark.parametrize("text", [b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 3000, b" " * 10_000, b'{"passes": 1}'])
async def test_other_bytes_are_damage(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "vault.json").write_bytes(text)
    with pytest.raises(Damaged, match="damaged"):
        await open_vault(tmp_path / "vault.json", "p")


async def test_a_file_that_is_missing_empty_or_cut_anywhere_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    whole = json.dumps(_made(bytes(32), b"p"), indent=2).encode()
    with pytest.raises(Damaged) as caught:
        await open_vault(path, "p")
    assert (caught.value.part, caught.value.damage) == (Part.KEY_FILE, Damage.MISSING)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(Damaged) as caught:
            check_vault(path)
        assert caught.value.damage is (Damage.CUT if length else Damage.EMPTY), whole[:length]
    path.write_bytes(whole)
    check_vault(path)


async def test_a_changed_byte_anywhere_is_damage_and_never_a_wrong_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    whole = json.dumps(_made(bytes(32), b"p"), indent=2).encode()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(StoreError) as caught:
            check_vault(path)
        told = caught.value
        newer = told.cause is StoreCause.NEWER  # the number in the name of the form is not told from a later one
        assert newer or (isinstance(told, Damaged) and told.damage is Damage.CHANGED), path.read_bytes()


async def test_one_changed_digit_is_told_from_a_wrong_passphrase(tmp_path: Path) -> None:
    fields = _made(bytes(32), b"p")
    for name in ("salt", "nonce", "locked_key", "check"):
        old = str(fields[name])
        path = _write(tmp_path / "vault.json", {**fields, name: ("1" if old[0] == "0" else "0") + old[1:]})
        with pytest.raises(StoreError, match="damaged") as caught:
            await open_vault(path, "p")
        assert not isinstance(caught.value, WrongPassphrase)


async def test_every_field_is_bound_to_the_key(tmp_path: Path) -> None:
    path = _write(tmp_path / "vault.json", _sealed({**_made(bytes(32), b"p"), "nonce": "11" * 12}))
    with pytest.raises(WrongPassphrase):
        await open_vault(path, "p")


async def test_a_newer_form_is_not_called_damage(tmp_path: Path) -> None:
    path = _write(tmp_path / "vault.json", {"format": "channels vault 2: something better"})
    with pytest.raises(StoreError, match="newer"):
        await open_vault(path, "p")


async def test_what_the_disk_refuses_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be read"):
        await open_vault(tmp_path, "p")
    with pytest.raises(StoreError, match="cannot be made"):
        await create_vault(tmp_path / "file" / "vault.json", "p")


async def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = _write(tmp_path / "vault.json", _made(bytes(32), b"old"))
    before = _text(path)
    with _limited(resource.RLIMIT_FSIZE, 100), pytest.raises(StoreError, match="cannot be written"):
        await change_passphrase(path, "old", "new")
    assert _text(path) == before
    assert list(_modes(tmp_path)) == ["vault.json"]


async def test_too_little_memory_is_a_store_error(tmp_path: Path) -> None:
    fields = _sealed({**_made(bytes(32), b"p"), "memory_kib": 1 << 20})
    path = _write(tmp_path / "vault.json", fields)
    in_use = int(_text(Path("/proc/self/statm")).split()[0]) * resource.getpagesize()
    with _limited(resource.RLIMIT_AS, in_use + (1 << 29)), pytest.raises(StoreError, match="1024 MiB of free memory"):
        await open_vault(path, "p")


async def test_neither_secret_is_in_an_error(tmp_path: Path) -> None:
    key = bytes(range(32))
    right, wrong = "horse" * 3, "horse" * 4
    path = _write(tmp_path / "vault.json", _made(key, right.encode()))
    with pytest.raises(WrongPassphrase) as caught:
        await open_vault(path, wrong)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "open_vault" in told
    assert right not in told
    assert key.hex() not in told


async def test_the_loop_runs_on_meanwhile(path: Path) -> None:
    making = asyncio.ensure_future(create_vault(path, PASSPHRASE))  # noqa: TID251 - what runs beside it is the test
    turns = 0
    while not making.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert len(making.result()) == 32
    assert turns > 3
