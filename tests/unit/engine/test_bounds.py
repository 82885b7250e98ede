"""What others send is bounded before anything is kept or shown of it (channels.md 8.4)."""

from __future__ import annotations

import pytest

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.bitcoin.tx import Tx, TxOutput
from channels_desktop.protocols.ids import MessageId, Uuid
from channels_desktop.protocols.invoices.messages import (
    Invoice,
    InvoiceItem,
    Menu,
    MenuItem,
    Price,
    PurchaseOrder,
    TransferRequest,
    invoice_script,
)
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.text import Attachment, TextMessage
from channels_desktop.wire import limits
from tests.unit.engine.desk import AT, SECOND, desk, text, write

GOOD = text(1, "hello")
UNSIGNED = REGISTRY.write([MessageId(message_id=1), TextMessage(text="hello")])
UUID = Uuid(uuid=b"\x0f" * 16)
BIG_NAME = InvoiceItem(id=b"x" * 9_000_000, price=Price(quantity=5))
RECORD = TxOutput(0, invoice_script(Invoice(items=(BIG_NAME,), expiration=AT + SECOND)))
BIG = {
    "an order": PurchaseOrder(items=(BIG_NAME,)),
    "an invoice": TransferRequest(tx=ExpandedTx(tx=Tx(1, (), (RECORD,)))),
    "a menu": Menu(items=(MenuItem(name="x" * 9_000_000),)),
    "a file": TextMessage(text="look", attachments=(Attachment(name="x" * 9_000_000),)),
}


@pytest.mark.parametrize("name", BIG)
async def test_a_name_of_nine_megabytes_never_reaches_a_row(name: str) -> None:
    async with desk() as it:
        await it.receive(write(1, UUID, BIG[name]))
        assert await it.notices() == ["too_large"]
        assert max(len(entry.text + entry.reason) for entry in await it.entries()) < 1000
        assert await it.store.query(lambda reader: reader.threads.get(UUID.uuid)) is None
        (answer,) = await it.sent()
        assert len(answer.find(Response).note) < 1000
        assert len((await it.outbox())[0].script) < 1000


async def test_mail_for_a_mailbox_no_host_could_have_made_for_us_is_not_remembered() -> None:
    async with desk() as it:
        await it.receive(GOOD, box="x" * (limits.PLACE_BYTES + 1))
        assert await it.outcomes() == []


async def test_what_nobody_signed_is_told_apart_from_what_the_contact_did() -> None:
    async with desk() as it:
        await it.receive(GOOD, box="nobody's")
        await it.receive(b"junk")
        await it.receive(UNSIGNED)
        await it.receive(write(None, TextMessage(text="no number")))
        await it.receive(GOOD)
        sql = "SELECT outcome, keeping FROM delivery ORDER BY keeping, outcome"
        rows = await it.store.query(lambda reader: reader.connection.execute(sql).fetchall())
        unsigned = [("foreign", "unsigned"), *[("quarantined", "unsigned")] * 2]
        assert rows == [("processed", ""), ("quarantined", "signed"), *unsigned]
