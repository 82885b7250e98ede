"""Keys on secp256k1: hashes, derivation by a hash, signatures, and the wallet's seed with its paths.

A public key is its 33 compressed bytes everywhere. Rules: wire-format 7, 8 and 10, channels.md 2.6 and 6.1.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache
from typing import Self

import bitcoinx
import coincurve
import coincurve.context

from channels_desktop.errors import Misuse, WireError

CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
PUBLIC_KEY_SIZE = 33
HASH_SIZE = 32
SEED_WORDS = 12
_ENTROPY_SIZE = 16
_INTEGER = 0x02  # DER tag
_SEQUENCE = 0x30  # DER tag
_SIGN_BIT = 0x80
_SHORTEST_DER = 8
_USUAL_DER = re.compile(  # r of 32 bytes, below the order; s of 32 bytes, below half of it: nearly all that are made
    rb"\x30(?:\x44\x02\x20[\x01-\x7f].{31}|\x45\x02\x21\x00[\x80-\xfe].{31})\x02\x20[\x01-\x7e].{31}", re.DOTALL
)


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 of `data`."""
    return hashlib.sha256(data).digest()


def hash256(data: bytes) -> bytes:
    """Return SHA-256 applied twice: block hashes, txids, signature hashes."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def hash160(data: bytes) -> bytes:
    """Return RIPEMD-160 of SHA-256, 20 bytes: what a P2PKH script names."""
    return bytes(bitcoinx.hash160(data))


class _Signer(coincurve.PrivateKey):
    """A key that only signs: coincurve's own constructor works out the public key, the costlier half of a signature."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.context = coincurve.context.GLOBAL_CONTEXT


class PrivateKey:
    """One private key; neither repr nor errors show it.

    `secret` is its 32 bytes, big endian. A value of 0 or >= the curve order raises WireError("invalid_key").
    """

    __slots__ = ("_public", "_signer")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != HASH_SIZE or not 0 < int.from_bytes(secret, "big") < CURVE_ORDER:
            raise WireError("invalid_key")
        self._signer = _Signer(secret)
        self._public = b""

    @property
    def public(self) -> bytes:
        """The 33 bytes of the public key, worked out when it is first asked for."""
        if not self._public:
            self._public = coincurve.PublicKey.from_valid_secret(self._signer.secret).format()
        return self._public

    def __repr__(self) -> str:
        return f"PrivateKey(public={self.public.hex()})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrivateKey) and self.public == other.public

    def __hash__(self) -> int:
        return hash(self.public)

    def to_bytes(self) -> bytes:
        """Return the 32 secret bytes, big endian."""
        return self._signer.secret

    def derive(self, h: bytes) -> PrivateKey:
        """Return the key (k + h) mod n; `h` is any 32 bytes as a big endian integer, also one >= n.

        A sum of zero is no key: WireError("invalid_key"); nobody meets it but by choosing h from k.
        """
        total = (int.from_bytes(self._signer.secret, "big") + _scalar(h)) % CURVE_ORDER
        return PrivateKey(total.to_bytes(HASH_SIZE, "big"))

    def sign(self, digest: bytes) -> bytes:
        """Return the DER signature of a 32 byte digest: deterministic (RFC 6979, SHA-256), low s."""
        if len(digest) != HASH_SIZE:
            raise Misuse("a signature covers a hash of 32 bytes")
        return self._signer.sign(digest, hasher=None)


def _scalar(h: bytes) -> int:
    if len(h) != HASH_SIZE:
        raise Misuse("a derivation hash has 32 bytes")
    return int.from_bytes(h, "big") % CURVE_ORDER


@lru_cache(maxsize=4096)
def _point(public: bytes) -> coincurve.PublicKey:
    """Return the parsed key; kept, because the keys of a relationship are used again and again."""
    if len(public) != PUBLIC_KEY_SIZE:
        raise WireError("wrong_size", f"a public key has 33 bytes, not {len(public)}")
    try:
        return coincurve.PublicKey(public)
    except ValueError:
        raise WireError("invalid_key") from None


def check_public(data: bytes) -> bytes:
    """Return `data` if it is a public key: 33 bytes, 02 or 03 first, a point of the curve (wire-format 8).

    Raises WireError: "wrong_size" for another length, else "invalid_key".
    """
    _point(data)
    return data


def derive_public(public: bytes, h: bytes) -> bytes:
    """Return the public key K + h*G, that of `PrivateKey.derive(h)`; WireError("invalid_key") if there is none."""
    point = _point(public)
    try:
        return point.add(_scalar(h).to_bytes(HASH_SIZE, "big")).format()
    except ValueError:
        raise WireError("invalid_key", "the derived key is no point") from None


def parse_der(der: bytes) -> tuple[int, int]:
    """Return (r, s) of a DER signature; its length byte governs and bytes after that end are dropped.

    Raises WireError("bad_signature_encoding") for needless padding and for r or s that is negative, 0 or >= n.
    """
    end = 2 + der[1] if len(der) >= _SHORTEST_DER and der[0] == _SEQUENCE else len(der) + 1
    if end > len(der):
        raise WireError("bad_signature_encoding")
    r, at = _read_integer(der, 2, end)
    s, at = _read_integer(der, at, end)
    if at != end:
        raise WireError("bad_signature_encoding")
    return r, s


def _read_integer(der: bytes, at: int, end: int) -> tuple[int, int]:
    if at + 2 > end or der[at] != _INTEGER or der[at + 1] == 0 or at + 2 + der[at + 1] > end:
        raise WireError("bad_signature_encoding")
    digits = der[at + 2 : at + 2 + der[at + 1]]
    padded = len(digits) > 1 and digits[0] == 0 and digits[1] < _SIGN_BIT
    value = int.from_bytes(digits, "big", signed=True)
    if padded or not 0 < value < CURVE_ORDER:
        raise WireError("bad_signature_encoding")
    return value, at + 2 + len(digits)


def write_der(r: int, s: int) -> bytes:
    """Return the DER form of a signature with its low s."""
    s = min(s, CURVE_ORDER - s)
    body = b""
    for value in (r, s):
        digits = value.to_bytes(value.bit_length() // 8 + 1, "big")
        body += bytes((_INTEGER, len(digits))) + digits
    return bytes((_SEQUENCE, len(body))) + body


def low_s_der(der: bytes) -> bytes:
    """Return a DER signature with its low s and without bytes after its end; WireError("bad_signature_encoding")."""
    return der if _USUAL_DER.fullmatch(der) else write_der(*parse_der(der))


def verify(public: bytes, digest: bytes, der: bytes) -> bool:
    """Return whether `der` signs the 32 byte `digest`; as lenient as `parse_der`, and a high s is fine (wire-format 7).

    Bad keys raise WireError("invalid_key") or ("wrong_size"); bad signature bytes are simply False.
    """
    return _verify(public, bytes(HASH_SIZE), digest, der)


def verify_derived(public: bytes, h: bytes, digest: bytes, der: bytes) -> bool:
    """Return whether `der` signs `digest` with the key that `h` derives from the base key `public`, as `verify`.

    The derived key K + h*G is not worked out. With it the point to compare is e/s*G + r/s*(K + h*G), which is
    (e + r*h)/s*G + r/s*K: what the base key gives for the digest e + r*h. Only where K + h*G is no point would this say
    more than it may, so `h` must be a hash that nobody can choose, such as one made from the digest.
    """
    return _verify(public, h, digest, der)


def _verify(public: bytes, h: bytes, digest: bytes, der: bytes) -> bool:
    point = _point(public)
    if len(digest) != HASH_SIZE:
        raise Misuse("a signature covers a hash of 32 bytes")
    try:
        der = low_s_der(der)
    except WireError:
        return False
    r = int.from_bytes(der[4 : 4 + der[3]], "big")
    shifted = (int.from_bytes(digest, "big") + r * _scalar(h)) % CURVE_ORDER
    return point.verify(der, shifted.to_bytes(HASH_SIZE, "big"), hasher=None)


class Seed:
    """The one secret a wallet is restored from: 16 bytes of entropy, written as 12 English BIP39 words.

    Every key of the wallet follows from it (channels.md 6.1, the replaced scheme). Neither repr nor errors show it.
    Making one costs some milliseconds (PBKDF2).
    """

    __slots__ = ("_base", "_chain_secret", "entropy")

    entropy: bytes

    def __init__(self, entropy: bytes) -> None:
        if len(entropy) != _ENTROPY_SIZE:
            raise WireError("bad_seed", f"16 bytes are needed, not {len(entropy)}")
        self.entropy = entropy
        seed = bitcoinx.BIP39Mnemonic.to_seed(self.words, "")
        left, self._chain_secret = _halves(b"channels/seed/0", seed)
        self._base = PrivateKey(left)

    @classmethod
    def from_words(cls, words: str) -> Self:
        """Return the seed of 12 words; spaces and capitals do not matter.

        Raises WireError("bad_seed"), naming the places of unknown words but never the words.
        """
        given = bitcoinx.BIP39Mnemonic.normalize(words).split()
        if len(given) != SEED_WORDS:
            raise WireError("bad_seed", f"{SEED_WORDS} words are needed, not {len(given)}")
        places = {word: place for place, word in enumerate(_word_list())}
        unknown = [str(number) for number, word in enumerate(given, 1) if word not in places]
        if unknown:
            raise WireError("bad_seed", f"not in the word list: number {', '.join(unknown)}")
        bits = 0
        for word in given:
            bits = bits << 11 | places[word]
        seed = cls((bits >> 4).to_bytes(_ENTROPY_SIZE, "big"))
        if seed.words.split() != given:
            raise WireError("bad_seed", "the check bits do not fit: a word is wrong or out of place")
        return seed

    def __repr__(self) -> str:
        return "Seed(hidden)"

    @property
    def words(self) -> str:
        """The 12 words, one space between."""
        checked = int.from_bytes(self.entropy, "big") << 4 | sha256(self.entropy)[0] >> 4
        return " ".join(_word_list()[checked >> 11 * place & 0x7FF] for place in reversed(range(SEED_WORDS)))

    def relationship_key(self, k: int) -> PrivateKey:
        """Return the base key of relationship `k`; its leak exposes nothing else."""
        return PrivateKey(self._left(b"rel-key/0" + _u32(k)))

    def relationship_context(self, k: int) -> bytes:
        """Return the 32 byte coin context of relationship `k`."""
        return self._left(b"rel/0" + _u32(k))

    def receive_context(self) -> bytes:
        """Return the 32 byte context of plain receives on the chain."""
        return self._left(b"recv/0")

    def coin_key(self, context: bytes, i: int) -> PrivateKey:
        """Return coin key `i` of a 32 byte context. Its derivation hash never leaves the wallet."""
        h = self._left(b"wallet/0" + context + _u32(i))
        if not 0 < int.from_bytes(h, "big") < CURVE_ORDER:
            raise Misuse(f"coin key {i} does not exist: take the next")
        return self._base.derive(h)

    def _left(self, message: bytes) -> bytes:
        return _halves(self._chain_secret, message)[0]


def _halves(key: bytes, message: bytes) -> tuple[bytes, bytes]:
    digest = hmac.digest(key, message, "sha512")
    return digest[:HASH_SIZE], digest[HASH_SIZE:]


def _u32(value: int) -> bytes:
    if not 0 <= value < 1 << 32:
        raise Misuse(f"{value} is no key number")
    return value.to_bytes(4, "little")


def _word_list() -> list[str]:
    words: list[str] = bitcoinx.Wordlists.bip39_wordlist("english.txt")
    return words
