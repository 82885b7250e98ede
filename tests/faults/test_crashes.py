"""A program dies at every commit of a payment, before it and after it, and goes on from its file (channels.md 3.7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.mortals import mortals


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_dying_at_any_commit_of_a_payment_costs_nothing(tmp_path: Path, name: str, when: str) -> None:
    async with mortals(tmp_path) as pair:
        victim = pair.alice if name == "alice" else pair.bob
        number, died = 0, True
        while died:
            number += 1
            life = victim.life
            life.at, life.when = life.commits + number, when
            await pair.settle_payment(f"lunch {number}", 1000 + number, f"text {number} of")
            await pair.settle_texts()
            died = life.died.is_set()
            life.at = 0
        assert number > 10, "a payment takes more commits than this"
        await pair.check_payments(number)
        await pair.check_numbers()
        await pair.check_texts()
