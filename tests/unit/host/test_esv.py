"""What is ElectrumSV's alone: the list of places, its own account, management without an account in the path."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.unit.host.conftest import Plain


async def manage(plain: Plain, method: str, path: str, key: str, body: object = None) -> tuple[int, object]:
    """Ask for something below /channel/manage."""
    data = None if body is None else json.dumps(body).encode()
    status, _, said = await plain.ask(method, f"/channel/manage{path}", key, data=data)
    return status, json.loads(said) if said else None


async def test_the_list_of_places_is_good_for_a_day(plain: Plain) -> None:
    status, _, body = await plain.ask("GET", "/endpoints")
    said = json.loads(body)
    assert (status, said["apiType"], said["baseUrl"]) == (200, "bsvapi.endpoints", plain.host.base_url)
    times = [datetime.fromisoformat(said[name]) for name in ("timestamp", "expiryTime")]
    assert (times[1] - times[0]).total_seconds() == pytest.approx(86_400, abs=1)
    assert {place["baseUrl"] for place in said["endpoints"]} == {
        "/api/v1/account",
        "/api/v1/channel",
        "/api/v1/web-socket",
    }


async def test_an_account_sees_itself_and_nobody_else(plain: Plain) -> None:
    _, key = await plain.account()
    status, headers, body = await plain.ask("GET", "/account", key)
    assert (status, json.loads(body)) == (200, {"public_key_hex": "", "api_key": key})
    assert "no-store" in headers["Cache-Control"]
    for token in ("", "wrong", plain.host.operator_token):
        assert (await plain.ask("GET", "/account", token))[0] == 401


async def test_channels_of_one_account_are_nothing_to_another(plain: Plain) -> None:
    (_, mine), (_, theirs) = await plain.account(), await plain.account()
    _, made = await manage(plain, "POST", "", mine, {})
    assert isinstance(made, dict)
    assert await manage(plain, "GET", "/list", mine) == (200, [made])
    assert await manage(plain, "GET", "/list", theirs) == (200, [])
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/api-token/1")):
        assert (await manage(plain, method, f"/{made['id']}{path}", theirs))[0] == 404
    assert (await manage(plain, "DELETE", f"/{made['id']}", mine))[0] == 204
    assert await manage(plain, "GET", "/list", mine) == (200, [])


async def test_manage_is_no_channel_and_no_channel_is_called_list(plain: Plain) -> None:
    _, key = await plain.account()
    assert (await manage(plain, "POST", "/list", key, {}))[0] == 400
    assert (await manage(plain, "GET", "/no-such", key))[0] == 404
    assert (await manage(plain, "DELETE", "/5", key))[0] == 404
    assert (await plain.ask("GET", "/channel/manage", key))[0] == 404
    assert (await plain.ask("PUT", "/channel/manage", key))[0] == 405


async def test_nobody_registers_where_the_operator_opens_accounts(plain: Plain) -> None:
    status, _, body = await plain.ask("POST", "/account/register", data=b"{}")
    assert (status, json.loads(body)["message"]) == (403, "the operator opens accounts here")
