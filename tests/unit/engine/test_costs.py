"""What a small text costs does not depend on what else is open: counted in statements, not in time."""

from __future__ import annotations

from dataclasses import replace

from channels_desktop.engine import texts
from channels_desktop.engine.inbound import receive
from channels_desktop.engine.news import events_of
from channels_desktop.engine.ports import Delivery
from channels_desktop.engine.projection import conversation_row
from channels_desktop.engine.rows import Link, StatusRow, WalletRow
from channels_desktop.engine.turn import Turn
from channels_desktop.protocols.ids import Uuid
from tests.unit.engine.desk import AT, BINARY, HOST, Desk, desk, text, write
from tests.unit.protocols.samples import REQUEST

STATUS = StatusRow(Link.LISTENING, 1, 0, 0, 0, 0, True, WalletRow(0, 0, 0))
STATE = ", state, version"


async def statements(it: Desk, script: bytes) -> list[str]:
    """Return the statements by which a message is taken in and told of."""
    it.sequence += 1
    delivery = Delivery(HOST, f"box-{it.peer}", it.sequence, AT, BINARY, script)
    found: list[str] = []

    def work(turn: Turn) -> None:
        turn.tx.connection.set_trace_callback(found.append)
        receive(turn, delivery)
        texts.send_receipts(turn)
        events_of(turn, lambda _: STATUS)
        turn.tx.connection.set_trace_callback(None)

    await it.turn(work)
    return found


async def test_open_invoices_are_not_read_again_for_a_text() -> None:
    async with desk() as it:
        before = await statements(it, text(1, "one"))
        for number in range(2, 22):
            await it.receive(write(number, Uuid(uuid=number.to_bytes(16, "big")), REQUEST))
        after = await statements(it, text(22, "two"))
        assert len(after) == len(before)
        assert not [statement for statement in after if STATE in statement]
        row = await it.store.query(lambda reader: conversation_row(reader, reader.contacts.get(it.peer), AT))
        assert len(row.needs) == 20, "and yet the line says what waits"
        assert {(need.code, need.satoshis) for need in row.needs} == {("pay", 50_000)}


async def test_an_invoice_itself_is_read_a_fixed_number_of_times() -> None:
    async with desk() as it:
        costs = []
        for number in range(1, 12):
            found = await statements(it, write(number, Uuid(uuid=number.to_bytes(16, "big")), replace(REQUEST)))
            costs.append((len(found), sum(STATE in statement for statement in found)))
        assert len(set(costs)) == 1
        assert costs[0][1] < 10
