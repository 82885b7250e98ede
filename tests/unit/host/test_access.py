"""Every route there is, asked by whoever has no business there: nothing is seen, changed or logged."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.unit.host.conftest import Plain

SECRET = b"a secret between two"
OPEN = {"/healthz", "/api/v1/endpoints"}
OPERATORS = {("POST", "/api/v1/account"), ("GET", "/metrics"), ("HEAD", "/metrics")}
SIGNED = "/api/v1/account/register"
"""For whoever signs, where the operator lets them: tests/contract/test_dialect_clients.py."""
SOCKETS = ("/notify", "/web-socket")
SHUT = {401, 403, 404}
TRUTHS = ("public_read", "public_write", "sequenced", "locked", "can_read", "can_write", "read", "auto_prune")
BODY = {**dict.fromkeys(TRUTHS, True), "retention": {}, "name": "n", "description": "d"}


@dataclass(frozen=True)
class Tenant:
    """An account with one channel of each kind, a message in both, and a token that was taken back."""

    account: str
    key: str
    tokens: dict[str, str]
    channels: tuple[str, str]
    token_id: str
    revoked: str

    @property
    def secrets(self) -> set[str]:
        """Return what nobody else may see."""
        payload = (SECRET.decode(), base64.b64encode(SECRET).decode(), SECRET.hex())
        return {self.key, *self.tokens.values(), *self.channels, self.revoked, *payload}


async def tenant(plain: Plain) -> Tenant:
    account, key = await plain.account()
    pair = await plain.channel((account, key))
    place = f"/account/{account}/channel"
    _, _, made = await plain.ask("POST", place, key, data=json.dumps({"retention": {}}).encode())
    owned = json.loads(made)
    (owner,) = owned["access_tokens"]
    rights = json.dumps({"description": "short-lived", "can_read": True, "can_write": True}).encode()
    _, _, made = await plain.ask("POST", f"{place}/{owned['id']}/api-token", key, data=rights)
    revoked = json.loads(made)
    assert (await plain.ask("DELETE", f"{place}/{owned['id']}/api-token/{revoked['id']}", key))[0] == 204
    tokens = {"reader": pair.read_token, "writer": pair.write_token, "owner": owner["token"]}
    for channel, token in ((pair.id, pair.write_token), (owned["id"], owner["token"])):
        assert (await plain.ask("POST", f"/channel/{channel}", token, data=SECRET))[0] == 200
    return Tenant(account, key, tokens, (owned["id"], pair.id), owner["id"], revoked["token"])


def routes(plain: Plain) -> list[tuple[str, str]]:
    """Return the method and pattern of everything that the host serves."""
    router = plain.host._front._runner.app.router  # noqa: SLF001 - only the router itself knows all
    found = [(route.method, route.resource.canonical) for route in router.routes() if route.resource is not None]
    assert len(found) > 60
    return found


def path_of(pattern: str, of: Tenant, channel: str) -> str:
    """Return a path of the pattern that names what belongs to a tenant."""
    named = {"{account}": of.account, "{channel}": channel, "{sequence}": "1", "{key}": of.token_id}
    for name, value in named.items():
        pattern = pattern.replace(name, value)
    assert "{" not in pattern, "a new kind of name: say what it stands for"
    return pattern


async def ask(plain: Plain, method: str, path: str, authorization: str, token: str) -> tuple[int, str]:
    """Show a credential in every way there is; return the status, and all that is answered."""
    headers = {"Authorization": authorization} if authorization else {}
    body = json.dumps(BODY) if method == "POST" else None
    query = {"token": token} if token else {}
    url = f"{plain.host.base_url}{path}"
    async with plain.session.request(method, url, params=query, data=body, headers=headers) as answer:
        text = (await answer.read()).decode("latin-1")
        return answer.status, f"{answer.reason}\n{dict(answer.headers)}\n{text}"


async def dial(plain: Plain, path: str, token: str) -> int:
    """Return the status of a websocket's handshake."""
    try:
        async with plain.session.ws_connect(f"{plain.host.base_url}{path}", params={"token": token}):
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status


async def state(plain: Plain, of: Tenant) -> list[Any]:
    """Return all that a tenant can see of its own."""
    paths = [f"/account/{of.account}/channel/list"]
    paths += [f"/channel/{channel}{query}" for channel in of.channels for query in ("", "?unread=true", "/metadata")]
    seen = [await plain.ask("GET", path, of.key) for path in paths]
    assert {status for status, _, _ in seen} == {200}
    return [json.loads(body) for _, _, body in seen]


def strangers(plain: Plain, other: Tenant, victim: Tenant) -> dict[str, tuple[str, str]]:
    """Return the credentials of those who have no business with the victim: a header and a token."""
    tokens = {
        "a stranger": "made-up",
        "another account": other.key,
        "whose token was taken back": victim.revoked,
        "the operator": plain.host.operator_token,
        **{f"another account's {name}": token for name, token in other.tokens.items()},
    }
    known = {who: (f"Bearer {token}", token) for who, token in tokens.items()}
    login = base64.b64encode(f"dev:{other.key}".encode()).decode()
    return {"nobody": ("", ""), "another account by Basic": (f"Basic {login}", other.key), **known}


@pytest.mark.slow
async def test_no_route_lets_anybody_else_in(plain: Plain, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    victim, other = await tenant(plain), await tenant(plain)
    before = await state(plain, victim)
    for method, pattern in routes(plain):
        if pattern.rstrip("/") in OPEN:
            continue
        operators = "/operator/" in pattern or (method, pattern.rstrip("/")) in OPERATORS
        named = "{channel}" in pattern or "{account}" in pattern
        for channel in victim.channels if "{channel}" in pattern else victim.channels[:1]:
            path = path_of(pattern, victim, channel)
            for who, (authorization, token) in strangers(plain, other, victim).items():
                if operators and who == "the operator":
                    continue
                about = f"{who}: {method} {pattern}"
                status, said = await ask(plain, method, path, authorization, token)
                own = token in {other.key, *other.tokens.values()} and not named and not operators
                assert status in SHUT or own, about
                assert not any(secret in said for secret in victim.secrets), about
                if method == "GET" and pattern.rstrip("/").endswith(SOCKETS):
                    assert await dial(plain, path, token) in SHUT or own, about
    assert await state(plain, victim) == before
    for secret in victim.secrets | other.secrets | {plain.host.operator_token}:
        assert secret not in caplog.text


@pytest.mark.slow
async def test_every_route_lets_in_whom_it_is_for(plain: Plain) -> None:
    """Without this the test above could be right for the wrong reason."""
    owner = await tenant(plain)
    for method, pattern in routes(plain):
        if pattern.rstrip("/") == SIGNED:
            continue
        operators = "/operator/" in pattern or (method, pattern.rstrip("/")) in OPERATORS
        messages = "/channel/{channel}" in pattern and "{account}" not in pattern and "manage" not in pattern
        writes = messages and method == "POST" and "{sequence}" not in pattern
        token = plain.host.operator_token if operators else owner.tokens["owner"] if writes else owner.key
        status, _ = await ask(plain, method, path_of(pattern, owner, owner.channels[0]), f"Bearer {token}", "")
        welcome = {400} if pattern.rstrip("/").endswith(SOCKETS) else {200, 204}  # 400: it is no websocket
        assert status in welcome, f"{method} {pattern}"
        if method == "DELETE" or (method == "POST" and pattern.rstrip("/").endswith("/{channel}") and not messages):
            owner = await tenant(plain)  # what was deleted or locked is made anew
