"""A payment in each of its states between two engines, and a window over either side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from channels_desktop.engine import commands as ask
from channels_desktop.engine.rows import Action, PaymentState
from channels_desktop.protocols.invoices.payee import GRACE
from channels_desktop.ui.bridge import Bridge
from channels_desktop.ui.card import PaymentCard
from channels_desktop.ui.preferences import Preferences
from channels_desktop.ui.theme import Theme
from channels_desktop.ui.window import MainWindow
from tests.faults.mortals import SECOND, Mortal, Pair, mortals
from tests.scenarios.test_hard_times import forget_the_pool, rival, until_action, until_states
from tests.ui.conftest import button, heard, settle, sheet

WHAT = "lunch"
PAYER, PAYEE = "bob", "alice"
S = PaymentState
Stage = Callable[[Pair], Awaitable[None]]

# -- states ---------------------------------------------------------------------------------------------------------


async def ordered(pair: Pair) -> None:
    await pair.bob.do(ask.OfferPayment(pair.bob.relationship, WHAT, 1000, "thanks"))
    await until_states(pair, WHAT, [S.ORDERED] * 2)


async def invoiced(pair: Pair) -> None:
    await ordered(pair)
    await until_action(pair, pair.alice, WHAT, Action.MAKE_INVOICE)
    await until_states(pair, WHAT, [S.INVOICED] * 2)


async def requested(pair: Pair) -> None:
    await pair.alice.do(ask.RequestPayment(pair.alice.relationship, WHAT, 1000, valid_for=3600 * SECOND))
    await until_states(pair, WHAT, [S.INVOICED] * 2)


async def paid(pair: Pair) -> None:
    pair.alice.engine._chain.reachable = False  # type: ignore[attr-defined]  # noqa: SLF001 - hers alone is cut
    await requested(pair)
    await until_action(pair, pair.bob, WHAT, Action.PAY)
    await until_states(pair, WHAT, [S.PAID] * 2)


async def late(pair: Pair) -> None:
    await requested(pair)
    await pair.alice.do(ask.CheckedSafetyNumber(pair.alice.relationship, matches=False))
    await until_action(pair, pair.bob, WHAT, Action.PAY)
    await until_states(pair, WHAT, [S.LATE, S.PAID])
    await pair.alice.do(ask.CheckedSafetyNumber(pair.alice.relationship, matches=True))


async def refused(pair: Pair) -> None:
    pair.chain.submit(await rival(pair))
    await requested(pair)
    await until_action(pair, pair.bob, WHAT, Action.PAY)
    await until_states(pair, WHAT, [S.INVOICED, S.REFUSED])


async def accepted(pair: Pair) -> None:
    await requested(pair)
    await until_action(pair, pair.bob, WHAT, Action.PAY)
    await until_states(pair, WHAT, [S.ACCEPTED] * 2)


async def confirmed(pair: Pair) -> None:
    await accepted(pair)
    await pair.faucet.mine(1)
    await until_states(pair, WHAT, [S.CONFIRMED] * 2)


async def order_declined(pair: Pair) -> None:
    await ordered(pair)
    await pair.alice.act(WHAT, Action.DECLINE)
    await until_states(pair, WHAT, [S.DECLINED] * 2)


async def invoice_declined(pair: Pair) -> None:
    await invoiced(pair)
    await pair.bob.act(WHAT, Action.DECLINE)
    await until_states(pair, WHAT, [S.DECLINED] * 2)


async def order_withdrawn(pair: Pair) -> None:
    await ordered(pair)
    await pair.bob.act(WHAT, Action.WITHDRAW)
    await until_states(pair, WHAT, [S.WITHDRAWN] * 2)


async def invoice_withdrawn(pair: Pair) -> None:
    await requested(pair)
    await pair.alice.act(WHAT, Action.WITHDRAW)
    await until_states(pair, WHAT, [S.WITHDRAWN] * 2)


async def expired(pair: Pair) -> None:
    await requested(pair)
    pair.clock.advance(3600 * SECOND + GRACE)
    await until_states(pair, WHAT, [S.EXPIRED] * 2)


async def failed(pair: Pair) -> None:
    other = await rival(pair)
    await accepted(pair)

    async def seen_by_both() -> bool:
        both = (pair.alice, pair.bob)
        return all([await who.sql("SELECT 1 FROM watch WHERE seen = 1 AND height = 0") for who in both])

    await pair.until(seen_by_both)
    forget_the_pool(pair)
    pair.chain.submit(other)
    pair.chain.mine(1)
    await until_states(pair, WHAT, [S.FAILED] * 2)


# -- a window over one of the two -------------------------------------------------------------------------------------


@dataclass
class Seat:
    """One of the two before a window."""

    pair: Pair
    who: Mortal
    window: MainWindow

    @property
    def other(self) -> Mortal:
        return self.pair.alice if self.who is self.pair.bob else self.pair.bob

    async def card(self) -> PaymentCard:
        """Return the card of the payment, once it shows the newest row."""

        async def look() -> PaymentCard | None:
            row = await self.who.payment(WHAT)
            card = self.window.chats.pane.timeline.card(row.entry) if row is not None else None
            await settle()
            return card if card is not None and card.row == row else None

        return await self.pair.until(look)  # type: ignore[return-value]  # it returns what is there

    async def press(self, place: object, name: str) -> None:
        """Click a button by its name."""
        found = button(place, name)  # type: ignore[arg-type]  # a widget
        assert found.isEnabled(), name
        QTest.mouseClick(found, Qt.MouseButton.LeftButton)
        await settle()

    async def sheet(self, kind: type) -> object:
        """Return the dialog that opens."""

        async def look() -> bool:
            return isinstance(self.window.doors.sheet, kind)

        await self.pair.until(look)
        return sheet(self.window)


@asynccontextmanager
async def seated(theme: Theme, folder: Path, prepare: Stage | None, side: str) -> AsyncIterator[Seat]:
    """Bring a payment into a state, and open the conversation in the window of one side."""
    async with mortals(folder) as pair:
        if prepare is not None:
            await prepare(pair)
        who = pair.bob if side == PAYER else pair.alice
        bridge = Bridge(who.engine, pair.clock.now)
        window = MainWindow(bridge, theme, Preferences(folder / "window.ini"))
        window.resize(1280, 800)
        filled = heard(window.chats.list.model.modelReset)
        window.load()
        window.show()
        await filled
        window.open_conversation(who.relationship)
        try:
            yield Seat(pair, who, window)
            assert not pair.alice.failed
            assert not pair.bob.failed
        finally:
            window.close()
            await bridge.close()
            window.deleteLater()
