"""Managing channels and their tokens in JSON: what the SPV and the ESV dialect do alike (peer channel API 1.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from channels_desktop.errors import Refused
from channels_desktop.host.http import API, PREFIX, Json, as_account, channel_id, json_body, number
from channels_desktop.host.management import ChannelView, TokenView
from channels_desktop.host.rows import Retention, Settings


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences: how a token's id is written, in what the list of channels comes, whether no tokens are none."""

    token_id: Callable[[int], int | str]
    listed: Callable[[list[Json]], object]
    lists_nothing: bool

    async def create_channel(self, request: web.Request) -> web.Response:
        """Create a channel with one token that may all."""
        settings = _settings(await _body(request))
        made = await as_account(
            request, lambda rules, token: rules.create_channel(token, settings, one_owner=True), change=True
        )
        return web.json_response(self._channel(request, made))

    async def list_channels(self, request: web.Request) -> web.Response:
        """List the account's channels."""
        found = await as_account(request, lambda rules, token: rules.channels(token), change=False)
        return web.json_response(self.listed([self._channel(request, view) for view in found]))

    async def get_channel(self, request: web.Request) -> web.Response:
        """Show one channel of the account."""
        channel = channel_id(request)
        found = await as_account(request, lambda rules, token: rules.channel(token, channel), change=False)
        return web.json_response(self._channel(request, found))

    async def amend_channel(self, request: web.Request) -> web.Response:
        """Change who may read and write; the answer repeats what holds now."""
        channel, body = channel_id(request), await _body(request)
        reads, writes, locked = (_truth(body, name) for name in ("public_read", "public_write", "locked"))
        amended = await as_account(
            request,
            lambda rules, token: rules.amend_channel(
                token, channel, public_read=reads, public_write=writes, locked=locked
            ),
            change=True,
        )
        held = amended.settings
        return web.json_response(
            {"public_read": held.public_read, "public_write": held.public_write, "locked": held.locked}
        )

    async def list_tokens(self, request: web.Request) -> web.Response:
        """List the channel's tokens, or the one of the query; that there is no such token is 404."""
        channel, wanted = channel_id(request), request.query.get("token", "")
        found = await as_account(request, lambda rules, token: rules.tokens(token, channel, wanted), change=False)
        if not found and (wanted or not self.lists_nothing):
            raise Refused("not_found", "no such token")
        return web.json_response([self._token(view) for view in found])

    async def create_token(self, request: web.Request) -> web.Response:
        """Let one more token into the channel."""
        channel, body = channel_id(request), await _body(request)
        description = _text(body, "description")
        reads, writes = _truth(body, "can_read", default=False), _truth(body, "can_write", default=False)
        made = await as_account(
            request,
            lambda rules, token: rules.create_token(token, channel, description, can_read=reads, can_write=writes),
            change=True,
        )
        return web.json_response(self._token(made))

    async def get_token(self, request: web.Request) -> web.Response:
        """Show one token of the channel."""
        channel, key = channel_id(request), _key(request)
        found = await as_account(request, lambda rules, token: rules.token(token, channel, key), change=False)
        return web.json_response(self._token(found))

    def _channel(self, request: web.Request, view: ChannelView) -> Json:
        held = view.settings
        return {
            "id": view.id,
            "href": f"{request.app[API].base_url}{PREFIX}/channel/{view.id}",
            "public_read": held.public_read,
            "public_write": held.public_write,
            "sequenced": held.sequenced,
            "locked": held.locked,
            "head": view.head,
            "head_sequence": view.head,
            "retention": {
                "min_age_days": held.retention.min_age_days,
                "max_age_days": held.retention.max_age_days,
                "auto_prune": held.retention.auto_prune,
            },
            "access_tokens": [self._token(token) for token in view.tokens],
        }

    def _token(self, view: TokenView) -> Json:
        return {
            "id": self.token_id(view.key),
            "token": view.token,
            "description": view.description,
            "can_read": view.can_read,
            "can_write": view.can_write,
        }


async def delete_channel(request: web.Request) -> web.Response:
    """Delete one channel of the account."""
    channel = channel_id(request)
    await as_account(request, lambda rules, token: rules.delete_channel(token, channel), change=True)
    return web.Response(status=204)


async def revoke_token(request: web.Request) -> web.Response:
    """Take a token of the channel back."""
    channel, key = channel_id(request), _key(request)
    await as_account(request, lambda rules, token: rules.revoke_token(token, channel, key), change=True)
    return web.Response(status=204)


async def _body(request: web.Request) -> Json:
    """Return what an account sends; who asks comes before what is asked."""
    await as_account(request, lambda rules, token: rules.account(token), change=False)
    return await json_body(request)


def _settings(body: Json) -> Settings:
    retention = {} if body.get("retention") is None else body["retention"]
    if not isinstance(retention, dict):
        raise Refused("bad_request", "the retention is an object")
    return Settings(
        public_read=_truth(body, "public_read", default=False),
        public_write=_truth(body, "public_write", default=False),
        sequenced=_truth(body, "sequenced", default=False),
        retention=Retention(
            min_age_days=_days(retention, "min_age_days"),
            max_age_days=_days(retention, "max_age_days"),
            auto_prune=_truth(retention, "auto_prune", default=False),
        ),
    )


def _truth(body: Json, name: str, *, default: bool | None = None) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise Refused("bad_request", f"{name} is true or false")
    return value


def _text(body: Json, name: str) -> str:
    """Return a text that every store can keep: without lone surrogates and zeros."""
    value = "" if body.get(name) is None else body[name]
    if not isinstance(value, str) or "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise Refused("bad_request", f"{name} is a text")
    return value


def _days(body: Json, name: str) -> int:
    value = body.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused("bad_request", f"{name} is a number of days")
    return value


def _key(request: web.Request) -> int:
    return number(request.match_info["key"], "a token's id")
