"""The keys of an unlocked wallet, derived from its seed, and the randomness of the operating system."""

from __future__ import annotations

import secrets

from channels_desktop.bitcoin.keys import PrivateKey, Seed
from channels_desktop.errors import WalletLocked


class SeedKeys:
    """The Keys port over a seed held in memory; every method raises WalletLocked while it is locked.

    `lock` and `unlock` may be called from another thread than the rest: a call under way ends with what it began with.
    """

    def __init__(self, seed: Seed) -> None:
        self._seed: Seed | None = seed
        self._relationship_keys: dict[int, PrivateKey] = {}

    def __repr__(self) -> str:
        return f"<SeedKeys {'locked' if self._seed is None else 'unlocked'}>"

    def lock(self) -> None:
        """Forget the seed and every key derived from it."""
        self._seed = None
        self._relationship_keys = {}

    def unlock(self, seed: Seed) -> None:
        """Take up the work again with the same wallet's `seed`."""
        self._relationship_keys = {}
        self._seed = seed

    def relationship_key(self, index: int) -> PrivateKey:
        """Return the base key of relationship `index` (channels.md 6.1); kept, because every message needs it."""
        kept = self._relationship_keys
        seed = self._unlocked()
        if index not in kept:
            kept[index] = seed.relationship_key(index)
        return kept[index]

    def relationship_context(self, index: int) -> bytes:
        """Return the 32 byte coin context of relationship `index`."""
        return self._unlocked().relationship_context(index)

    def receive_context(self) -> bytes:
        """Return the 32 byte context of plain receives."""
        return self._unlocked().receive_context()

    def coin_key(self, context: bytes, index: int) -> PrivateKey:
        """Return coin key `index` of `context`."""
        return self._unlocked().coin_key(context, index)

    def random(self, size: int) -> bytes:
        """Return `size` random bytes of the operating system."""
        self._unlocked()
        return secrets.token_bytes(size)

    def _unlocked(self) -> Seed:
        seed = self._seed
        if seed is None:
            raise WalletLocked("the wallet is locked")
        return seed
