"""Accounts that people open for themselves with a key, where the operator allows it: ElectrumSV's way.

Whoever shows a signed text opens the account of its key, or is told that account's token again. Nothing is kept for
that: the token follows from the key and from the operator's token. The text may be any, so a signature that a key once
gave elsewhere opens its account here too; clients have a key of its own for this.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from channels_desktop.errors import Refused
from channels_desktop.host.limits import Rates
from channels_desktop.host.management import token_of

IsSigned = Callable[[bytes, bytes, bytes], bool]
"""Whether, by a public key of 33 bytes (the first), there is a signature (the second) over a text (the third)."""

_EVERYBODY = 0


@dataclass(frozen=True, slots=True)
class Registration:
    """How accounts are opened: `secret` makes their tokens, `rates` bounds how many new ones there are."""

    is_signed: IsSigned
    secret: bytes = field(repr=False)
    rates: Rates

    def key(self, body: Mapping[str, object]) -> bytes:
        """Return the public key that a request is signed with; raise Refused where it is not."""
        key, signature, text = (_hex(body, f"{name}_hex") for name in ("public_key", "signature", "message"))
        if not self.is_signed(key, signature, text):
            raise Refused("unauthorized", "the signature is not by this key")
        return key

    def token(self, key: bytes) -> str:
        """Return the token of a key's account."""
        return token_of(hmac.digest(self.secret, b"account " + key, "sha256"))

    def count(self) -> None:
        """Count a new account; raise TooFast where there are too many."""
        self.rates.take(_EVERYBODY)


def _hex(body: Mapping[str, object], name: str) -> bytes:
    value = body.get(name)
    try:
        return bytes.fromhex(value if isinstance(value, str) else "?")
    except ValueError:
        raise Refused("bad_request", f"{name} is no text in hex") from None
