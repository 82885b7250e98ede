"""What the lines of a timeline and of the conversation list say, and how a screen reader speaks them."""

from __future__ import annotations

from channels_desktop.engine.rows import ContactState, ConversationRow, NoticeRow, TextRow, TextState, Verification
from channels_desktop.ui import payment_words
from channels_desktop.ui.words import MINUTE, clock, escaped, line, name, sat, tr

CLOCKS_APART = 5 * MINUTE


def text_state(row: TextRow, other: str) -> tuple[str, str]:
    """Return the mark and the words of how far a text of ours has come."""
    return {
        TextState.INCOMING: ("", ""),
        TextState.WAITING: ("clock", tr("Waiting to send")),
        TextState.STORED: ("check", tr("Stored by {name}'s host", name=other)),
        TextState.RECEIVED: ("check-check", tr("Received by {name}'s app", name=other)),
        TextState.NOT_SENT: ("circle-alert", tr("Not sent")),
    }[row.state]


def text_footer(row: TextRow, other: str) -> str:
    """Return the small line of an incoming text: its time, and the sender's clock where it differs."""
    footer = clock(row.at)
    if row.their_clock and abs(row.their_clock - row.at) > CLOCKS_APART:
        footer += tr(" · {name}'s clock: {at}", name=other, at=clock(row.their_clock))
    return footer


def text_spoken(row: TextRow, other: str) -> str:
    """Return "Bob, 12:01: Lunch was on me. Received"."""
    who = tr("You") if row.mine else other
    state = text_state(row, other)[1] if row.mine else tr("Received")
    return f"{who}, {clock(row.at)}: {escaped(row.text)}. {state}"


def notice(row: NoticeRow, other: str) -> tuple[str, str]:
    """Return a grey line's words and tone."""
    plain, danger = "secondary", "danger"
    return {
        "connected": (tr("You and {name} are connected.", name=other), plain),
        "verified": (tr("You checked the safety number of {name}.", name=other), "success"),
        "mismatch": (tr("The safety numbers differ. Payments with {name} are locked.", name=other), danger),
        "unreadable": (tr("A message could not be read. It was set aside."), plain),
        "unknown_protocol": (tr("{name}'s app sent something this version doesn't know.", name=other), plain),
        "bad_signature": (tr("A message was not signed by {name}'s key. It was set aside.", name=other), danger),
        "out_of_turn": (tr("A message came out of turn. It was set aside."), plain),
        "expired": (tr("A message had expired. It was set aside."), plain),
        "refused": (tr("{name}'s app refused a message.", name=other), plain),
        "terminated": (tr("The connection with {name} has ended. Messages are kept.", name=other), plain),
    }.get(row.code, (tr("Something happened that this version has no words for."), plain))


def last_line(row: ConversationRow, now: int) -> str:
    """Return the second line of a conversation in the list."""
    other = name(row.name)
    if row.needs:
        return payment_words.need_line(row.needs[0], now)
    if row.draft:
        return tr("Draft: {text}", text=line(row.draft))
    if row.state is not ContactState.ACTIVE:
        return contact_state(row)
    you = tr("You: ") if row.last_mine else ""
    if row.last_code == "text":
        return you + line(row.last_line)
    if row.last_code == "payment" and row.payment is not None:
        badge = payment_words.badge(row.payment, other, now)[0]
        return f"{payment_words.kind(row.payment)} {sat(row.payment.total)} – {badge}"
    return tr("Connected. Say hello.") if row.last_code in {"", "notice"} else tr("Payment")


def contact_state(row: ConversationRow) -> str:
    """Return how far a relationship has come."""
    return {
        ContactState.OFFERED: tr("Invite is open"),
        ContactState.SENT: tr("Invite answered – waiting"),
        ContactState.RECEIVED: tr("Wants to connect with you"),
        ContactState.ACTIVE: tr("Connected"),
        ContactState.REJECTED: {
            "declined_by_us": tr("You declined"),
            "ignored_by_us": tr("You ignored the request"),
        }.get(row.ended, tr("Didn't accept")),
        ContactState.TERMINATED: tr("You ended the connection") if row.ended else tr("Connection ended"),
    }[row.state]


def ended(row: ConversationRow) -> str:
    """Return what stands in place of the composer once nothing can be written any more, and what to do next."""
    other = name(row.name)
    again = tr("To connect after all, send {name} a new invite.", name=other)
    match row.ended:
        case "declined_by_us":
            return tr("You declined this request, and {name} was told.", name=other) + " " + again
        case "ignored_by_us":
            return tr("You ignored this request. {name} was told nothing.", name=other) + " " + again
        case "removed_by_us":
            return tr("You ended the connection with {name}. Messages are kept; nothing can be sent.", name=other)
        case _ if row.state is ContactState.REJECTED:
            return tr("{name} didn't accept. Ask for a new invite.", name=other)
        case _:
            return tr("The connection with {name} has ended. Messages are kept; nothing can be sent.", name=other)


def conversation_spoken(row: ConversationRow, now: int) -> str:
    """Return "Bob Martin, verified, needs you: invoice 12,400 satoshi, 1 unread"."""
    parts = [name(row.name)]
    parts.append(tr("verified") if row.verification is Verification.VERIFIED else tr("not verified"))
    if row.needs:
        parts.append(tr("needs you: {what}", what=last_line(row, now)))
    elif last := last_line(row, now):
        parts.append(last)
    if row.unread:
        parts.append(tr("{n} unread", n=row.unread))
    return ", ".join(parts)
