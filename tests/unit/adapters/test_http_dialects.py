"""How hosts of the three dialects are recognised, managed and read, against servers that answer as the originals do."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from aiohttp import web

from channels_desktop.engine.ports import Account, MailboxAddress
from channels_desktop.errors import Refused, TransportError
from tests.contract.channel_hosts import RECEIVED, endless
from tests.unit.adapters.talk import ALL, HOSTS, MANAGED, NOW, body, filled, headers, paths, talking_to

KNOCKS = ["/api/v1/account/1/channels", "/api/v1/account/1/channel/list", "/api/v1/channel/manage/list"]


# ------------------------------------------------------------------------------------------------------ recognition


@ALL
async def test_a_dialect_is_recognised_once_by_questions_that_change_nothing(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        for _ in range(2):
            assert await client.mailboxes(account) == ()
        tried = KNOCKS[: [*HOSTS].index(kind) + 1]
        if kind == "esv":
            tried = ["/api/v1/account//channel/list", KNOCKS[2]]  # no account by number there
        asked = paths(host)
        assert asked == [("GET", path) for path in [*tried, tried[-1], tried[-1]]]


@ALL
@pytest.mark.parametrize("remembered", HOSTS)
async def test_what_an_account_remembers_is_asked_first_and_need_not_be_true(kind: str, remembered: str) -> None:
    async with talking_to(kind) as (host, client, account):
        assert await client.mailboxes(replace(account, dialect=remembered)) == ()
        if remembered == kind:
            assert len(paths(host)) == 2, "the one that knocks, and what was asked"


@ALL
@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_host_that_cannot_answer_now_is_asked_again_later(kind: str, status: int) -> None:
    async with talking_to(kind) as (host, client, account):
        host.failing = lambda _: web.Response(status=status, headers={"Retry-After": "5"})
        with pytest.raises(TransportError) as caught:
            await client.mailboxes(account)
        assert (caught.value.gone, caught.value.retry_at) == (False, NOW + 5 * 10**9)
        host.failing = lambda _: None
        assert await client.mailboxes(account) == ()


@ALL
async def test_wrong_credentials_are_told_from_no_host_at_all(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        with pytest.raises(TransportError, match="401") as caught:
            await client.mailboxes(Account(host.base_url, account.account_id, "wrong"))
        assert caught.value.gone
        host.failing = lambda _: web.Response(text="It works!")
        with pytest.raises(TransportError, match="no peer channel host") as caught:
            await client.mailboxes(account)
        assert caught.value.gone


@ALL
async def test_an_account_is_given_by_its_url(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        url = f"{host.base_url}/api/v1/account/{account.account_id}"
        escaped = account.token.replace(":", "%3A").replace("=", "%3D")
        known = replace(account, dialect=kind)
        assert await client.create_account(url, account.token) == known
        assert await client.create_account(f"{url}?token={escaped}", "") == known
        assert {method for method, _ in paths(host)} == {"GET"}
        for wrong in ("", "wrong"):
            with pytest.raises(TransportError) as caught:
                await client.create_account(url, wrong)
            assert caught.value.gone


async def test_a_key_alone_is_enough_where_it_says_whose_it_is() -> None:
    async with talking_to("esv") as (host, client, account):
        assert await client.create_account(host.base_url, account.token) == replace(account, dialect="esv")
        with pytest.raises(TransportError) as caught:
            await client.create_account(host.base_url, "wrong")
        assert caught.value.gone


# ------------------------------------------------------------------------------------------------------- management


async def test_what_is_sent_to_a_tokenized_host() -> None:
    async with talking_to("tokenized") as (host, client, account):
        mailbox = await client.create_mailbox(account)
        await client.post(mailbox.address, b"x")
        await client.mark_read(account, mailbox.channel_id, 1)
        created = headers(host, "POST", "/account/1/channel")
        assert (created["Accept"], created["Authorization"]) == ("application/octet-stream", "Bearer opaque")
        marked = headers(host, "POST", f"/{mailbox.channel_id}/1?read=true&older=true")
        assert marked["Authorization"] == "Bearer opaque"
        assert body(host, "POST", "older=true") == b""
        posted = headers(host, "POST", mailbox.channel_id)
        assert posted["Content-Type"] == "application/octet-stream"
        assert posted["Content-Length"] == "1"


@MANAGED
async def test_what_is_sent_to_a_managed_host(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        manage = "/account/1/channel" if kind == "spv" else "/channel/manage"
        created = headers(host, "POST", manage)
        basic = base64.b64encode(account.token.encode()).decode()
        assert created["Authorization"] == (f"Basic {basic}" if kind == "spv" else f"Bearer {account.token}")
        assert (created["Content-Type"], created["Accept"]) == ("application/json", "application/json")
        assert json.loads(body(host, "POST", manage)) == {
            "public_read": False,
            "public_write": False,
            "sequenced": False,
            "retention": {"min_age_days": 0, "max_age_days": 0, "auto_prune": False},
        }
        assert json.loads(body(host, "POST", f"{manage}/{mailbox.channel_id}/api-token")) == {
            "description": "write",
            "can_read": False,
            "can_write": True,
        }
        await client.post(mailbox.address, b"x")
        await client.unread(account, mailbox.channel_id, 9)
        await client.mark_read(account, mailbox.channel_id, 1)
        assert headers(host, "GET", "?unread=true")["Authorization"] == f"Bearer {mailbox.read_token}"
        marked = headers(host, "POST", f"/{mailbox.channel_id}/1?older=true")
        assert (marked["Authorization"], marked["Content-Type"]) == (f"Bearer {mailbox.read_token}", "application/json")
        assert json.loads(body(host, "POST", "?older=true")) == {"read": True}


@MANAGED
async def test_others_get_a_token_that_only_writes(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        owner, writer = host.channels[mailbox.channel_id].tokens
        assert (mailbox.read_token, mailbox.write_token) == (owner.text, writer.text)
        assert (writer.can_read, writer.can_write) == (False, True)


@MANAGED
@pytest.mark.parametrize("answer", ["{}", '{"token":""}', '{"token":1}', "[]", "no"])
async def test_a_channel_that_nobody_could_write_to_is_taken_back(kind: str, answer: str) -> None:
    async with talking_to(kind) as (host, client, account):

        def fail(request: web.Request) -> web.Response | None:
            made = answer.encode()
            return web.Response(body=made, content_type="application/json") if "api-token" in request.path else None

        host.failing = fail
        with pytest.raises(TransportError):
            await client.create_mailbox(account)
        assert host.channels == {}


@MANAGED
@pytest.mark.parametrize(
    "answer",
    [
        {"id": "c", "access_tokens": []},
        {"id": "", "access_tokens": [{"token": "t", "can_read": True}]},
        {"id": "c", "access_tokens": [{"token": "t", "can_read": False}]},
        {"id": "c", "access_tokens": [{"token": "", "can_read": True}]},
        {"id": "c", "access_tokens": ["t"]},
        {"id": "c"},
        {"id": 1, "access_tokens": [{"token": "t", "can_read": True}]},
        [],
        None,
    ],
)
async def test_channels_that_make_no_sense(kind: str, answer: object) -> None:
    async with talking_to(kind) as (host, client, account):
        assert await client.mailboxes(account) == ()
        host.failing = lambda _: web.json_response(answer)
        for call in (client.create_mailbox(account), client.unread(account, "c", 1), client.mark_read(account, "c", 1)):
            with pytest.raises(TransportError):
                await call


@MANAGED
async def test_a_channel_is_deleted_once_and_a_refusal_is_no_success(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        refusing = {"DELETE": web.Response}
        host.failing = lambda request: refusing[request.method](status=403) if request.method in refusing else None
        with pytest.raises(TransportError):
            await client.delete_mailbox(account, mailbox.channel_id)
        host.failing = lambda _: None
        for _ in range(2):
            await client.delete_mailbox(account, mailbox.channel_id)
        assert host.channels == {}


@MANAGED
async def test_the_owners_token_reads_and_is_asked_for_once(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        channel = host.add_channel("1")
        host.add_token(channel, "reader", can_read=True, can_write=False)
        owner = host.add_token(channel, "Owner", can_read=True, can_write=True)
        filled(host, channel.id, b"one")
        for _ in range(2):
            assert len(await client.unread(account, channel.id, 9)) == 1
        assert headers(host, "GET", "?unread=true")["Authorization"] == f"Bearer {owner.text}"
        assert len([path for _, path in paths(host) if path.endswith(f"/channel/{channel.id}")]) <= 1
        owner.text = "replaced"
        with pytest.raises(TransportError) as caught:
            await client.unread(account, channel.id, 9)
        assert caught.value.gone
        assert len(await client.unread(account, channel.id, 9)) == 1


# ---------------------------------------------------------------------------------------------------------- reading


@ALL
async def test_messages_come_with_everything(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        filled(host, mailbox.channel_id, b"\x00\xff", b"")
        first, second = await client.unread(account, mailbox.channel_id, 9)
        assert (first.base_url, first.channel_id, first.sequence) == (host.base_url, mailbox.channel_id, 1)
        assert (first.received, first.content_type) == (RECEIVED, "application/octet-stream")
        assert (first.payload, second.payload) == (b"\x00\xff", b"")
        assert len(await client.unread(account, mailbox.channel_id, 1)) == 1


@MANAGED
async def test_what_does_not_fit_a_page_comes_once_the_page_is_read(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        filled(host, mailbox.channel_id, *[bytes([number]) * 60_000 for number in range(60)])
        found: list[int] = []
        while page := await client.unread(account, mailbox.channel_id, 999):
            found += [item.sequence for item in page]
            assert sum(len(item.payload) for item in page) < 2 << 20
            await client.mark_read(account, mailbox.channel_id, page[-1].sequence)
        assert found == list(range(1, 61))


@MANAGED
async def test_one_message_may_be_larger_than_a_page(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        filled(host, mailbox.channel_id, bytes(5 << 20), b"small")
        (large, *_) = await client.unread(account, mailbox.channel_id, 9)
        assert large.payload == bytes(5 << 20)


async def test_a_tokenized_page_that_is_too_large_is_read_by_the_message() -> None:
    async with talking_to("tokenized") as (host, client, account):
        mailbox = await client.create_mailbox(account)
        host.websockets = False
        filled(host, mailbox.channel_id, *[bytes([number]) * (10 << 20) for number in range(4)])
        line = client.listen(account)
        await anext(line)
        item = await anext(line)
        assert getattr(item, "sequence", 0) == 1
        await line.aclose()  # type: ignore[attr-defined]
        asked = [path for _, path in paths(host) if "?unread" in path]
        assert [path.rpartition("=")[2] for path in asked[:2]] == ["100", "1"]


@MANAGED
async def test_a_message_that_is_too_large_is_not_read(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        host.failing = lambda request: endless() if "unread" in request.query_string else None
        with pytest.raises(TransportError, match="too large"):
            await client.unread(account, mailbox.channel_id, 9)


@MANAGED
async def test_only_json_is_read_as_json(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        host.failing = lambda _: web.Response(text="[]", content_type="text/html")
        for call in (client.unread(account, mailbox.channel_id, 9), client.mailboxes(account)):
            with pytest.raises(TransportError, match="not JSON"):
                await call
        host.failing = lambda _: web.json_response({} if kind == "spv" else {"channels": []})
        with pytest.raises(TransportError, match="no sense"):
            await client.mailboxes(account)


# ---------------------------------------------------------------------------------------------------------- posting


@MANAGED
async def test_errors_inside_a_bad_request_are_understood(kind: str) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        channel = host.channels[mailbox.channel_id]
        channel.sequenced = True
        filled(host, channel.id, b"unread by the owner")
        as_owner = MailboxAddress(host.base_url, channel.id, mailbox.read_token)
        with pytest.raises(TransportError) as caught:
            await client.post(as_owner, b"x")
        assert not caught.value.gone, "it is only out of sequence"
        channel.locked = True
        with pytest.raises(TransportError) as caught:
            await client.post(mailbox.address, b"x")
        assert caught.value.gone
        with pytest.raises(Refused, match="too_large"):
            await client.post(mailbox.address, bytes(100_001))
