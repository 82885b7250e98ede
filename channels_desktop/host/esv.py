"""The dialect of ElectrumSV's server: no account in the path, token ids as numbers, one socket for an account."""

from __future__ import annotations

import re

from aiohttp import web

from channels_desktop.errors import Refused
from channels_desktop.host import notify
from channels_desktop.host.frames import account_news, plain_time
from channels_desktop.host.http import API, PREFIX, as_account, credential, json_body, query_credential
from channels_desktop.host.json_channels import Dialect
from channels_desktop.host.mailboxes import Line, Mailboxes
from channels_desktop.host.messages import BSOR_TYPE
from channels_desktop.host.rows import NS_PER_DAY

CHANNELS = Dialect(token_id=int, listed=list, lists_nothing=False)
_PUBLIC_KEY = re.compile("0[23][0-9a-f]{64}")


async def endpoints(request: web.Request) -> web.Response:
    """Say what there is and where; anybody may know."""
    api = request.app[API]
    places = {"account": "account", "channel": "channel", "websocket": "web-socket"}
    return web.json_response(
        {
            "apiType": "bsvapi.endpoints",
            "apiVersion": 1,
            "baseUrl": api.base_url,
            "timestamp": plain_time(api.now()),
            "expiryTime": plain_time(api.now() + NS_PER_DAY),
            "endpoints": [
                {"apiType": f"bsvapi.{name}", "apiVersion": 1, "baseUrl": f"{PREFIX}/{place}"}
                for name, place in places.items()
            ],
        }
    )


async def register(request: web.Request) -> web.Response:
    """Open the account of whoever signs with a key, or tell its token again."""
    api = request.app[API]
    registration = api.registration
    if registration is None:
        raise Refused("forbidden", "the operator opens accounts here")
    key = registration.key(await json_body(request))
    token = registration.token(key)
    await api.change(lambda rules: rules.ensure_account(token, key.hex(), registration.count))
    return _account(key.hex(), token)


async def get_account(request: web.Request) -> web.Response:
    """Tell an account its own key, by which clients see that it is still good.

    Accounts that the operator opened have no public key.
    """
    name = await as_account(request, lambda rules, token: rules.name(token), change=False)
    return _account(name if _PUBLIC_KEY.fullmatch(name) else "", credential(request.headers))


def _account(public_key: str, token: str) -> web.Response:
    return web.json_response({"public_key_hex": public_key, "api_key": token})


async def listen(request: web.Request) -> web.StreamResponse:
    """Serve the websocket of an account: binary for those who accept it, else JSON; a client that speaks is cut off."""
    api = request.app[API]
    token = query_credential(request)

    async def own(rules: Mailboxes) -> Line:
        await rules.account(token)
        return await rules.line(token)

    line = await api.look(own)
    form = account_news(binary=BSOR_TYPE in request.headers.get("Accept", "").lower())
    return await notify.listen(api, request, line, form, notify.Habits(tells_again=True, silent_client=True))
