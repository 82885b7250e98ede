"""Channels and accounts as URLs: `base/api/v1/channel/<id>?token=<token>` (channels.md 5.4, wire-format 8).

The base keeps its path, its other query parameters and its fragment. The reference escapes a token twice when it
writes and once less when it reads; text for people is escaped once, bytes on the wire as the reference does.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlencode, urlsplit, urlunsplit

from channels_desktop.errors import WireError
from channels_desktop.wire import limits

_CHANNEL = "api/v1/channel"
_ACCOUNT = "api/v1/account"
_ESCAPE = "%[0-9A-Fa-f]{2}"
_URL = re.compile(
    # Scheme, user, host and port, path, query, fragment: each as strict as the reference reads it.
    r"[A-Za-z][A-Za-z0-9+.-]*://"
    rf"(?:(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|{_ESCAPE})*@)?"
    r"(?:[A-Za-z0-9._~!$&'()*+,;=:\[\]<>\"-]|[^\x00-\x7f]|%25|%[89A-Fa-f][0-9A-Fa-f])+"
    rf"(?:/(?:[^\x00-\x1f\x7f?#%]|{_ESCAPE})*)?(?:\?[^\x00-\x1f\x7f#]*)?(?:#(?:[^\x00-\x1f\x7f%]|{_ESCAPE})*)?"
)
_SEGMENT_SAFE = "-_.~$&+:=@"
_PATH_SAFE = _SEGMENT_SAFE + ",;"


def write_channel_url(base_url: str, channel_id: str, token: str, *, wire: bool = False) -> str:
    """Return the URL of a channel; `wire` escapes the token twice, as in a binary Channel value."""
    return _write(base_url, _CHANNEL, channel_id, token, wire=wire)


def read_channel_url(text: str) -> tuple[str, str, str]:
    """Return base URL, channel id and token; raise WireError("bad_channel_url") where it is no channel.

    As for the reference, the id may be nothing behind its slash, but the slash may not be missing.
    """
    return _read(text, _CHANNEL, "bad_channel_url")


def masked_channel_url(base_url: str, channel_id: str) -> str:
    """Return the URL of a channel without its token: the only form for a log, and where its messages are fetched."""
    return _write(base_url, _CHANNEL, channel_id, None, wire=False)


def channel_fields(text: str) -> dict[str, str]:
    """Return what a channel URL says, by the names of the reference's fields.

    `url` is what the reference would write again: its token is escaped once more than in `text`, where that needs it.
    """
    base_url, channel_id, token = read_channel_url(text)
    url = write_channel_url(base_url, channel_id, token, wire=True)
    return {"url": url, "base_url": base_url, "channel_id": channel_id, "token": token}


def read_plain_channel_url(text: str) -> tuple[str, str, str]:
    """Read the URL of a channel that a stranger names; raise WireError("bad_channel_url") unless it is in exact form.

    That is a base without user, query or fragment, `/api/v1/channel/`, one segment, and at most a token: nothing that a
    post could be made to say to something else than a host of channels.
    """
    base_url, channel_id, token = read_channel_url(text)
    check_plain_base(base_url)
    parts = urlsplit(text)
    _, _, name = parts.path.rpartition(f"/{_CHANNEL}/")
    keys = [key for key, _ in parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")]
    if not name or "/" in name or parts.path.count(f"/{_CHANNEL}") != 1 or keys not in ([], ["token"]):
        raise WireError("bad_channel_url", "not in exact form")
    return base_url, channel_id, token


def check_plain_base(base_url: str) -> None:
    """Raise WireError("bad_channel_url") unless a base URL that a stranger names has no user, query or fragment."""
    try:
        parts = urlsplit(base_url)
        _ = parts.port
    except ValueError:
        raise WireError("bad_channel_url", "not a URL") from None
    odd = not base_url.isprintable() or any(character in base_url for character in "?#@\\ ")
    if odd or len(base_url) > limits.URL_LENGTH or not (parts.scheme and parts.netloc):
        raise WireError("bad_channel_url", "more than a base")


def write_account_url(base_url: str, account_id: str, token: str, *, wire: bool = False) -> str:
    """Return the URL of an account; `wire` escapes the token twice, as in a binary Account value."""
    return _write(base_url, _ACCOUNT, account_id, token, wire=wire)


def read_account_url(text: str) -> tuple[str, str, str]:
    """Return base URL, account id and token; raise WireError("bad_account_url") where it is no account."""
    return _read(text, _ACCOUNT, "bad_account_url")


def _write(base_url: str, place: str, name: str, token: str | None, *, wire: bool) -> str:
    base, _, fragment = base_url.partition("#")
    base, _, query = base.partition("?")
    items = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    try:
        if token is not None:
            items.append(("token", quote(token, safe=_SEGMENT_SAFE, errors="surrogateescape") if wire else token))
        # Keys are sorted: the reference writes them so, and these bytes are signed.
        items.sort(key=lambda item: item[0])
        path = f"{place}/{quote(name, safe=_PATH_SAFE, errors='surrogateescape')}" if name else place
        asked = urlencode(items, quote_via=quote_plus, safe="~", errors="surrogateescape")
    except UnicodeEncodeError:
        raise WireError("bad_text", "half of a surrogate pair") from None
    joint = "" if base.endswith("/") else "/"
    text = f"{base}{joint}{path}" + (f"?{asked}" if asked else "")
    return f"{text}#{fragment}" if fragment else text


def _read(text: str, place: str, error: str) -> tuple[str, str, str]:
    if len(text) > limits.URL_LENGTH:
        raise WireError(error, f"{len(text)} characters are too many")
    # Python's own reader passes over what it does not like: a line feed inside a URL would join what it parts.
    if not _URL.fullmatch(text):
        raise WireError(error, "not a URL")
    try:
        parts = urlsplit(text)
        _ = parts.port
        query = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
        rest = urlencode([item for item in query if item[0] != "token"], safe="~", errors="surrogateescape")
    except ValueError:
        raise WireError(error, "not a URL") from None
    before, found, after = parts.path.partition(f"/{place}/")
    if not found and place == _ACCOUNT and parts.path.endswith(f"/{place}"):
        before, found = parts.path.removesuffix(f"/{place}"), place
    if not (parts.scheme and parts.netloc and found):
        raise WireError(error, f"no {place} in the path")
    name = unquote(after, errors="surrogateescape").partition("/")[0]
    token = next((value for key, value in query if key == "token"), "")
    base = urlunsplit((parts.scheme, parts.netloc, f"{before}/" if before else "", rest, parts.fragment))
    return base, name, token
