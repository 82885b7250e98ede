"""The engine: commands in, events out, and the background tasks between them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from channels_desktop.bitcoin.headers import HeaderChain
from channels_desktop.engine import commands as ask
from channels_desktop.engine import contacts, payments, texts, wallet
from channels_desktop.engine.chain_watch import ChainWatch
from channels_desktop.engine.events import EngineFailed, StatusChanged
from channels_desktop.engine.listener import Listener
from channels_desktop.engine.mailroom import Mailroom
from channels_desktop.engine.news import events_of
from channels_desktop.engine.outbox import Outbox
from channels_desktop.engine.projection import entry_row, invite_row
from channels_desktop.engine.queries import Queries
from channels_desktop.engine.rows import Action, Link
from channels_desktop.engine.tasks import Bell, Tasks
from channels_desktop.engine.timers import Timers
from channels_desktop.engine.troubles import Obstacle, Task, TroubleRow
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import Misuse, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from channels_desktop.bitcoin.merkle import MerkleProof
    from channels_desktop.bitcoin.tx import Tx as Transaction
    from channels_desktop.engine.events import Event
    from channels_desktop.engine.ports import Account, Chain, Clock, Keys, Mailbox, PeerChannels, Store
    from channels_desktop.engine.repositories import Tx
    from channels_desktop.engine.rows import EntryRow
    from channels_desktop.engine.tasks import Health
    from channels_desktop.errors import Cause

T = TypeVar("T")

log = logging.getLogger(__name__)

HANDLERS: dict[type[Any], Callable[[Turn, Any], Any]] = {
    ask.CreateInvite: lambda turn, c: invite_row(turn.tx.contacts.get(contacts.create_invite(turn, c)), turn.at),
    ask.WithdrawInvite: contacts.withdraw_invite,
    ask.UseInvite: contacts.use_invite,
    ask.AnswerRequest: contacts.answer_request,
    ask.CheckedSafetyNumber: contacts.checked,
    ask.RemoveContact: contacts.remove,
    ask.RemoveInvite: contacts.remove_invite,
    ask.SendText: lambda turn, c: _shown(turn, texts.send(turn, c)),
    ask.RetryText: texts.retry,
    ask.DeleteText: texts.delete,
    ask.SaveDraft: texts.save_draft,
    ask.MarkSeen: texts.mark_seen,
    ask.OfferPayment: payments.offer,
    ask.RequestPayment: payments.request,
    ask.Act: payments.act,
}


class Engine(Queries):
    """Runs one account. Give it the five ports, `start` it, `submit` commands, `subscribe` to events, `stop` it."""

    def __init__(self, *, clock: Clock, keys: Keys, store: Store, channels: PeerChannels, chain: Chain) -> None:
        super().__init__(store=store, clock=clock)
        self._keys = keys
        self._channels = channels
        self._chain = chain
        self._network = chain.network
        self._headers = HeaderChain(chain.network)
        self._listeners: list[Callable[[tuple[Event, ...]], None]] = []
        self._tasks = Tasks(clock, self._told)
        self._news = Bell(clock)
        self._stale_headers = False
        self._outbox = Outbox(store=store, channels=channels, clock=clock, run_turn=self._run)
        self._timers = Timers(store=store, clock=clock, run_turn=self._run)
        self._mailroom: Mailroom | None = None
        self._chain_watch = ChainWatch(
            chain=chain,
            clock=clock,
            store=store,
            headers=self._kept_headers,
            run_turn=self._run,
        )

    async def start(self) -> None:
        """Load what is kept and begin to post, watch and wake, and, where there is a host, to listen."""
        account = await self._store.query(lambda reader: reader.mailboxes.account())
        await self._load_headers()
        if account is None:
            self._link = (Link.NO_HOST, 0, 0, None)
        else:
            self._listen_at(account)
        self._tasks.keep(Task.STATUS, self._tell_status)
        self._tasks.keep(Task.OUTBOX, self._outbox.run)
        self._tasks.keep(Task.TIMERS, self._timers.run)
        self._tasks.keep(Task.CHAIN, self._chain_watch.run)

    async def add_host(self, base_url: str, access: str) -> None:
        """Open an account at a host, with a first mailbox, and listen there.

        Raises TransportError, or Refused("has_host") where there is one already. See
        PeerChannels.create_account for what address and access token may be.
        """
        if self._mailroom is not None:
            raise Refused("has_host")
        account = await self._channels.create_account(base_url.rstrip("/"), access)
        mailbox = await self._channels.create_mailbox(account)
        await self._run(lambda turn: _settle_at(turn, account, mailbox))
        self._listen_at(account)

    def _listen_at(self, account: Account) -> None:
        listener = Listener(
            account=account,
            channels=self._channels,
            clock=self._clock,
            run_turn=self._run,
            link_changed=self._link_is,
        )
        self._mailroom = Mailroom(
            account=account, store=self._store, channels=self._channels, clock=self._clock, run_turn=self._run
        )
        self._tasks.keep(Task.TAKE_IN, listener.take_in)
        self._tasks.keep(Task.MARK, listener.mark)
        self._tasks.keep(Task.LISTEN, listener.listen)
        self._tasks.keep(Task.MAILROOM, self._mailroom.run)

    async def stop(self) -> None:
        """End all tasks. What was committed is kept; the ports stay open for whoever gave them."""
        await self._tasks.stop()

    async def submit(self, command: ask.Command) -> Any:  # noqa: ANN401 - each command says what it returns
        """Carry out a command in one transaction; return what its class says, or raise with nothing done."""
        if isinstance(command, ask.Act) and command.action is Action.PAY:
            inputs = await self._payee_inputs(command.thread)
            return await self._run(lambda turn: payments.act(turn, command, inputs))
        handler = HANDLERS[type(command)]
        return await self._run(lambda turn: handler(turn, command))

    def subscribe(self, listener: Callable[[tuple[Event, ...]], None]) -> Callable[[], None]:
        """Call `listener` with each batch of events; return a function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def receive_script(self) -> bytes:
        """Return a fresh locking script for a plain payment to this wallet."""
        return await self._run(wallet.receive_script)

    async def import_coin(self, tx: Transaction, proof: MerkleProof) -> int:
        """Take a plain payment with its proof into the wallet; return the satoshis that are ours."""
        await self._chain_watch.look()
        return await self._run(lambda turn: wallet.import_coin(turn, tx, proof))

    async def _run(self, work: Callable[[Turn], T]) -> T:
        """Run `work` in one transaction; after its commit publish the news and wake whoever has work now."""
        at, elapsed = self._clock.now(), self._clock.elapsed()
        await self._kept_headers()
        moved = False

        def job(tx: Tx) -> tuple[T, tuple[Event, ...]]:
            nonlocal moved
            turn = Turn(tx, at, self._keys, self._headers, self._network, elapsed)
            try:
                result = work(turn)
            finally:
                moved = turn.headers_moved
            texts.send_receipts(turn)
            return result, events_of(turn, self._status_of)

        try:
            result, events = await self._store.transact(job)
        except Exception:
            # Headers live in memory beside the database: what was rolled back there must go here too.
            self._stale_headers = self._stale_headers or moved
            raise
        self._publish(events)
        self._outbox.ring()
        self._timers.ring()
        if any(isinstance(event, StatusChanged) for event in events):
            self._chain_watch.ring()
            if self._mailroom is not None:
                self._mailroom.ring()
        return result

    async def _kept_headers(self) -> HeaderChain:
        """Return the headers as the database has them."""
        if self._stale_headers:
            await self._load_headers()
        return self._headers

    async def _load_headers(self) -> None:
        raws = await self._store.query(lambda reader: reader.chain.headers())
        self._headers = HeaderChain.load(self._network, [(0, b"", raw) for raw in raws])
        self._stale_headers = False

    def _publish(self, events: tuple[Event, ...]) -> None:
        if events:
            for listener in tuple(self._listeners):
                try:
                    listener(events)
                except Exception:
                    # What is told is committed: whoever cannot hear it must not make it look as if it had failed.
                    log.exception("a listener failed on what it was told")

    def _link_is(self, link: Link, attempt: int, retry_at: int, cause: Cause | None) -> None:
        self._link = (link, attempt, retry_at, cause)
        if link is Link.LISTENING:
            self._outbox.ring(eager=True)
        self._news.ring()

    def _told(self, trouble: TroubleRow | None) -> None:
        if trouble is not None and trouble.obstacle is Obstacle.BUG:
            self._publish((EngineFailed(trouble.task),))
        self._news.ring()

    async def _tell_status(self, health: Health) -> None:
        while True:
            self._publish((StatusChanged(await self.status()),))
            health.well()
            await self._news.wait()


def _settle_at(turn: Turn, account: Account, mailbox: Mailbox) -> None:
    if turn.tx.mailboxes.account() is not None:
        raise Refused("has_host")
    turn.tx.mailboxes.set_account(account)
    turn.tx.mailboxes.add_spare(mailbox, turn.at)


def _shown(turn: Turn, entry: int) -> EntryRow:
    kept = turn.tx.entries.get(entry)
    if kept is None:
        raise Misuse("the entry was just added")
    return entry_row(turn.tx, kept)
