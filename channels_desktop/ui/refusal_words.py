"""What a refusal of the other side means, by its protocol and code: the same number says another thing elsewhere."""

from __future__ import annotations

from channels_desktop.ui.words import tr


def refusal(reason: str, name: str) -> str:
    """Return the sentence of a reason such as "I:6" or "TXT:2"; `name` is who refused (channels.md 2.3, 4.9, 9.2)."""
    protocol, _, code = reason.partition(":")
    sentences = {
        "I": _of_payment,
        "TXT": _of_text,
        "S": _of_signature,
        "ID": _of_number,
        "RE": _of_answer,
        "RS": _of_relationship,
    }
    known = sentences[protocol](name).get(code, "") if protocol in sentences else ""
    return known or tr("{name}'s app reported a problem ({reason}).", name=name, reason=reason)


def _of_payment(name: str) -> dict[str, str]:
    return {
        "0": tr("{name}'s app can't read this.", name=name),
        "1": tr("The network refused this transaction."),
        "2": tr("{name} can't read this order.", name=name),
        "3": tr("{name} doesn't sell this item any more.", name=name),
        "4": tr("{name}'s price changed. Ask for a new invoice.", name=name),
        "5": tr("The payment isn't valid."),
        "6": tr("The network fee was below {name}'s quote.", name=name),
        "7": tr("{name} needs earlier transactions to check yours.", name=name),
        "8": tr("{name} needs earlier transactions to check yours.", name=name),
        "9": tr("{name} has no invoice for this payment.", name=name),
        "10": tr("{name}'s app doesn't know what this answers.", name=name),
        "101": tr("It came after it had expired. Ask {name} for a new one.", name=name),
        "102": tr("{name} took this back.", name=name),
        "103": tr("{name} sent a newer version of this.", name=name),
        "104": tr("{name} hasn't enough money for this.", name=name),
    }


def _of_text(name: str) -> dict[str, str]:
    return {
        "0": tr("{name}'s app can't read a text of yours.", name=name),
        "1": tr("{name}'s app doesn't find the message that yours is about.", name=name),
        "2": tr("A text of yours is too large for {name}'s app. Send it in parts.", name=name),
        "3": tr("{name}'s app lets only the author change a message.", name=name),
        "4": tr("{name}'s app can't open what you attached.", name=name),
        "5": tr("What you attached arrived damaged at {name}'s app. Send it again.", name=name),
        "101": tr("A text of yours came too late for {name}'s app. Send it again.", name=name),
    }


def _of_signature(name: str) -> dict[str, str]:
    doubt = tr("{name}'s app couldn't check your signature. Compare your safety numbers.", name=name)
    return {
        "0": doubt,
        "1": tr("{name}'s app got a message without your signature.", name=name),
        "2": doubt,
        "3": doubt,
    }


def _of_number(name: str) -> dict[str, str]:
    return {
        "0": tr("{name}'s app got a message without its number.", name=name),
        "1": tr("{name}'s app misses messages of yours. They are sent again.", name=name),
        "2": tr("{name}'s app got two different messages under one number.", name=name),
    }


def _of_answer(name: str) -> dict[str, str]:
    lost = tr("{name}'s app doesn't know what your answer belongs to.", name=name)
    return {"0": tr("{name}'s app can't read an answer of yours.", name=name), "1": lost, "2": lost}


def _of_relationship(name: str) -> dict[str, str]:
    return {
        "0": tr("{name} doesn't want to connect.", name=name),
        "1": tr("{name}'s app doesn't take you for a contact. Ask for a new invite.", name=name),
        "2": tr("{name}'s app is connected with you already.", name=name),
        "101": tr("{name} ended the connection.", name=name),
    }
