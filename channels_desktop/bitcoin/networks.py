"""The three networks by the names this project uses: "main", "test" and "regtest"."""

from __future__ import annotations

from typing import Any

import bitcoinx

from channels_desktop.errors import Misuse

_NETWORKS = {"main": bitcoinx.Bitcoin, "test": bitcoinx.BitcoinTestnet, "regtest": bitcoinx.BitcoinRegtest}


def network_rules(name: str) -> Any:  # noqa: ANN401 - bitcoinx is published without types
    """Return bitcoinx's description of a network; an unknown name is Misuse."""
    if name not in _NETWORKS:
        raise Misuse(f"no network {name!r}")
    return _NETWORKS[name]


def genesis_header(name: str) -> bytes:
    """Return the 80 bytes of the first block header of a network."""
    return bytes(network_rules(name).genesis_header)
