"""What peers may send and this version cannot act on: refused, and named, so that a grey row says what came (ux R7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.engine.remote_text import clean
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols.invoices.messages import Menu, RequestMenu
from channels_desktop.protocols.peer_channels import Account, Channel, CreateChannel, DeleteChannel
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.relationships import SubInitiation, SubTerminate, SubUpdate, Update
from channels_desktop.protocols.response import Status
from channels_desktop.protocols.text import TextDelete, TextEdit, TextMessage, TextReaction
from channels_desktop.wire.bsor import present

if TYPE_CHECKING:
    from channels_desktop.engine.records import Contact
    from channels_desktop.engine.turn import Turn
    from channels_desktop.wire.bsor import Message

QUOTED = 80
"""Characters of an earlier text that are repeated where something refers to it."""
LISTED = 10
"""Items of a menu that are named; the rest is counted."""


class Unsupported(ProtocolError):
    """A well formed message that this version cannot act on.

    `notice` is the code of the grey row that says so, `detail` what there is to tell of it: words of the other side.
    """

    def __init__(self, protocol: bytes, notice: str, detail: str = "") -> None:
        super().__init__(protocol, 0, "this is not supported yet", status=Status.UNSUPPORTED_PROTOCOL)
        self.notice = notice
        self.detail = detail


def unsupported(turn: Turn, contact: Contact, body: Message) -> Unsupported:
    """Return the error for a message that no part of the engine wants. Tokens and keys are no detail of it."""
    protocol = REGISTRY.protocol_of(body).id
    match body:
        case TextEdit(target=target, text=text):
            return Unsupported(protocol, "edited", _pair(quoted(turn, contact, target), text))
        case TextDelete(target=target):
            return Unsupported(protocol, "taken_back", quoted(turn, contact, target))
        case TextReaction(target=target, emoji=emoji, remove=remove):
            notice = "reaction_removed" if remove else "reaction"
            return Unsupported(protocol, notice, _pair(quoted(turn, contact, target), emoji))
        case RequestMenu():
            return Unsupported(protocol, "menu_wanted")
        case Menu(items=items):
            names = [item.name or item.id.decode("utf-8", "replace") for item in present(items)]
            return Unsupported(protocol, "menu", _listed(names))
        case Update():
            return Unsupported(protocol, "moved")
        case SubInitiation() | SubUpdate() | SubTerminate():
            return Unsupported(protocol, "sub_channel")
        case Account() | Channel() | CreateChannel() | DeleteChannel():
            return Unsupported(protocol, "channel_managed")
        case ExpandedTx():
            return Unsupported(protocol, "transaction")
        case _:
            return Unsupported(protocol, "unknown_protocol", type(body).__name__)


def quoted(turn: Turn, contact: Contact, uuid: bytes) -> str:
    """Return the beginning of the text that `uuid` names, "" where there is none in this conversation."""
    for message in turn.tx.messages.of_thread(uuid):
        if message.relationship == contact.number and message.kind == TextMessage.__name__:
            found = REGISTRY.read_as_far_as_possible(message.script).find(TextMessage)
            words = " ".join(clean(found.text).split()) if found is not None else ""
            return words if len(words) <= QUOTED else f"{words[: QUOTED - 1]}…"
    return ""


def _pair(target: str, words: str) -> str:
    """Return `words`, behind the text that they are about where that is known."""
    return f"{target} → {clean(words)}" if target else clean(words)


def _listed(names: list[str]) -> str:
    shown = ", ".join(" ".join(clean(name).split()) for name in names[:LISTED])
    return f"{shown} … ({len(names)})" if len(names) > LISTED else shown
