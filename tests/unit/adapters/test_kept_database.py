"""A database of every schema version that was ever released opens, is brought up to date, and shows what it held."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from channels_desktop.adapters.memory import ManualClock, MemoryKeys
from channels_desktop.adapters.memory_channels import MemoryHost, MemoryPeerChannels
from channels_desktop.adapters.repositories.records import Records
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.adapters.small_chain import MemoryChain, SmallChain
from channels_desktop.adapters.sqlite import SqliteStore
from channels_desktop.bitcoin.keys import sha256
from channels_desktop.engine.engine import Engine
from channels_desktop.engine.rows import Action, PaymentRow, PaymentState, TextRow
from tests.unit.engine.desk import Opened

KEPT = sorted((Path(__file__).parents[2] / "data").glob("account-*.db"))


def test_there_is_a_file_for_every_version() -> None:
    assert [path.stem for path in KEPT] == [f"account-{number}" for number in range(1, len(MIGRATIONS) + 1)]


def copied(kept: Path, folder: Path) -> Path:
    """Return a copy, with the mark beside it that it was closed in order, which newer versions leave."""
    for file in kept.parent.glob(f"{kept.name}*"):
        shutil.copy(file, folder / file.name.replace(kept.name, "account.db"))
    return folder / "account.db"


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.stem)
async def test_mail_that_came_before_is_recognised_after(kept: Path, tmp_path: Path) -> None:
    store = await SqliteStore.open(copied(kept, tmp_path), bytes(32), migrations=MIGRATIONS, records=Opened)

    def read(reader: Opened) -> list[tuple[str, bytes, bytes]]:
        """Return the outcome of each delivery, its digest, and that of the message it brought."""
        sql = """SELECT outcome, digest, script FROM delivery JOIN mailbox USING (base_url, channel_id)
            JOIN message USING (relationship) WHERE outgoing = 0"""
        return [(outcome, digest, sha256(script)) for outcome, digest, script in reader.connection.execute(sql)]

    rows = await store.query(read)
    found = [outcome for outcome, digest, of_message in rows if digest == of_message]
    assert found == ["processed"] * 6
    await store.close()


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.stem)
async def test_a_kept_database_opens_and_shows_what_it_held(kept: Path, tmp_path: Path) -> None:
    """Bob's: a text, a confirmed payment of 50,000 to Alice, and an invoice of hers that waits."""
    store = await SqliteStore.open(copied(kept, tmp_path), bytes(32), migrations=MIGRATIONS, records=Records)
    host = MemoryHost()
    engine = Engine(
        clock=ManualClock(2_000_000_000 * 10**9),
        keys=MemoryKeys(bytes(15) + b"\x02"),
        store=store,
        channels=MemoryPeerChannels(host),
        chain=MemoryChain(SmallChain()),
    )
    (alice,) = await engine.conversations()
    rows = await engine.entries(alice.relationship)
    (need,) = alice.needs
    assert (need.code, need.satoshis) == ("pay", 45_000)
    assert [row.text for row in rows if isinstance(row, TextRow)] == ["Lunch was on me"]
    paid, waiting = (row for row in rows if isinstance(row, PaymentRow))
    assert (paid.state, paid.total, paid.note) == (PaymentState.CONFIRMED, 50_000, "thanks")
    assert (need.thread, need.deadline) == (waiting.thread, waiting.expiry)
    assert (waiting.state, waiting.total, waiting.actions[0]) == (PaymentState.INVOICED, 45_000, Action.PAY)
    wallet = (await engine.status()).wallet
    assert wallet.total == 1_000_000 - 50_000 - (paid.fee or 0)
    assert len(await engine.evidence(paid.thread)) == 4
    await store.close()
    host.close()
