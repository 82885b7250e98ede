"""One event through one negotiation, inside one transaction (architecture: a negotiation is data).

The state is thawed, stepped, its immediate effects are done and what they answer is stepped too, until all is quiet;
then the state is frozen again. Deferred effects become rows that the background tasks find.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.engine import wallet
from channels_desktop.engine.needs import need_of
from channels_desktop.engine.outbound import promise
from channels_desktop.engine.records import Entry, Thread, Watch
from channels_desktop.errors import Misuse, ProtocolError, WireError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices import NEGOTIATION as MACHINE
from channels_desktop.protocols.merkle_proofs import ProofMessage

if TYPE_CHECKING:
    from channels_desktop.bitcoin.tx import Tx
    from channels_desktop.engine.turn import Turn
    from channels_desktop.wire.bsor import Message

MOST_WATCHED = 8
"""Transactions watched for one negotiation: each is asked for as long as no block has it."""

__all__ = ["MACHINE", "advance", "begin", "tell", "thaw"]


def thaw(thread: Thread) -> Message:
    """Return the state of a negotiation."""
    return MACHINE.states[thread.state_number].from_bytes(thread.state)


def begin(turn: Turn, relationship: int, uuid: bytes, event: do.Event) -> None:
    """Start a negotiation with its first event; raise ProtocolError where none starts with it."""
    entry = turn.tx.entries.add(Entry(0, relationship, "payment", turn.at, uuid=uuid))
    # The row must be there before effects refer to it; the real state follows in the same transaction.
    seed = Thread(uuid=uuid, relationship=relationship, entry=entry, state_number=0, state=b"", version=0, at=turn.at)
    turn.tx.threads.add(seed)
    _run(turn, seed, None, event)


def advance(turn: Turn, thread: Thread, event: do.Event) -> None:
    """Take an existing negotiation one event further; raise ProtocolError where it is out of turn."""
    _run(turn, thread, thaw(thread), event)


def tell(turn: Turn, watch: Watch, event: do.Event) -> None:
    """Hand news of a transaction to the negotiation that waits for it."""
    thread = turn.tx.threads.get(watch.uuid) if watch.uuid else None
    if thread is None:
        return
    try:
        with turn.tx.savepoint():
            advance(turn, thread, event)
    except (ProtocolError, WireError):
        # It is another transaction than this negotiation's; what the chain says of it is kept all the same.
        turn.changed(thread.relationship, thread.entry)


def _run(turn: Turn, thread: Thread, state: Message | None, event: do.Event) -> None:
    state, answers = _step(turn, thread, state, event)
    while answers:
        state, more = _step(turn, thread, state, answers.popleft())
        answers.extend(more)
    saved = turn.tx.threads.get(thread.uuid)
    if saved is None:
        raise Misuse("the negotiation is gone")
    number, frozen = MACHINE.number_of(state), state.to_bytes()
    if (number, frozen) == (thread.state_number, thread.state):
        turn.changed(thread.relationship, thread.entry)
        return
    changed = replace(saved, state_number=number, state=frozen, version=thread.version + 1, at=turn.at)
    turn.tx.threads.save(replace(changed, need=need_of(state)))
    turn.tx.entries.renew(thread.entry, turn.at)
    turn.changed(thread.relationship, thread.entry)
    turn.status = True


def _step(turn: Turn, thread: Thread, state: Message | None, event: do.Event) -> tuple[Message, deque[do.Event]]:
    """Return the next state, and what the immediate effects on the way there answer."""
    step = MACHINE.step(state, event)
    return step.state, deque(answer for effect in step.effects for answer in _perform(turn, thread, effect))


def _perform(turn: Turn, thread: Thread, effect: do.Effect) -> tuple[do.Event, ...]:
    """Do `effect` inside the transaction; return the events it gives rise to at once."""
    match effect:
        case do.Send(message=message, response=response, note=note):
            promise(turn, thread.relationship, message, uuid=thread.uuid, response=response, note=note)
        case do.SendAgain(kind=kind):
            _send_again(turn, thread, kind)
        case do.SendProof(proof=proof):
            promise(turn, thread.relationship, ProofMessage(merkle_proof=proof))
        case do.ProveAgain(tx=proven):
            _prove_again(turn, thread, proven)
        case do.MakeRequest(satoshis=satoshis, record=record):
            return (wallet.make_request(turn, thread.relationship, satoshis, record),)
        case do.Fund(request=request, fees=fees):
            return (wallet.fund(turn, thread, request, fees),)
        case do.CheckTransfer(request=request, fees=fees, transfer=transfer):
            return (wallet.check_transfer(turn, thread, request, fees, transfer),)
        case do.Collect(tx=tx, trusted=trusted):
            wallet.collect(turn, thread, tx, trusted=trusted)
        case do.Broadcast(tx=tx) if tx.tx is not None:
            turn.tx.chain.watch(tx.tx, thread.uuid, turn.headers.tip.height)
            turn.tx.chain.ask_broadcast(tx.tx.txid)
        case do.Broadcast():
            raise Misuse("there is nothing to broadcast")
        case do.AwaitProof(tx=awaited):
            _watch(turn, thread, awaited)
        case do.Wake(at=at):
            turn.tx.threads.set_wake(thread.uuid, at)
        case do.CancelCoins(txid=txid):
            turn.tx.coins.cancel(txid)
            turn.tx.chain.drop_history(txid)
        case _:
            assert_never(effect)
    return ()


def _watch(turn: Turn, thread: Thread, tx: Tx) -> None:
    """Watch a transaction for a negotiation: its own, or one of a few that the other side may publish."""
    if len(turn.tx.chain.watches_of(thread.uuid)) < MOST_WATCHED:
        turn.tx.chain.add_tx(tx.txid, tx.to_bytes(), turn.at)
        turn.tx.chain.watch(tx, thread.uuid, turn.headers.tip.height)


def _prove_again(turn: Turn, thread: Thread, tx: Tx) -> None:
    """Send the proof of the block that counts, where there is one."""
    watch = turn.tx.chain.watch_of(tx.txid)
    block = watch.block if watch is not None else b""
    for _, raw in [proof for proof in turn.tx.chain.proofs(tx.txid) if proof[0] == block]:
        promise(turn, thread.relationship, ProofMessage(merkle_proof=MerkleProof.from_wire(raw)))


def _send_again(turn: Turn, thread: Thread, kind: type[Message]) -> None:
    """Let the newest message of a kind that we sent in this dialogue wait again, byte for byte."""
    sent = [m for m in turn.tx.messages.of_thread(thread.uuid) if m.outgoing and m.kind == kind.__name__]
    if not sent:
        raise Misuse("nothing of the kind was sent in this dialogue")
    if sent[-1].state != "waiting":
        turn.tx.messages.settle(sent[-1], "waiting")
