"""What the lines of a timeline and of the conversation list say, and how a screen reader speaks them."""

from __future__ import annotations

from channels_desktop.engine.rows import ContactState, ConversationRow, NoticeRow, TextRow, TextState, Verification
from channels_desktop.ui import payment_words
from channels_desktop.ui.refusal_words import refusal
from channels_desktop.ui.words import DAY, MINUTE, clock, duration, escaped, line, name, sat, size, tr

CLOCKS_APART = 5 * MINUTE
LISTED = 10  # attachments that are named; the rest is counted


def text_state(row: TextRow, other: str) -> tuple[str, str]:
    """Return the mark and the words of how far a text of ours has come."""
    if row.reason:
        return "circle-alert", not_sent(row.reason, other)
    return {
        TextState.INCOMING: ("", ""),
        TextState.WAITING: ("clock", tr("Waiting to send")),
        TextState.STORED: ("check", tr("Stored by {name}'s host", name=other)),
        TextState.RECEIVED: ("check-check", tr("Received by {name}'s app", name=other)),
        TextState.NOT_SENT: ("circle-alert", tr("Not sent")),
    }[row.state]


def not_sent(reason: str, other: str) -> str:
    """Return why something of ours was not sent."""
    return {
        "gone": tr("Not sent: {name}'s mailbox is gone", name=other),
        "removed": tr("Not sent: you removed {name}", name=other),
        "too_large": tr("Not sent: too large for {name}'s host", name=other),
        "bad_request": tr("Not sent: {name}'s host doesn't take it", name=other),
    }.get(reason, tr("Not sent"))


def text_shown(row: TextRow) -> str:
    """Return what a text says, and below it what came with it."""
    if not row.attachments:
        return escaped(row.text)
    files = [tr("{name}, {size}", name=line(file.name), size=size(file.size)) for file in row.attachments[:LISTED]]
    count, more = len(row.attachments), len(row.attachments) - len(files)
    listed = " · ".join([*files, tr("and {n} more", n=more)] if more else files)
    if count == 1:
        words = tr("1 attachment: {files}. This version can't open it; it is kept.", files=listed)
    else:
        words = tr("{n} attachments: {files}. This version can't open them; they are kept.", n=count, files=listed)
    return f"{escaped(row.text)}\n{words}" if row.text else words


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
    return f"{who}, {clock(row.at)}: {text_shown(row)}. {state}"


def notice(row: NoticeRow, other: str) -> tuple[str, str]:
    """Return a grey line's words and tone."""
    plain, danger = "secondary", "danger"
    if row.code == "refused":
        return refusal(row.detail.partition(" ")[0], other), plain
    return {
        "connected": (tr("You and {name} are connected.", name=other), plain),
        "verified": (tr("You checked the safety number of {name}.", name=other), "success"),
        "mismatch": (tr("The safety numbers differ. Payments with {name} are locked.", name=other), danger),
        "unreadable": (tr("A message could not be read. It was set aside."), plain),
        "unknown_protocol": (tr("{name}'s app sent something this version doesn't know.", name=other), plain),
        "bad_signature": (tr("A message was not signed by {name}'s key. It was set aside.", name=other), danger),
        "out_of_turn": (tr("A message came out of turn. It was set aside."), plain),
        "expired": (tr("A message had expired. It was set aside."), plain),
        "mailbox_gone": (
            tr("{name}'s mailbox is gone. What you write is kept and tried again;", name=other)
            + " "
            + tr("ask {name} for a new invite.", name=other),
            danger,
        ),
        "too_large": (tr("{name} sent more than this version takes. It was set aside.", name=other), plain),
        "missing_before": (tr("A message came, but what {name} sent before it is missing.", name=other), plain),
        "terminated": (tr("The connection with {name} has ended. Messages are kept.", name=other), plain),
        "reply": (tr("{name} answers an earlier message:", name=other), plain),
        "empty_text": (tr("{name} sent a text with nothing in it.", name=other), plain),
        **_unsupported(other),
    }.get(row.code, (tr("Something happened that this version has no words for."), plain))


def _unsupported(other: str) -> dict[str, tuple[str, str]]:
    """Return words and tone for what came and this version cannot act on."""
    plain, danger = "secondary", "danger"
    return {
        "edited": (tr("{name} changed an earlier message. It still stands here as it was.", name=other), plain),
        "taken_back": (tr("{name} took back an earlier message. It still stands here.", name=other), plain),
        "reaction": (tr("{name} reacted to an earlier message:", name=other), plain),
        "reaction_removed": (tr("{name} took back a reaction:", name=other), plain),
        "menu": (tr("{name} sent a menu. This version can't order from it:", name=other), plain),
        "menu_wanted": (tr("{name} asked for a menu. This version has none.", name=other), plain),
        "moved": (
            tr("{name}'s app has a new mailbox or key, which this version can't follow. If messages stop,", name=other)
            + " "
            + tr("connect again with a new invite."),
            danger,
        ),
        "sub_channel": (tr("{name}'s app offered a second channel. This version has none.", name=other), plain),
        "channel_managed": (tr("{name} sent something for managing channels. It wasn't used.", name=other), plain),
        "transaction": (
            tr("{name} proposes a transaction, which this version can't negotiate. It wasn't signed.", name=other),
            plain,
        ),
    }


def notice_detail(row: NoticeRow) -> str:
    """Return a grey line's second line: the other side's own words on one line, or ""."""
    return line(row.detail.partition(" ")[2] if row.code == "refused" else row.detail)


def last_line(row: ConversationRow, now: int) -> str:
    """Return the second line of a conversation in the list."""
    other = name(row.name)
    if row.needs:
        return payment_words.need_line(row.needs[0], now)
    if row.draft:
        return tr("Draft: {text}", text=line(row.draft))
    if row.state is ContactState.SENT and not row.gone and now - row.last_at >= DAY:
        return tr("No answer for {time}", time=duration(now - row.last_at))
    if row.state is not ContactState.ACTIVE:
        return contact_state(row)
    you = tr("You: ") if row.last_mine else ""
    if row.last_code == "text":
        return you + line(row.last_line)
    if row.last_code == "attachments":
        return tr("Sent an attachment")
    if row.last_code == "payment" and row.payment is not None:
        badge = payment_words.badge(row.payment, other, now)[0]
        return f"{payment_words.kind(row.payment)} {sat(row.payment.total)} – {badge}"
    return tr("Connected. Say hello.") if row.last_code in {"", "notice"} else tr("Payment")


def contact_state(row: ConversationRow) -> str:
    """Return how far a relationship has come."""
    if row.state is ContactState.SENT and row.gone:
        return tr("This invite can't be used any more")
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
    if row.ended == "removed_by_us":
        return tr("You ended the connection with {name}. Messages are kept; nothing can be sent.", name=other)
    return tr("The connection with {name} has ended. Messages are kept; nothing can be sent.", name=other)


def pending(row: ConversationRow, now: int) -> tuple[str, str]:
    """Return heading and sentence of a contact with whom there is no connection (yet), and what to do next."""
    other = name(row.name)
    again = tr("To connect after all, send {name} a new invite.", name=other)
    if row.ended == "ignored_by_us":
        return tr("You ignored this request"), tr("{name} was told nothing.", name=other) + " " + again
    if row.ended:
        return tr("You declined this request"), tr("{name} was told.", name=other) + " " + again
    if row.state is ContactState.REJECTED:
        return tr("{name} didn't accept", name=other), tr("To try again, ask {name} for a new invite.", name=other)
    if row.gone:
        words = tr("It was used by somebody else or withdrawn. Ask {name} for a new one.", name=other)
        return tr("This invite can't be used any more"), words
    if now - row.last_at >= DAY:
        words = tr("Somebody else may have used the invite. Go on waiting, or ask {name} for a new one.", name=other)
        return tr("No answer for {time}", time=duration(now - row.last_at)), words
    words = tr("Waiting for {name} to accept. You can write and pay as soon as that is done.", name=other)
    return tr("Invite answered"), words


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
