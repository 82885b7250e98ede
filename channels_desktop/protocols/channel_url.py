"""Channels and accounts as URLs: `base/api/v1/channel/<id>?token=<token>` (channels.md 5.4, wire-format 8).

The base keeps its path, its other query parameters and its fragment. The reference escapes a token twice when it
writes and once less when it reads; text for people is escaped once, bytes on the wire as the reference does.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

from channels_desktop.errors import WireError

_CHANNEL = "api/v1/channel"
_ACCOUNT = "api/v1/account"
_PATH_SAFE = "-_.~$&+:=@"


def write_channel_url(base_url: str, channel_id: str, token: str, *, wire: bool = False) -> str:
    """Return the URL of a channel; `wire` escapes the token twice, as in a binary Channel value."""
    return _write(base_url, _CHANNEL, channel_id, token, wire=wire)


def read_channel_url(text: str) -> tuple[str, str, str]:
    """Return base URL, channel id and token; raise WireError("bad_channel_url") where it is no channel."""
    return _read(text, _CHANNEL, "bad_channel_url")


def write_account_url(base_url: str, account_id: str, token: str, *, wire: bool = False) -> str:
    """Return the URL of an account; `wire` escapes the token twice, as in a binary Account value."""
    return _write(base_url, _ACCOUNT, account_id, token, wire=wire)


def read_account_url(text: str) -> tuple[str, str, str]:
    """Return base URL, account id and token; raise WireError("bad_account_url") where it is no account."""
    return _read(text, _ACCOUNT, "bad_account_url")


def _write(base_url: str, place: str, name: str, token: str, *, wire: bool) -> str:
    base, _, fragment = base_url.partition("#")
    base, _, query = base.partition("?")
    escaped = quote(token, safe=_PATH_SAFE, errors="surrogateescape") if wire else token
    # Keys are sorted: the reference writes them so, and these bytes are signed.
    items = sorted([*parse_qsl(query, keep_blank_values=True), ("token", escaped)], key=lambda item: item[0])
    path = f"{place}/{quote(name, safe=_PATH_SAFE, errors='surrogateescape')}" if name else place
    joint = "" if base.endswith("/") else "/"
    text = f"{base}{joint}{path}?{urlencode(items, quote_via=quote_plus, safe='~', errors='surrogateescape')}"
    return f"{text}#{fragment}" if fragment else text


def _read(text: str, place: str, error: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(text)
        _ = parts.port
        query = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
    except ValueError:
        raise WireError(error, "not a URL") from None
    before, found, after = parts.path.partition(f"/{place}/") if parts.path.find(f"/{place}/") >= 0 else ("", "", "")
    if not found and parts.path.endswith(f"/{place}"):
        before, found, after = parts.path.removesuffix(f"/{place}"), place, ""
    if not (parts.scheme and parts.netloc and found):
        raise WireError(error, f"no {place} in the path")
    name = after.partition("/")[0]
    token = next((value for key, value in query if key == "token"), "")
    rest = urlencode([item for item in query if item[0] != "token"], safe="~", errors="surrogateescape")
    base = urlunsplit((parts.scheme, parts.netloc, f"{before}/" if before else "", rest, parts.fragment))
    return base, name, token
