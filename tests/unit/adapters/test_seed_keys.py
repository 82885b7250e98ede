from __future__ import annotations

import hashlib
import hmac
import traceback
from collections.abc import Callable

import pytest

from channels_desktop.adapters.memory import MemoryKeys
from channels_desktop.adapters.seed_keys import SeedKeys
from channels_desktop.bitcoin.keys import Seed
from channels_desktop.errors import WalletLocked

ENTROPY = bytes(range(16))
CALLS: list[Callable[[SeedKeys], object]] = [
    lambda keys: keys.relationship_key(0),
    lambda keys: keys.relationship_context(0),
    lambda keys: keys.receive_context(),
    lambda keys: keys.coin_key(bytes(32), 0),
    lambda keys: keys.random(1),
]


def test_every_key_is_that_of_the_seed_by_the_rule() -> None:
    words = Seed(ENTROPY).words
    stretched = hashlib.pbkdf2_hmac("sha512", words.encode(), b"mnemonic", 2048)
    secret = hmac.digest(b"channels/seed/0", stretched, "sha512")[32:]
    keys = SeedKeys(Seed(ENTROPY))
    for index in (0, 1, 70_000):
        number = index.to_bytes(4, "little")
        assert keys.relationship_key(index).to_bytes() == hmac.digest(secret, b"rel-key/0" + number, "sha512")[:32]
        assert keys.relationship_context(index) == hmac.digest(secret, b"rel/0" + number, "sha512")[:32]
    assert keys.receive_context() == hmac.digest(secret, b"recv/0", "sha512")[:32]
    assert keys.coin_key(bytes(32), 7) == Seed(ENTROPY).coin_key(bytes(32), 7)


def test_a_relationship_key_is_derived_once() -> None:
    keys = SeedKeys(Seed(ENTROPY))
    assert keys.relationship_key(3) is keys.relationship_key(3)


@pytest.mark.parametrize("call", CALLS)
def test_a_locked_wallet_gives_nothing_until_it_is_unlocked(call: Callable[[SeedKeys], object]) -> None:
    for keys in (SeedKeys(Seed(ENTROPY)), MemoryKeys(ENTROPY)):
        call(keys)
        keys.lock()
        with pytest.raises(WalletLocked):
            call(keys)
        keys.unlock(Seed(ENTROPY))
        call(keys)


def test_nothing_derived_outlives_the_lock() -> None:
    keys = SeedKeys(Seed(ENTROPY))
    first = keys.relationship_key(0)
    keys.unlock(Seed(bytes(16)))
    assert keys.relationship_key(0) != first


def test_no_secret_is_shown() -> None:
    keys = SeedKeys(Seed(ENTROPY))
    keys.relationship_key(0)
    assert repr(keys) == "<SeedKeys unlocked>"
    keys.lock()
    assert repr(keys) == "<SeedKeys locked>"
    with pytest.raises(WalletLocked) as caught:
        keys.random(1)
    assert ENTROPY.hex() not in "".join(traceback.format_exception(caught.value))


def test_the_random_bytes_in_memory_repeat_from_run_to_run_but_not_within_one() -> None:
    first, second, other = MemoryKeys(ENTROPY), MemoryKeys(ENTROPY), MemoryKeys(bytes(16))
    drawn = [first.random(32) for _ in range(100)]
    assert drawn == [second.random(32) for _ in range(100)]
    assert len({*drawn, other.random(32)}) == 101
