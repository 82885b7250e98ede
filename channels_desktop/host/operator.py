"""What the operator of a host may ask of it over HTTP, with the operator's token: accounts. JSON only.

- `GET /api/v1/operator/accounts`: {"accounts": [{"id", "name", "created", "channels", "stored"}]}
- `POST /api/v1/operator/accounts` with {"name"} or no body: {"id", "name", "token", "url"}
- `DELETE /api/v1/operator/accounts/{account}`: 204
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from channels_desktop.errors import Refused
from channels_desktop.host.http import API, PREFIX, json_body, number
from channels_desktop.host.rows import Account

PLACE = f"{PREFIX}/operator/accounts"


def routes() -> list[web.RouteDef]:
    """Return the operator's routes."""
    return [
        web.get(PLACE, list_accounts),
        web.post(PLACE, create_account),
        web.delete(f"{PLACE}/{{account:[0-9]+}}", remove_account),
    ]


async def list_accounts(request: web.Request) -> web.Response:
    """List all accounts, oldest first."""
    api = request.app[API]
    api.check_operator(request)
    found = await api.look(lambda rules: rules.accounts())
    return web.json_response({"accounts": [shown(account) for account in found]})


async def create_account(request: web.Request) -> web.Response:
    """Open an account."""
    api = request.app[API]
    api.check_operator(request)
    name = await _name(request)
    account, token = await api.change(lambda rules: rules.create_account(name))
    return web.json_response(made(account, name, token, api.base_url))


async def remove_account(request: web.Request) -> web.Response:
    """Remove an account with all its channels and messages."""
    api = request.app[API]
    api.check_operator(request)
    account = number(request.match_info["account"], "an account's id")
    await api.change(lambda rules: rules.remove_account(account))
    return web.Response(status=204)


def shown(account: Account) -> dict[str, Any]:
    """Return what is told of an account; `created` is nanoseconds since 1970, `stored` bytes."""
    return {
        "id": str(account.id),
        "name": account.name,
        "created": account.created,
        "channels": account.channels,
        "stored": account.stored,
    }


def made(account: int, name: str, token: str, base_url: str) -> dict[str, Any]:
    """Return what is told of a new account, the only time that its token is seen."""
    return {"id": str(account), "name": name, "token": token, "url": f"{base_url}{PREFIX}/account/{account}"}


def checked_name(name: object) -> str:
    """Return an account's name, or raise Refused where it could not be the user of a login."""
    if not isinstance(name, str) or not name.isprintable() or ":" in name:
        raise Refused("bad_request", "a name is printable text without a colon")
    return name


async def _name(request: web.Request) -> str:
    return checked_name((await json_body(request)).get("name", "") if request.body_exists else "")
