"""What is said of a channel host that does not serve: what happened, and what to do, by its cause and by the place."""

from __future__ import annotations

from enum import Enum

from channels_desktop.errors import Cause
from channels_desktop.ui.translation import tr


class Place(Enum):
    """Where it is said."""

    CHOOSING = "choosing"  # somebody has just typed address and token
    LISTENING = "listening"  # the line to the host that was chosen, tried again and again


def problem(cause: Cause, place: Place, host: str = "") -> str:
    """Return what keeps a host from serving and what to do; `host` is its address, fit to be shown."""
    shown = host or (tr("The host") if place is Place.CHOOSING else tr("Your channel host"))
    return f"{_happened(cause, shown)} {_next(cause, place)}"


def briefly(cause: Cause) -> str:
    """Return the cause as a few words that follow others in a line."""
    return {
        Cause.UNKNOWN: tr("the host can't be used"),
        Cause.ADDRESS: tr("the host's address is wrong"),
        Cause.INSECURE: tr("the host's address isn't secure"),
        Cause.NAME: tr("the host's name isn't found"),
        Cause.CLOSED: tr("the host takes no connections"),
        Cause.UNREACHABLE: tr("no way leads to the host"),
        Cause.SILENT: tr("the host doesn't answer"),
        Cause.CERTIFICATE: tr("the host's certificate isn't trusted"),
        Cause.CERTIFICATE_DATE: tr("the host's certificate is out of date"),
        Cause.CERTIFICATE_NAME: tr("the host's certificate is for another name"),
        Cause.NO_TLS: tr("the host doesn't speak https"),
        Cause.BROKEN: tr("the line broke"),
        Cause.NOT_A_HOST: tr("something else answers in place of the host"),
        Cause.NONSENSE: tr("the host's answer makes no sense"),
        Cause.NO_TOKEN: tr("the host asks for a token"),
        Cause.TOKEN: tr("the host refuses this account"),
        Cause.GONE: tr("the host doesn't know this account"),
        Cause.FULL: tr("the host has no more room"),
        Cause.BUSY: tr("the host is busy"),
        Cause.UNPAID: tr("the host wants to be paid"),
        Cause.FAILING: tr("the host has a fault"),
    }[cause]


def _happened(cause: Cause, host: str) -> str:
    text = {
        Cause.UNKNOWN: tr("{host} can't be used, for a reason unknown here."),
        Cause.ADDRESS: tr("{host} isn't an address of a channel host: they look like https://host.example."),
        Cause.INSECURE: tr("{host} isn't a secure address: it must begin with https://."),
        Cause.NAME: tr("{host} can't be found: looking its name up failed."),
        Cause.CLOSED: tr("{host} can't be reached: nothing listens there at that port."),
        Cause.UNREACHABLE: tr("{host} can't be reached: no way leads there from this computer."),
        Cause.SILENT: tr("{host} didn't answer in time."),
        Cause.CERTIFICATE: tr("{host} has a certificate that this computer doesn't trust, so nothing was sent there."),
        Cause.CERTIFICATE_DATE: tr(
            "{host} has a certificate that isn't valid at this date, so nothing was sent there."
        ),
        Cause.CERTIFICATE_NAME: tr("{host} has a certificate for another name, so nothing was sent there."),
        Cause.NO_TLS: tr("{host} doesn't speak https at that port, so nothing was sent there."),
        Cause.BROKEN: tr("{host} broke the connection off."),
        Cause.NOT_A_HOST: tr("{host} answers, but what answers isn't a channel host."),
        Cause.NONSENSE: tr("{host} answered what this app can't make sense of."),
        Cause.NO_TOKEN: tr("{host} asks for an access token."),
        Cause.TOKEN: tr("{host} refused the access token."),
        Cause.GONE: tr("{host} doesn't know this account."),
        Cause.FULL: tr("{host} has no more room."),
        Cause.BUSY: tr("{host} is too busy at the moment."),
        Cause.UNPAID: tr("{host} wants to be paid first, which this app can't do yet."),
        Cause.FAILING: tr("{host} says that it has a fault."),
    }[cause]
    return text.format(host=host)


def _next(cause: Cause, place: Place) -> str:
    """Return the next step."""
    if place is Place.LISTENING:
        return _next_while_listening(cause)
    match cause:
        case Cause.NAME | Cause.UNREACHABLE | Cause.SILENT:
            return tr("Check the address and your network.")
        case Cause.CLOSED | Cause.NO_TLS:
            return tr("Check the address and its port, or ask whoever runs the host.")
        case Cause.CERTIFICATE_DATE:
            return tr("Check this computer's clock, or tell whoever runs the host.")
        case Cause.CERTIFICATE | Cause.CERTIFICATE_NAME:
            return tr("Check the address, or tell whoever runs the host.")
        case Cause.ADDRESS | Cause.INSECURE | Cause.NOT_A_HOST | Cause.NONSENSE | Cause.GONE:
            return tr("Check the address.")
        case Cause.NO_TOKEN:
            return tr("Whoever runs it can give you one.")
        case Cause.TOKEN:
            return tr("Check it, or ask whoever runs the host for another.")
        case Cause.FULL | Cause.UNPAID:
            return tr("Choose another host, or ask whoever runs this one.")
        case Cause.BUSY | Cause.BROKEN | Cause.FAILING | Cause.UNKNOWN:
            return tr("Try again in a while, or choose another host.")


def _next_while_listening(cause: Cause) -> str:
    match cause:
        case Cause.NAME | Cause.UNREACHABLE | Cause.SILENT | Cause.NOT_A_HOST:
            return tr("Check your network; we keep trying.")
        case Cause.CERTIFICATE_DATE:
            return tr("Check this computer's clock, or tell whoever runs the host; we keep trying.")
        case Cause.CLOSED | Cause.BROKEN | Cause.BUSY | Cause.FAILING | Cause.UNKNOWN:
            return tr("We keep trying; nothing is lost meanwhile.")
        case _:
            return tr("Ask whoever runs it; we keep trying.")
