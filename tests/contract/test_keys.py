"""The Keys port: with the randomness of the system, and with a stream that repeats."""

from __future__ import annotations

import pytest

from channels_desktop.adapters.memory import MemoryKeys
from channels_desktop.adapters.seed_keys import SeedKeys
from channels_desktop.bitcoin.keys import Seed, verify
from channels_desktop.engine.ports import Keys
from channels_desktop.errors import Misuse

ENTROPY = bytes(range(16))


def _made(kind: str, entropy: bytes) -> Keys:
    return SeedKeys(Seed(entropy)) if kind == "seed" else MemoryKeys(entropy)


@pytest.fixture(params=["seed", "memory"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_same_seed_gives_the_same_keys_and_another_gives_others(kind: str) -> None:
    def everything(keys: Keys) -> list[object]:
        context = keys.relationship_context(1)
        return [keys.relationship_key(1), context, keys.receive_context(), keys.coin_key(context, 5)]

    first = everything(_made(kind, ENTROPY))
    assert first == everything(_made(kind, ENTROPY))
    assert not set(first) & set(everything(_made(kind, bytes(16))))


def test_no_two_places_share_a_key(kind: str) -> None:
    keys = _made(kind, ENTROPY)
    contexts = [keys.receive_context(), *(keys.relationship_context(index) for index in range(10))]
    assert {len(context) for context in contexts} == {32}
    found = [keys.relationship_key(index) for index in range(10)]
    found += [keys.coin_key(context, index) for context in contexts for index in range(3)]
    assert len({key.public for key in found}) == 10 + 11 * 3
    assert len(set(contexts)) == 11


def test_a_key_signs(kind: str) -> None:
    key = _made(kind, ENTROPY).relationship_key(0)
    assert verify(key.public, bytes(32), key.sign(bytes(32)))
    assert not verify(key.public, b"\1" * 32, key.sign(bytes(32)))


@pytest.mark.parametrize("index", [-1, 1 << 32])
def test_a_number_that_does_not_fit_is_a_bug_of_ours(kind: str, index: int) -> None:
    keys = _made(kind, ENTROPY)
    for call in (keys.relationship_key, keys.relationship_context, lambda i: keys.coin_key(bytes(32), i)):
        with pytest.raises(Misuse):
            call(index)


def test_random_bytes_have_their_size_and_do_not_repeat(kind: str) -> None:
    keys = _made(kind, ENTROPY)
    assert [len(keys.random(size)) for size in (0, 1, 16, 32, 1000)] == [0, 1, 16, 32, 1000]
    drawn = [keys.random(16) for _ in range(1000)]
    assert len(set(drawn)) == 1000
    assert len(set(b"".join(drawn))) == 256
