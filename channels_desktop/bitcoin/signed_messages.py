"""Texts that are signed for servers and people, not for transactions: the form of Bitcoin's own `signmessage`."""

from __future__ import annotations

import coincurve

from channels_desktop.bitcoin.keys import hash256
from channels_desktop.wire.varints import write_varint

_PREFIX = b"\x18Bitcoin Signed Message:\n"
_SIGNATURE_SIZE = 65
_FIRST_HEADER = 27  # 27 to 30, and 31 to 34 for keys that are written compressed


def is_signed_message(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature over `message` is by `public_key` (33 bytes).

    The signature is 65 bytes: one that tells how the key is found again, then r and s (big endian). Anything malformed
    is not signed.
    """
    if len(signature) != _SIGNATURE_SIZE or not 0 <= signature[0] - _FIRST_HEADER < 2 * 4:
        return False
    recoverable = signature[1:] + bytes(((signature[0] - _FIRST_HEADER) % 4,))
    digest = hash256(_PREFIX + write_varint(len(message)) + message)
    try:
        signer = coincurve.PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except ValueError:
        return False
    return signer.format() == public_key
