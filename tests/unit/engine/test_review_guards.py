"""Two edges of a review: a fee just as high as it may be, and a signature that is not around the whole message."""

from __future__ import annotations

import pytest

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.bitcoin.tx import Tx, TxOutput
from channels_desktop.engine.reviews import LEAST_CEILING, SHARE_CEILING
from channels_desktop.engine.turn import Turn
from channels_desktop.protocols.ids import MessageId, Uuid
from channels_desktop.protocols.invoices.messages import Invoice, InvoiceItem, Price, TransferRequest, invoice_script
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.signed import sign
from tests.unit.engine.desk import PEER, Opened
from tests.unit.engine.street import street
from tests.unit.engine.test_reviews import ELSEWHERE, LUNCH, refused, review
from tests.unit.protocols.samples import AT, EXPIRY, FEES, REQUEST

LINES = 44


def asked(name_bytes: int, satoshis: int) -> TransferRequest:
    """Return a request of so much whose record has about ten thousand bytes, more or less by the last line's name."""
    names = (*(b"x" * 220 for _ in range(LINES - 1)), b"x" * name_bytes)
    prices = (*(1 for _ in range(LINES - 1)), satoshis - LINES + 1)
    items = tuple(InvoiceItem(id=name, price=Price(quantity=price)) for name, price in zip(names, prices, strict=True))
    record = TxOutput(0, invoice_script(Invoice(items=items, timestamp=AT, expiration=EXPIRY)))
    return TransferRequest(tx=ExpandedTx(tx=Tx(1, (), (TxOutput(satoshis, ELSEWHERE), record))), fees=FEES)


@pytest.mark.parametrize(
    ("name_bytes", "satoshis", "fee", "reason"),
    [
        (40, LINES, LEAST_CEILING, ""),
        (50, LINES, LEAST_CEILING + 1, "fee_high"),
        (60, 1002 * SHARE_CEILING, 1002, ""),
        (60, 1002 * SHARE_CEILING - 1, 1002, "fee_high"),
    ],
)
async def test_a_fee_may_be_just_as_high_as_its_ceiling(name_bytes: int, satoshis: int, fee: int, reason: str) -> None:
    async with street() as at:
        await at.money(100_000)
        await at.receive(Uuid(uuid=LUNCH), asked(name_bytes, satoshis))
        row = await review(at)
        assert row.fee - row.fee_ours == fee, "what the bytes of their request cost"
        assert (row.blocked, row.checks[3].passed) == (reason, reason == "")


async def test_a_signature_inside_another_layer_signs_no_request() -> None:
    """It is good for what it stands around, which is not the message; and none can be made around itself."""
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH)
        assert (await review(at)).checks[0].passed
        inner = (Uuid(uuid=LUNCH), REQUEST)
        script = REGISTRY.write([MessageId(message_id=1), sign(PEER, REGISTRY.inside(inner)), *inner])

        def swap(turn: Turn) -> None:
            assert isinstance(turn.tx, Opened)
            sql = "UPDATE message SET script = ? WHERE kind = 'TransferRequest'"
            assert turn.tx.connection.execute(sql, (script,)).rowcount == 1

        await at.it.turn(swap)
        assert not (await review(at)).checks[0].passed
        await refused(at, "unauthenticated")
