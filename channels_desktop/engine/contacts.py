"""Relationships: from an invite to two parties who can write to each other, and to their end (channels.md 3.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.keys import check_public
from channels_desktop.engine.commands import WithdrawInvite
from channels_desktop.engine.outbound import promise
from channels_desktop.engine.ports import MailboxAddress
from channels_desktop.engine.records import Contact, StoredMessage
from channels_desktop.engine.rows import ContactState, InvitePreview, Verification
from channels_desktop.engine.shown_anew import contact_changed
from channels_desktop.engine.texts import notice
from channels_desktop.errors import ProtocolError, Refused, WireError
from channels_desktop.protocols.channel_url import check_plain_base
from channels_desktop.protocols.invites import Invite
from channels_desktop.protocols.registry import SPOKEN, identity
from channels_desktop.protocols.relationships import (
    Configuration,
    Identity,
    Initiation,
    PeerChannel,
    RelationshipCode,
)
from channels_desktop.protocols.response import Response, Status
from channels_desktop.protocols.signed import SignatureCode
from channels_desktop.wire import limits

if TYPE_CHECKING:
    from channels_desktop.engine.commands import (
        AnswerRequest,
        CheckedSafetyNumber,
        CreateInvite,
        RemoveContact,
        RemoveInvite,
        UseInvite,
    )
    from channels_desktop.engine.ports import Mailbox
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.engine.turn import Turn
    from channels_desktop.wire.bsor import Message

RS = b"RS"
DECLINED, IGNORED, REMOVED, WITHDRAWN = "declined_by_us", "ignored_by_us", "removed_by_us", "withdrawn"
OUR_WORDS = frozenset({DECLINED, IGNORED, REMOVED, WITHDRAWN})
"""Why a relationship has ended, where that was our doing; all else is what the other side said."""
REMOVABLE = (ContactState.SENT, ContactState.ACTIVE, ContactState.REJECTED)


def create_invite(turn: Turn, command: CreateInvite) -> int:
    """Open an invite for one person; return the number of its relationship."""
    expires = turn.at + command.valid_for
    number = turn.tx.contacts.add(_new(turn, ContactState.OFFERED, note=_short(command.note), expires=expires))
    mailbox = _mailbox(turn, number)
    invite = Invite(
        base_url=mailbox.base_url,
        channel_id=mailbox.channel_id,
        write_token=mailbox.write_token,
        public_key=turn.keys.relationship_key(number).public,
        name=turn.tx.settings.get("name"),
        expires=expires,
        network=turn.network,
    )
    turn.tx.contacts.save(replace(turn.tx.contacts.get(number), link=invite.to_link()))
    turn.invites.add(number)
    return number


def withdraw_invite(turn: Turn, command: WithdrawInvite) -> None:
    """Close an invite nobody has used."""
    contact = turn.tx.contacts.get(command.relationship)
    if contact.state is not ContactState.OFFERED:
        raise Refused("stale")
    turn.tx.mailboxes.close(contact.number)
    turn.tx.contacts.move(replace(contact, detail=WITHDRAWN), ContactState.TERMINATED)
    turn.invites.add(contact.number)


def remove_invite(turn: Turn, command: RemoveInvite) -> None:
    """Take an invite off the list that is used, withdrawn or has expired; whoever used it stays."""
    contact = turn.tx.contacts.get(command.relationship)
    waiting = contact.state is ContactState.OFFERED and not 0 < contact.expires <= turn.at
    if waiting or not contact.expires:
        raise Refused("stale")
    if contact.state is ContactState.OFFERED:
        withdraw_invite(turn, WithdrawInvite(contact.number))
        contact = turn.tx.contacts.get(contact.number)
    turn.tx.contacts.save(replace(contact, expires=0))
    turn.invites.add(contact.number)


def preview(reader: Reader, link: str, network: str, at: int) -> InvitePreview:
    """Say what a link is and whether it can be used."""
    try:
        invite = Invite.from_link(link)
    except WireError:
        return InvitePreview(problem="not_an_invite")
    problem = ""
    if any(contact.link == invite.to_link() for contact in reader.contacts.all() if not contact.their_key):
        problem = "own"
    elif known := _known(reader, invite):
        problem = known
    elif reader.mailboxes.owner(invite.base_url, invite.channel_id) is not None:
        problem = "own"
    elif invite.network and invite.network != network:
        problem = "other_network"
    elif invite.expires and invite.expires <= at:
        problem = "expired"
    return InvitePreview(
        name=invite.name,
        host=invite.base_url,
        key=invite.public_key.hex(),
        expires=invite.expires,
        network=invite.network,
        problem=problem,
    )


def _known(reader: Reader, invite: Invite) -> str:
    """Say what has become of an invite that was answered before; one that was removed unanswered may be tried again."""
    states = [contact.state for contact in reader.contacts.by_key(invite.public_key) if is_kept(contact)]
    ended = (ContactState.REJECTED, ContactState.TERMINATED)
    return "" if not states else "used" if all(state in ended for state in states) else "already_connected"


def is_kept(contact: Contact) -> bool:
    """Say whether a relationship is one to show: not one that was removed before it came to be."""
    return bool(contact.since or contact.state is not ContactState.TERMINATED)


def use_invite(turn: Turn, command: UseInvite) -> int:
    """Answer somebody's invite; return the number of the new relationship."""
    problem = preview(turn.tx, command.link, turn.network, turn.at).problem
    if problem:
        raise Refused(problem)
    invite = Invite.from_link(command.link)
    number = turn.tx.contacts.add(
        replace(
            _new(turn, ContactState.SENT, name=_short(invite.name)),
            their_key=invite.public_key,
            link=invite.to_link(),
            outgoing=(MailboxAddress(invite.base_url, invite.channel_id, invite.write_token),),
        )
    )
    promise(turn, number, _introduction(turn, number), first_contact=True)
    turn.changed(number)
    return number


def requested(turn: Turn, contact: Contact, initiation: Initiation, script: bytes) -> None:
    """Hold what somebody answered to our invite for the user (channels.md 3.1)."""
    if contact.state is ContactState.RECEIVED:
        if identity(contact.initiation) == identity(script):
            return
        raise ProtocolError(RS, RelationshipCode.ALREADY_INITIATED, "somebody else was first", status=Status.IN_USE)
    if contact.expires and contact.expires <= turn.at:
        raise ProtocolError(RS, RelationshipCode.PARSE, "the invite has expired")
    data, name = initiation.data, _name(initiation)
    check_public(data.public_key)
    if turn.tx.contacts.by_key(data.public_key):
        raise ProtocolError(RS, RelationshipCode.ALREADY_INITIATED, "this key is known already")
    received = replace(
        contact,
        name=name,
        their_key=data.public_key,
        outgoing=_addresses(initiation),
        initiation=script,
        next_in=1,
        created=turn.at,
    )
    turn.tx.contacts.move(received, ContactState.RECEIVED)
    turn.tx.messages.add(
        StoredMessage(contact.number, outgoing=False, number=0, uuid=b"", kind="Initiation", at=turn.at, script=script)
    )
    turn.invites.add(contact.number)
    turn.changed(contact.number)


def answer_request(turn: Turn, command: AnswerRequest) -> None:
    """Accept somebody who used our invite, or turn them down with or without a word."""
    contact = turn.tx.contacts.get(command.relationship)
    if contact.state is not ContactState.RECEIVED:
        raise Refused("stale")
    turn.tx.mailboxes.close(contact.number)
    if command.accept:
        turn.tx.contacts.move(replace(contact, since=turn.at), ContactState.ACTIVE)
        introduction = _introduction(turn, contact.number)
        promise(turn, contact.number, introduction, response=Response(), first_contact=True)
        notice(turn, contact.number, "connected")
    elif command.silently:
        turn.tx.contacts.move(replace(contact, detail=IGNORED), ContactState.REJECTED)
    else:
        turn.tx.contacts.move(replace(contact, detail=DECLINED), ContactState.REJECTED)
        no = Response(status=Status.UNWANTED, protocol_id=RS, code=RelationshipCode.PARSE)
        promise(turn, contact.number, None, response=no, first_contact=True)
    turn.invites.add(contact.number)
    turn.changed(contact.number)


def answered(turn: Turn, contact: Contact, body: Message | None, response: Response | None, note: str) -> None:
    """Take the other side's answer to our Initiation."""
    if response is None:
        raise ProtocolError(RS, RelationshipCode.NOT_INITIATED, "an answer to our introduction is expected")
    if response.status:
        turn.tx.contacts.move(replace(contact, detail=_theirs(response.note or note)), ContactState.REJECTED)
        turn.changed(contact.number)
        return
    if not isinstance(body, Initiation):
        raise ProtocolError(RS, RelationshipCode.NOT_INITIATED, "an introduction is expected")
    if body.data.public_key != contact.their_key:
        raise ProtocolError(b"S", SignatureCode.WRONG_PUBLIC_KEY, "not the key of the invite", status=Status.INVALID)
    active = replace(contact, name=_name(body) or contact.name, outgoing=_addresses(body), since=turn.at)
    turn.tx.contacts.move(active, ContactState.ACTIVE)
    notice(turn, contact.number, "connected")
    turn.changed(contact.number)


def terminated(turn: Turn, contact: Contact, words: str) -> None:
    """Note that the other side ended the relationship."""
    turn.tx.contacts.move(replace(contact, detail=_theirs(words)), ContactState.TERMINATED)
    notice(turn, contact.number, "terminated", words)


def _theirs(words: str) -> str:
    return "" if words in OUR_WORDS else words  # a word of ours in their mouth would tell that we ended it


def remove(turn: Turn, command: RemoveContact) -> None:
    """End a relationship, or stop waiting for one: tell the other side of what was one, and listen no longer."""
    contact = turn.tx.contacts.get(command.relationship)
    if contact.state not in REMOVABLE:
        raise Refused("stale")
    if contact.state is ContactState.ACTIVE:
        end = Response(status=Status.UNWANTED, protocol_id=RS, code=RelationshipCode.TERMINATED)
        promise(turn, contact.number, None, response=end)
        contact = turn.tx.contacts.get(command.relationship)
    turn.tx.mailboxes.close(contact.number)
    turn.tx.contacts.move(replace(contact, detail=REMOVED), ContactState.TERMINATED)
    turn.changed(contact.number)


def checked(turn: Turn, command: CheckedSafetyNumber) -> None:
    """Record what comparing the safety number showed."""
    contact = turn.tx.contacts.get(command.relationship)
    if contact.state is not ContactState.ACTIVE:
        raise Refused("stale")
    found = Verification.VERIFIED if command.matches else Verification.MISMATCH
    turn.tx.contacts.save(replace(contact, verification=found))
    notice(turn, contact.number, found.value)
    contact_changed(turn, contact.number)


def _new(turn: Turn, state: ContactState, *, name: str = "", note: str = "", expires: int = 0) -> Contact:
    return Contact(
        number=0,
        state=state,
        name=name,
        their_key=b"",
        verification=Verification.UNVERIFIED,
        next_in=0,
        next_out=0,
        outgoing=(),
        created=turn.at,
        expires=expires,
        note=note,
    )


def _mailbox(turn: Turn, relationship: int) -> Mailbox:
    mailbox = turn.tx.mailboxes.take_spare(relationship)
    if mailbox is None:
        raise Refused("no_mailbox" if turn.tx.mailboxes.account() is not None else "no_host")
    turn.status = True
    return mailbox


def _short(text: str) -> str:
    """Return as much of a name as peers take, in whole letters."""
    return text.encode("utf-8", "replace")[: limits.IDENTITY_BYTES].decode("utf-8", "ignore")


def _introduction(turn: Turn, relationship: int) -> Initiation:
    """Return our own Initiation for a relationship, with a mailbox of its own."""
    mailbox = _mailbox(turn, relationship)
    own = PeerChannel(base_url=mailbox.base_url, id=mailbox.channel_id, write_token=mailbox.write_token)
    data = Configuration(
        public_key=turn.keys.relationship_key(relationship).public,
        peer_channels=(own,),
        supported_protocols=SPOKEN,
    )
    return Initiation(data=data, identity=Identity(name=_short(turn.tx.settings.get("name") or "") or None))


def _addresses(initiation: Initiation) -> tuple[MailboxAddress, ...]:
    channels = initiation.data.peer_channels
    if not 0 < len(channels) <= limits.PEER_CHANNELS:
        raise ProtocolError(RS, RelationshipCode.PARSE, "no usable peer channels", status=Status.INVALID)
    for channel in channels:
        try:
            check_plain_base(channel.base_url)
        except WireError as error:
            raise ProtocolError(RS, RelationshipCode.PARSE, str(error), status=Status.INVALID) from None
    return tuple(MailboxAddress(channel.base_url, channel.id, channel.write_token) for channel in channels)


def _name(initiation: Initiation) -> str:
    name = initiation.identity.name or ""
    if len(name.encode("utf-8", "surrogateescape")) > limits.IDENTITY_BYTES:
        raise ProtocolError(RS, RelationshipCode.PARSE, "the name is too long", status=Status.INVALID)
    return name
