"""What the engine keeps in memory beside the database follows the database."""

from __future__ import annotations

import pytest

from channels_desktop.adapters.memory_channels import MemoryHost
from channels_desktop.adapters.small_chain import SmallChain
from channels_desktop.engine import proofs
from channels_desktop.engine.turn import Turn
from tests.scenarios.people import person


async def test_headers_of_a_transaction_that_failed_are_forgotten() -> None:
    host, chain = MemoryHost(), SmallChain()
    who = await person("Alice", host, chain, bytes(15) + b"\x01")
    headers = SmallChain()
    headers.mine(3)

    def connect(turn: Turn) -> None:
        proofs.connect(turn, headers.headers_after(()))
        assert turn.headers.tip.height == 3
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await who.engine._run(connect)  # noqa: SLF001 - no door leads to a failure at will
    assert await who.engine._run(lambda turn: turn.headers.tip.height) == 0  # noqa: SLF001 - as above
    await who.engine.stop()
    await who.engine._store.close()  # noqa: SLF001 - the test owns the store
    host.close()
