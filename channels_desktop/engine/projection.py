"""From what is stored to what is shown: rows for views, built inside a transaction or a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.engine.attachments import listed
from channels_desktop.engine.contacts import OUR_WORDS, is_kept
from channels_desktop.engine.payment_rows import payment_row
from channels_desktop.engine.rows import (
    ContactState,
    ConversationRow,
    EntryRow,
    InviteRow,
    NeedRow,
    NoticeRow,
    PaymentRow,
    TextRow,
    TextState,
    Verification,
    WalletRow,
)

if TYPE_CHECKING:
    from channels_desktop.engine.records import Contact, Entry
    from channels_desktop.engine.repositories import Reader

ASKED_AFTER = 24 * 3600 * 10**9
"""How long the other side's mailboxes must be gone before the user is asked what to do (channels.md 5.4)."""


def entry_row(reader: Reader, entry: Entry) -> EntryRow:
    """Return the row of a timeline entry."""
    if entry.kind == "text":
        return TextRow(
            entry=entry.number,
            relationship=entry.relationship,
            mine=entry.mine,
            text=entry.text,
            at=entry.at,
            state=TextState(entry.state),
            their_clock=entry.their_clock,
            reason=_not_sent(reader, entry) if entry.mine else "",
            attachments=listed(entry.reason) if not entry.mine else (),
        )
    if entry.kind == "payment":
        thread = reader.threads.get(entry.uuid)
        if thread is not None and thread.state_number:
            return payment_row(reader, thread)
    return NoticeRow(entry.number, entry.relationship, entry.text, entry.at, entry.reason)


def _not_sent(reader: Reader, entry: Entry) -> str:
    """Return why a text of ours was not sent, or is not yet."""
    waits = entry.state == TextState.WAITING.value
    return "gone" if waits and reader.contacts.get(entry.relationship).gone_since else entry.reason


def conversation_row(reader: Reader, contact: Contact, at: int) -> ConversationRow:
    """Return the line of a conversation."""
    newest = reader.entries.newest(contact.number)
    row = entry_row(reader, newest) if newest is not None else None
    unread = reader.entries.unread(contact.number, contact.seen_entry)
    return ConversationRow(
        relationship=contact.number,
        name=contact.name,
        state=contact.state,
        verification=contact.verification,
        last_line=row.text if isinstance(row, TextRow) else "",
        last_code=_code_of(contact, row),
        last_mine=isinstance(row, TextRow) and row.mine,
        last_at=newest.at if newest is not None else contact.since or contact.created,
        unread=unread,
        first_unread=reader.entries.first_unread(contact.number, contact.seen_entry) if unread else 0,
        draft=contact.draft,
        needs=_needs(reader, contact, at),
        payment=row if isinstance(row, PaymentRow) else None,
        since=contact.since,
        detail="" if contact.detail in OUR_WORDS else contact.detail,
        ended=contact.detail if contact.detail in OUR_WORDS else "",
        gone=contact.gone_since > 0,
    )


def invite_row(contact: Contact, at: int) -> InviteRow:
    """Return an invite of ours."""
    state = "used" if is_invite(contact) else "removed"
    if contact.state is ContactState.OFFERED:
        state = "expired" if contact.expires and contact.expires <= at else "waiting"
    elif contact.state is ContactState.TERMINATED and not contact.their_key and is_invite(contact):
        state = "withdrawn"
    return InviteRow(
        relationship=contact.number,
        link=contact.link,
        note=contact.note,
        created=contact.created,
        expires=contact.expires,
        state=state,
        used_by=contact.name if state == "used" else "",
    )


def is_invite(contact: Contact) -> bool:
    """Say whether a relationship began with an invite of ours that is not taken off the list."""
    return contact.expires > 0


def is_conversation(contact: Contact) -> bool:
    """Say whether a relationship is in the conversation list: not one that was removed before it came to be."""
    return bool(contact.their_key) and is_kept(contact)


def wallet_row(reader: Reader) -> WalletRow:
    """Return the wallet's sums."""
    free, committed, change, unconfirmed = reader.coins.sums()
    return WalletRow(free=free, held=committed - change, pending=change, unconfirmed=unconfirmed)


def _needs(reader: Reader, contact: Contact, at: int) -> tuple[NeedRow, ...]:
    if contact.state is ContactState.RECEIVED:
        return (NeedRow("answer_request"),)
    if contact.state is not ContactState.ACTIVE:
        return ()
    locked = contact.verification is Verification.MISMATCH
    needs = [] if locked else list(reader.threads.needs(contact.number))
    if contact.gone_since and at - contact.gone_since >= ASKED_AFTER:
        needs.append(NeedRow("mailbox_gone"))
    return tuple(sorted(needs, key=lambda need: need.deadline or 1 << 62))


def _code_of(contact: Contact, row: EntryRow | None) -> str:
    match row:
        case TextRow(text="", attachments=(_, *_)):
            return "attachments"
        case TextRow():
            return "text"
        case PaymentRow():
            return "payment"
        case NoticeRow():
            return "notice"
        case _:
            return "request" if contact.state is ContactState.RECEIVED else ""
