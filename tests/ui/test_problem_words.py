"""What is said when the engine refuses a wish: every reason has its sentence, and each one is true where it is said."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

import channels_desktop.engine
from channels_desktop.adapters.memory import memory_store
from channels_desktop.adapters.repositories.records import Records
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.bitcoin.keys import Seed
from channels_desktop.engine import commands as ask
from channels_desktop.engine.rows import Action, PaymentState, Verification
from channels_desktop.errors import ChannelsError, Refused, StoreError
from channels_desktop.protocols.invites import Invite
from channels_desktop.ui import words
from channels_desktop.ui.window import MainWindow
from tests.scenarios.people import Person, World, connected
from tests.ui.conftest import heard, settle
from tests.ui.scripted_engine import ScriptedEngine, contact

ENGINE = Path(next(iter(channels_desktop.engine.__path__)))
Function = ast.FunctionDef | ast.AsyncFunctionDef
MADE_BY = {"use_invite": ("preview",), "refuse_blocked": ("_blocked", "_paid_before")}
"""Where a reason is no literal: the functions of the same module whose texts it may be."""


def texts(node: ast.AST) -> Iterator[str]:
    """Return the texts in a piece of code that may be codes."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.replace("_", "").isalpha():
            yield part.value


def reasons() -> dict[str, str]:
    """Return every reason that the engine's code may refuse for, and the place."""
    found: dict[str, str] = {}
    for file in sorted(ENGINE.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for function in functions:
            for code in refused_in(function, functions):
                found[code] = f"{file.name}: {function.name}"
    return found


def refused_in(function: Function, others: list[Function]) -> Iterator[str]:
    """Return the reasons of one function of a module."""
    for call in ast.walk(function):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Refused"):
            continue
        codes = list(texts(call.args[0]))
        if not codes:
            assert function.name in MADE_BY, f"say where the reason of {function.name} comes from"
            makers = [other for other in others if other.name in MADE_BY[function.name]]
            codes = [code for maker in makers for code in texts(maker)]
        yield from codes


def test_reasons_are_found() -> None:
    assert {"stale", "no_mailbox", "not_an_invite", "mismatch", "expired", "bad_words"} <= set(reasons())


@pytest.mark.parametrize("reason", sorted(set(reasons()) - {"not_enough"}))  # which is an error of its own
def test_every_reason_has_a_sentence(reason: str) -> None:
    assert words.refusal(reason) != words.refusal("no such reason"), reasons()[reason]


def test_every_sentence_ends_and_says_no_code() -> None:
    wishes = (None, *(kind for kind in vars(ask).values() if isinstance(kind, type)))
    for reason in reasons():
        for wish in wishes:
            sentence = words.refusal(reason, wish)  # type: ignore[arg-type]  # the types of commands
            assert sentence.endswith((".", "channels:"))
            assert "_" not in sentence


# -- each produced by a real engine ---------------------------------------------------------------------------------


async def said(who: Person, command: ask.Command) -> str:
    """Return what the window says when the engine refuses a command."""
    with pytest.raises(ChannelsError) as caught:
        await who.do(command)
    return words.error(caught.value, type(command))


async def test_what_is_said_of_texts() -> None:
    async with connected() as both:
        alice, bob = both.alice, both.alices
        assert await said(alice, ask.SendText(bob, "  ")) == "There is nothing to send."
        assert await said(alice, ask.SendText(bob, "x" * 70_000)) == "This text is too long. Send it in parts."
        sent = await alice.do(ask.SendText(bob, "hello"))
        assert "nothing to retry" in await said(alice, ask.RetryText(sent.entry))
        assert "can't be deleted any more" in await said(alice, ask.DeleteText(sent.entry))
        await alice.do(ask.RemoveContact(bob))
        assert "You are not connected with this contact" in await said(alice, ask.SendText(bob, "hello"))
        assert "nothing was noted" in await said(alice, ask.CheckedSafetyNumber(bob, matches=True))


async def test_what_is_said_of_invites() -> None:
    async with connected() as both:
        alice, bob = both.alice, both.bob
        assert "Invites start with channels:" in await said(bob, ask.UseInvite("nonsense"))
        invite = await alice.do(ask.CreateInvite())
        assert await said(alice, ask.UseInvite(invite.link)) == "This is your own invite."
        real = replace(Invite.from_link(invite.link), network="main").to_link()
        assert "another network" in await said(bob, ask.UseInvite(real))
        old = await alice.do(ask.CreateInvite(valid_for=-1))
        assert await said(bob, ask.UseInvite(old.link)) == "This invite has expired. Ask for a new one."
        await bob.do(ask.UseInvite(invite.link))
        assert "already connected" in await said(bob, ask.UseInvite(invite.link))
        await alice.conversation(lambda row: row.state.value == "received")
        assert "used or withdrawn already" in await said(alice, ask.WithdrawInvite(invite.relationship))
        await alice.do(ask.AnswerRequest(invite.relationship, accept=False))
        assert "answered already" in await said(alice, ask.AnswerRequest(invite.relationship, accept=True))


async def test_what_is_said_without_a_host() -> None:
    async with connected() as both:
        alice, bob = both.alice, both.bob
        await alice.ready()
        await bob.ready()
        links = [(await alice.do(ask.CreateInvite())).link for _ in range(2)]
        await bob.do(ask.UseInvite(links[0]))
        request = await alice.conversation(lambda row: row.state.value == "received")
        both.host.go_offline()
        await spend_mailboxes(both, alice)
        await spend_mailboxes(both, bob)
        assert "No invite was made" in await said(alice, ask.CreateInvite())
        assert "wasn't used and stays good" in await said(bob, ask.UseInvite(links[1]))
        assert "Nothing was accepted:" in await said(alice, ask.AnswerRequest(request.relationship, accept=True))


async def spend_mailboxes(both: World, who: Person) -> None:
    """Use up what is in stock while the host is offline."""
    assert not both.host.online
    while True:
        try:
            await who.do(ask.CreateInvite())
        except Refused:
            return


async def test_what_is_said_of_payments() -> None:
    async with connected(funds=20_000) as both:
        alice, bob = both.alice, both.bob
        assert "isn't a possible amount" in await said(alice, ask.OfferPayment(both.alices, "Lunch", 0))
        assert "256 bytes" in await said(alice, ask.RequestPayment(both.alices, "€" * 90, 5))
        thread = await alice.do(ask.RequestPayment(both.alices, "Concert", 45_000))
        invoice = await bob.payment(both.bobs, PaymentState.INVOICED)
        assert "changed in the meantime" in await said(bob, ask.Act(thread, Action.DECLINE, invoice.version + 1))
        assert "Not enough: this needs" in await said(bob, ask.Act(thread, Action.PAY, invoice.version))
        await bob.do(ask.CheckedSafetyNumber(both.bobs, matches=False))
        assert "safety numbers differ" in await said(bob, ask.Act(thread, Action.PAY, invoice.version))


async def test_what_is_said_where_nothing_can_be_signed_or_kept() -> None:
    async with connected() as both:
        alice = both.alice
        alice.engine._keys.lock()  # type: ignore[attr-defined]  # noqa: SLF001 - the account's own keys, in memory
        for command in (ask.SendText(both.alices, "hello"), ask.OfferPayment(both.alices, "Lunch", 5)):
            assert await said(alice, command) == (
                "The wallet is locked, so nothing was done. Start the program again and enter your passphrase."
            )
        alice.engine._keys.unlock(Seed(bytes(15) + b"\x01"))  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    store = await memory_store(migrations=MIGRATIONS, records=Records)
    await store.close()
    with pytest.raises(StoreError) as caught:
        await store.query(lambda reader: reader.settings.get("name"))
    assert "couldn't be read or written. Nothing was changed" in words.error(caught.value, ask.SendText)


async def test_no_payment_begins_with_a_locked_contact(window: MainWindow, engine: ScriptedEngine) -> None:
    changed = heard(window.bridge.conversations)
    engine.change(contact(1, "Bob Martin", verification=Verification.MISMATCH))
    await changed
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    for key in (Qt.Key.Key_P, Qt.Key.Key_R):
        QTest.keyClick(window, key, both)
        await settle()
        assert window.doors.sheet is None
        assert window.message_bar.isVisible()
        window.message_bar.settle()
