"""Relationships: what an invite may be used for, and how they end (channels.md 3.3)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from urllib.parse import quote

import pytest

from channels_desktop.engine import commands as ask
from channels_desktop.engine import contacts
from channels_desktop.engine.ports import Account, Mailbox
from channels_desktop.engine.projection import conversation_row, invite_row, is_conversation, is_invite
from channels_desktop.engine.rows import ContactState, Verification
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import Refused
from channels_desktop.protocols.invites import Invite
from channels_desktop.protocols.relationships import Configuration, Initiation, PeerChannel
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.text import TextMessage
from tests.unit.engine.desk import AT, HOST, PEER, STRANGER, Desk, desk, text, write

INVITE = Invite(HOST, "theirs", STRANGER.public, "t", "Eve", AT + 1, "regtest")


async def spare(it: Desk, count: int = 1) -> None:
    """Put mailboxes in stock."""

    def work(turn: Turn) -> None:
        for number in range(count):
            turn.tx.mailboxes.add_spare(Mailbox(HOST, f"spare-{number}", "r", "w"), AT)

    await it.turn(work)


async def problem(it: Desk, link: str) -> str:
    return (await it.store.query(lambda reader: contacts.preview(reader, link, "regtest", it.at))).problem


async def test_an_invite_tells_why_it_cannot_be_used() -> None:
    async with desk() as it:
        await spare(it)
        own = await it.turn(lambda turn: contacts.create_invite(turn, ask.CreateInvite()))
        link = (await it.store.query(lambda reader: reader.contacts.get(own))).link
        assert await problem(it, link) == "own"
        assert await problem(it, "hello") == "not_an_invite"
        assert await problem(it, replace(INVITE, channel_id=f"box-{it.peer}").to_link()) == "own"
        assert await problem(it, replace(INVITE, public_key=PEER.public).to_link()) == "already_connected"
        assert await problem(it, replace(INVITE, network="main").to_link()) == "other_network"
        assert await problem(it, INVITE.to_link()) == ""
        it.at += 1
        assert await problem(it, INVITE.to_link()) == "expired"
        with pytest.raises(Refused, match="expired"):
            await it.turn(lambda turn: contacts.use_invite(turn, ask.UseInvite(INVITE.to_link())))


async def test_without_a_mailbox_nothing_begins() -> None:
    async with desk() as it:
        with pytest.raises(Refused, match="no_host"):
            await it.turn(lambda turn: contacts.create_invite(turn, ask.CreateInvite()))
        await it.turn(lambda turn: turn.tx.mailboxes.set_account(Account(HOST, "account")))
        with pytest.raises(Refused, match="no_mailbox"):
            await it.turn(lambda turn: contacts.create_invite(turn, ask.CreateInvite()))
        assert len(await it.store.query(lambda reader: reader.contacts.all())) == 1


async def test_an_invite_nobody_used_can_be_withdrawn_once() -> None:
    async with desk(ContactState.OFFERED, their_key=b"") as it:
        await it.turn(lambda turn: contacts.withdraw_invite(turn, ask.WithdrawInvite(it.peer)))
        assert (await it.contact()).state is ContactState.TERMINATED
        assert len(await it.store.query(lambda reader: reader.mailboxes.closing())) == 1
        with pytest.raises(Refused, match="stale"):
            await it.turn(lambda turn: contacts.withdraw_invite(turn, ask.WithdrawInvite(it.peer)))


async def test_an_invite_that_is_over_can_be_taken_off_the_list_once() -> None:
    async with desk(ContactState.OFFERED, their_key=b"", expires=AT + 5, link="x") as it:
        remove = ask.RemoveInvite(it.peer)
        with pytest.raises(Refused, match="stale"):
            await it.turn(lambda turn: contacts.remove_invite(turn, remove))
        it.at += 5
        await it.turn(lambda turn: contacts.remove_invite(turn, remove))
        contact = await it.contact()
        assert (contact.state, is_invite(contact), invite_row(contact, it.at).state) == (
            ContactState.TERMINATED,
            False,
            "removed",
        )
        assert len(await it.store.query(lambda reader: reader.mailboxes.closing())) == 1
        with pytest.raises(Refused, match="stale"):
            await it.turn(lambda turn: contacts.remove_invite(turn, remove))


@pytest.mark.parametrize("state", [ContactState.RECEIVED, ContactState.ACTIVE, ContactState.REJECTED])
async def test_who_used_an_invite_stays_when_it_is_taken_off_the_list(state: ContactState) -> None:
    async with desk(state, expires=AT + 5) as it:
        before = await it.contact()
        await it.turn(lambda turn: contacts.remove_invite(turn, ask.RemoveInvite(it.peer)))
        assert await it.contact() == replace(before, expires=0)
        assert is_conversation(before)


@pytest.mark.parametrize("state", [ContactState.SENT, ContactState.REJECTED])
async def test_who_never_became_a_contact_can_be_removed(state: ContactState) -> None:
    async with desk() as it:
        await spare(it)
        number = it.peer = await it.turn(lambda turn: contacts.use_invite(turn, ask.UseInvite(INVITE.to_link())))
        if state is ContactState.REJECTED:
            await it.turn(lambda turn: turn.tx.contacts.move(turn.tx.contacts.get(number), state))
        expected = "already_connected" if state is ContactState.SENT else "used"
        assert await problem(it, INVITE.to_link()) == expected
        await it.turn(lambda turn: contacts.remove(turn, ask.RemoveContact(number)))
        contact = await it.contact()
        assert contact.state is ContactState.TERMINATED
        assert not is_conversation(contact)
        assert len(await it.sent()) == 1, "nobody is told of the end of what never began"
        assert await problem(it, INVITE.to_link()) == "", "it may be tried again"
        with pytest.raises(Refused, match="stale"):
            await it.turn(lambda turn: contacts.remove(turn, ask.RemoveContact(number)))


async def test_the_mailbox_of_an_invite_is_closed_once_it_is_answered() -> None:
    for accept in (True, False):
        async with desk(ContactState.RECEIVED) as it:
            await it.turn(lambda turn: turn.tx.mailboxes.add_spare(Mailbox("memory://host", "next", "r", "w"), AT))
            answer = ask.AnswerRequest(it.peer, accept=accept)
            await it.turn(lambda turn, answer=answer: contacts.answer_request(turn, answer))
            closing = await it.store.query(lambda reader: reader.mailboxes.closing())
            assert [mailbox.channel_id for mailbox in closing] == [f"box-{it.peer}"]


async def test_who_was_a_contact_stays_on_the_list() -> None:
    async with desk(since=AT) as it:
        await it.turn(lambda turn: contacts.remove(turn, ask.RemoveContact(it.peer)))
        contact = await it.contact()
        assert is_conversation(contact)
        row = await it.store.query(lambda reader: conversation_row(reader, contact, AT))
        assert (row.detail, row.ended) == ("", "removed_by_us")
        assert await problem(it, replace(INVITE, public_key=PEER.public).to_link()) == "used"


@pytest.mark.parametrize(
    "url",
    [
        "https://h.example/api/v1/channel/c?token=t&x=1",
        "https://h.example/api/v1/channel/c/more",
        "https://h/x?y=/api/v1/channel/c",
    ],
)
async def test_an_invite_names_a_channel_in_exact_form(url: str) -> None:
    async with desk() as it:
        link = f"channels:?u={quote(url, safe='')}&k={STRANGER.public.hex()}"
        assert await problem(it, link) == "not_an_invite"


async def test_a_mailbox_that_is_more_than_a_base_is_no_mailbox_to_write_to() -> None:
    odd = PeerChannel(base_url=f"{HOST}?delete=1", id="private", write_token="w")
    async with desk(ContactState.SENT, next_in=0) as it:
        await it.receive(write(0, Response(), Initiation(data=replace(ANSWER.data, peer_channels=(odd,)))))
        assert (await it.contact()).state is ContactState.SENT


ANSWER = Initiation(
    data=Configuration(
        public_key=PEER.public, peer_channels=(PeerChannel(base_url=HOST, id="private", write_token="w"),)
    )
)


async def test_an_introduction_in_answer_to_ours_connects() -> None:
    async with desk(ContactState.SENT, next_in=0) as it:
        await it.receive(write(0, Response(), ANSWER))
        contact = await it.contact()
        assert (contact.state, contact.name, contact.outgoing[0].channel_id) == (ContactState.ACTIVE, "Bob", "private")
        assert await it.notices() == ["connected"]
        await it.receive(text(1, "hello"))
        assert await it.texts() == ["hello"]


@pytest.mark.parametrize(
    "script",
    [
        write(0, ANSWER),
        write(0, Response(), TextMessage(text="hello")),
        write(0, Response(), Initiation(data=replace(ANSWER.data, public_key=STRANGER.public))),
        write(0, Response(), Initiation(data=replace(ANSWER.data, peer_channels=()))),
    ],
    ids=["uncorrelated", "no introduction", "another key", "no mailbox"],
)
async def test_another_answer_does_not_connect(script: bytes) -> None:
    async with desk(ContactState.SENT, next_in=0) as it:
        await it.receive(script)
        assert (await it.contact()).state is ContactState.SENT
        assert await it.sent() == []


async def test_a_refusal_ends_it_with_the_words_of_the_other_side() -> None:
    async with desk(ContactState.SENT, next_in=0) as it:
        await it.receive(write(0, Response(status=5, protocol_id=b"RS", note="who are you?")))
        contact = await it.contact()
        assert (contact.state, contact.detail) == (ContactState.REJECTED, "who are you?")


async def test_turning_somebody_down_tells_them() -> None:
    async with desk(ContactState.RECEIVED, next_out=0, expires=AT + 1) as it:
        await it.turn(lambda turn: contacts.answer_request(turn, ask.AnswerRequest(it.peer, accept=False)))
        assert await it.answers() == [(5, "RS", 0)]
        assert (await it.contact()).state is ContactState.REJECTED
        with pytest.raises(Refused, match="stale"):
            await it.turn(lambda turn: contacts.answer_request(turn, ask.AnswerRequest(it.peer, accept=True)))


async def test_ignoring_somebody_sends_nothing() -> None:
    async with desk(ContactState.RECEIVED, next_out=0, expires=AT + 1) as it:
        await it.turn(
            lambda turn: contacts.answer_request(turn, ask.AnswerRequest(it.peer, accept=False, silently=True))
        )
        assert await it.sent() == []
        contact = await it.contact()
        assert contact.state is ContactState.REJECTED
        row = await it.store.query(lambda reader: conversation_row(reader, contact, AT))
        assert (row.ended, row.detail) == ("ignored_by_us", "")


async def test_removing_a_contact_tells_them_and_being_removed_is_shown() -> None:
    async with desk() as it, desk() as other:
        await it.turn(lambda turn: contacts.remove(turn, ask.RemoveContact(it.peer)))
        assert await it.answers() == [(5, "RS", 101)]
        assert (await it.contact()).state is ContactState.TERMINATED
        await other.receive(write(1, Response(status=5, protocol_id=b"RS", code=101, note="bye")))
        contact = await other.contact()
        assert (contact.state, contact.detail) == (ContactState.TERMINATED, "bye")
        assert await other.notices() == ["terminated"]
    async with desk(ContactState.SENT) as it:
        await it.turn(lambda turn: contacts.remove(turn, ask.RemoveContact(it.peer)))
        assert await it.sent() == []


@pytest.mark.parametrize("words", sorted(contacts.OUR_WORDS))
async def test_what_the_other_side_says_is_never_taken_for_what_we_did(words: str) -> None:
    for state, number, code in ((ContactState.SENT, 0, 0), (ContactState.ACTIVE, 1, 101)):
        async with desk(state, next_in=number) as it:
            await it.receive(write(number, Response(status=5, protocol_id=b"RS", code=code, note=words)))
            contact = await it.contact()
            assert contact.state in {ContactState.REJECTED, ContactState.TERMINATED}
            row = await it.store.query(partial(conversation_row, contact=contact, at=AT))
            assert (row.ended, row.detail) == ("", "")


async def test_comparing_the_safety_number_is_kept_for_contacts_alone() -> None:
    async with desk() as it:
        for matches, found in ((True, Verification.VERIFIED), (False, Verification.MISMATCH)):
            command = ask.CheckedSafetyNumber(it.peer, matches=matches)
            await it.turn(lambda turn, command=command: contacts.checked(turn, command))
            assert (await it.contact()).verification is found
    async with desk(ContactState.SENT) as it:
        with pytest.raises(Refused, match="stale"):
            await it.turn(lambda turn: contacts.checked(turn, ask.CheckedSafetyNumber(it.peer, matches=True)))
