"""What is said about invites: their state, what one holds, and why one can't be used (ux C3)."""

from __future__ import annotations

from channels_desktop.engine.rows import InvitePreview, InviteRow
from channels_desktop.ui.words import date, duration, exactly, line, name, tr

KEY_GROUP = 4


def title(row: InviteRow) -> str:
    """Return the user's own note, or what stands for it."""
    return line(row.note) or tr("Invite without a note")


def state(row: InviteRow, now: int) -> tuple[str, str]:
    """Return how far an invite has come, and the tone."""
    left = row.expires - now
    if row.state == "waiting" and left > 0:
        return tr("waiting, {time} left", time=duration(left)), "secondary"
    return {
        "used": (tr("used by {name}", name=name(row.used_by)), "success"),
        "withdrawn": (tr("withdrawn"), "secondary"),
    }.get(row.state, (tr("expired"), "secondary"))


def problem(preview: InvitePreview, now: int) -> str:
    """Return the cause and the next step; empty where the invite can be used."""
    sentences = {
        "": "",
        "not_an_invite": tr("That isn't an invite. Invites start with channels:"),
        "expired": tr("This invite expired on {date}. Ask for a new one.", date=date(preview.expires, now)),
        "own": tr("This is your own invite."),
        "already_connected": tr("You are already connected with {name}.", name=name(preview.name)),
        "used": tr("This invite was already used. Ask for a new one."),
    }
    if preview.problem == "other_network":
        if preview.network and preview.network != "main":
            return tr("This invite is for test money; this account uses another network.")
        return tr("This invite is for real money; this account uses test money.")
    return sentences.get(preview.problem, tr("This invite can't be used. Ask for a new one."))


def facts(preview: InvitePreview, now: int) -> list[tuple[str, str]]:
    """Return what a usable invite says."""
    key = line(preview.key)
    short = " ".join(key[at : at + KEY_GROUP] for at in range(0, min(len(key), 4 * KEY_GROUP), KEY_GROUP))
    found = [
        (tr("From"), name(preview.name) if preview.name else tr("not said")),
        (tr("Channel host"), line(preview.host)),
        (tr("Key"), f"{short}…" if short else ""),
        (tr("Expires"), exactly(preview.expires, now) if preview.expires else ""),
    ]
    return [(what, value) for what, value in found if value]
