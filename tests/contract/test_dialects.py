"""The twelve rules that serve the clients of three dialects, each with the exact requests they send (API 1.6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from channels_desktop.host.bounds import Bounds
from channels_desktop.host.messages import FullChannel, HostMessage, MessageNotification
from channels_desktop.host.options import Options
from channels_desktop.host.serve import Host
from channels_desktop.wire.bsor import read_list
from tests.contract.channel_clients import BSOR, GO_JSON, Go, basic
from tests.contract.dialect_world import CHANNEL_KEYS, TOKEN_KEYS, World, bsor, opened, payloads
from tests.contract.host_ports import STORES
from tests.contract.raw_http import BINARY, TEXT, Answer, ask


@pytest.fixture(params=STORES)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path / "host", request.param) as made:
        yield made


# ---------------------------------------------------------------------------------------------------- the twelve rules


async def test_rule_1_three_families_manage_the_same_channels(world: World) -> None:
    made = await world.esv_channel()
    spv = await world.go().call("GET", f"/account/{world.account}/channel/list")
    esv = await world.wallet().call("GET", "/channel/manage/list")
    tokenized = await world.tokenized(world.key).call("GET", f"/account/{world.account}/channels", reads=True)
    assert list(spv.json) == ["channels"]
    (by_spv,), (by_esv,) = spv.json["channels"], esv.json
    (by_tokenized,) = read_list(FullChannel, bsor(tokenized))
    assert by_esv == made
    assert {made["id"]} == {by_spv["id"], by_tokenized.id}
    for shown in (by_spv, by_esv):
        assert set(shown) == CHANNEL_KEYS
        assert shown["head"] == shown["head_sequence"] == 0
        assert shown["href"] == f"{world.url}/api/v1/channel/{made['id']}"
    (spv_owner,), (esv_owner,) = by_spv["access_tokens"], by_esv["access_tokens"]
    assert set(spv_owner) == set(esv_owner) == TOKEN_KEYS
    assert isinstance(spv_owner["id"], str)
    assert spv_owner == {**esv_owner, "id": str(esv_owner["id"])}
    assert type(esv_owner["id"]) is int
    assert (by_tokenized.read_token, by_tokenized.write_token) == (spv_owner["token"],) * 2
    assert (await world.wallet().call("GET", "/channel/manage")).status == 404, "no channel has this id"


async def test_rule_2_an_account_is_a_number_and_basic_is_as_good_as_bearer(world: World) -> None:
    assert world.account.isdecimal()
    assert str(int(world.account)) == world.account
    path = f"/account/{world.account}/channel/list"
    for authorization in (basic("dev", world.key), basic("", world.key), f"Bearer {world.key}", f"bearer {world.key}"):
        assert (await Go(world.url, authorization).call("GET", path)).status == 200
    for authorization in (basic("dev", "wrong"), basic(world.key, ""), "Basic !", "Basic", f"Digest {world.key}", ""):
        answer = await Go(world.url, authorization).call("GET", path)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    other = int(world.account) + 1
    for name in (str(other), f"0{world.account}", "list", "%2e%2e"):
        assert (await world.go().call("GET", f"/account/{name}/channel/list")).status == 403


async def test_rule_3_the_request_decides_what_kind_of_channel_is_made(world: World) -> None:
    spv = await world.spv_channel()
    (owner,) = spv["access_tokens"]
    assert (owner["description"], owner["can_read"], owner["can_write"]) == ("Owner", True, True)
    private = await world.tokenized_channel()
    assert private.account_id == world.account
    assert len({private.read_token, private.write_token, ""}) == 3
    public = await world.tokenized_channel("?public")
    assert (bool(public.read_token), public.write_token) == (True, "")
    path = f"/account/{world.account}/channel"
    empty = await world.go().call("POST", path)
    assert set(empty.json) == {"id", "account_id", "read_token", "write_token"}
    asked = await world.tokenized(world.key).call("POST", path, reads=True, raw=b"{}", content_type="application/json")
    assert FullChannel.from_bytes(bsor(asked)).write_token


async def test_rule_4_the_first_type_accepted_decides_the_form(world: World) -> None:
    channel = await world.tokenized_channel()
    await world.tokenized(channel.write_token).call(
        "POST", f"/channel/{channel.id}", raw=b"x", content_type="text/plain"
    )
    forms = {
        "application/octet-stream": BSOR,
        "application/octet-stream, application/json": BSOR,
        "application/octet-stream;q=0.9": BSOR,
        "application/json, application/octet-stream": GO_JSON,
        GO_JSON: GO_JSON,
        "*/*": GO_JSON,
        "application/json, text/plain, */*": GO_JSON,
    }
    for accept, content_type in forms.items():
        lines = [f"GET /api/v1/channel/{channel.id} HTTP/1.1", "Host: h", f"Accept: {accept}"]
        request = "\r\n".join([*lines, f"Authorization: Bearer {channel.read_token}", "", ""]).encode()
        answer = await ask(world.url, request)
        assert answer.headers["content-type"] == content_type, accept
    for accept, kind in (("application/json, application/octet-stream", BINARY), ("application/json", TEXT)):
        path = f"/notify?token={channel.read_token}&sendunread=true"
        async with world.wallet().socket(path, accept) as socket:
            assert (await socket.frame()).kind == kind


async def test_rule_5_a_slash_at_the_end_changes_nothing(world: World) -> None:
    owner = (await world.spv_channel())["access_tokens"][0]["token"]
    channel = (await world.go().call("GET", f"/account/{world.account}/channel/list/")).json["channels"][0]["id"]
    client = world.axios(owner)
    written = await client.call("POST", f"/channel/{channel}/", raw=b"hello", content_type="text/plain")
    assert (written.status, written.json["sequence"]) == (200, 1)
    await client.call("POST", f"/channel/{channel}/1/?older=false", {"read": False})
    unread = await client.call("GET", f"/channel/{channel}?unread=true")
    assert payloads(unread) == [b"hello"]
    for path in ("/endpoints/", f"/channel/{channel}/metadata/", f"/channel/{channel}/"):
        assert (await world.wallet(owner).call("GET", path)).status == 200


async def test_rule_6_marks_deletions_and_plain_etags(world: World) -> None:
    channel = await world.spv_channel()
    owner, peer = channel["access_tokens"][0]["token"], (await world.spv_token(channel["id"]))["token"]
    path = f"/channel/{channel['id']}"
    for number in range(3):
        await world.go(peer).call("POST", path, raw=b"%d" % number)

    async def unread() -> list[int]:
        return [message["sequence"] for message in (await world.go(owner).call("GET", f"{path}?unread=true")).json]

    assert await unread() == [1, 2, 3]
    tokenized = await world.tokenized(owner).call("POST", f"{path}/1?read=true&older=false")
    assert (tokenized.status, await unread()) == (200, [2, 3])
    await world.go(owner).call("POST", f"{path}/3?older=true", {"read": True})
    assert await unread() == []
    await world.go(owner).call("POST", f"{path}/2?older=false&read=false", {"read": True})
    assert await unread() == [2], "the query wins"
    assert (await world.go(owner).call("POST", f"{path}/9?older=true", {"read": True})).status == 404
    for body in (b"{}", b"[]", b"null", b'{"read": 1}', b'{"read"', b"[" * 9999):
        assert (await world.go(owner).call("POST", f"{path}/1", raw=body)).status == 400
    deleted = await world.go(owner).call("DELETE", f"{path}/1")
    again = await world.tokenized(owner).call("DELETE", f"{path}/2?older=true")
    assert (deleted.status, again.status) == (200, 200)
    assert payloads(await world.go(owner).call("GET", path)) == [b"2"]
    assert len(payloads(await world.go(peer).call("GET", path))) == 3, "deleted for who asked alone"
    for client, flags in ((world.go(owner), "rw"), (world.go(), "r")):
        head = await client.call("HEAD", path)
        assert (head.status, head.headers["etag"], head.headers["channel-flags"]) == (200, "3", flags)
        assert "ETag" in head.headers["access-control-expose-headers"]
    read = await world.wallet(owner).call("GET", path)
    assert read.headers["etag"] == "3"
    assert "content-encoding" not in read.headers
    assert "no-transform" in read.headers["cache-control"]


async def test_rule_7_bodies_may_be_chunked_and_of_any_type(world: World) -> None:
    channel = await world.tokenized_channel()
    path = f"/channel/{channel.id}"
    chunks = [bytes([number]) * 20_000 for number in range(3)]
    chunked = await world.tokenized(channel.write_token).call_chunked(path, chunks, "text/x-anything; a=b")
    assert chunked.status == 200
    await world.go(channel.write_token).call("POST", path, raw=b'{"hello": 1}')
    nothing_said = await world.tokenized(channel.write_token).call("POST", path, raw=b"\x00")
    assert nothing_said.status == 200
    found = read_list(HostMessage, bsor(await world.tokenized(channel.read_token).call("GET", path, reads=True)))
    assert [(message.content_type, message.payload) for message in found] == [
        ("text/x-anything; a=b", b"".join(chunks)),
        (GO_JSON, b'{"hello": 1}'),
        (BSOR, b"\x00"),
    ]
    large = await world.tokenized(channel.write_token).call_chunked(path, [bytes(65_537)], "text/plain")
    assert large.status == 413


async def test_rule_8_the_account_reads_everywhere_and_strangers_write_where_they_may(world: World) -> None:
    channels = [await world.tokenized_channel(), await world.tokenized_channel("?public")]
    account, stranger = world.tokenized(world.key), world.tokenized()
    for channel, welcome in zip(channels, (401, 200), strict=True):
        path = f"/channel/{channel.id}"
        assert (await stranger.call("POST", path, raw=b"from nobody", content_type="text/plain")).status == welcome
        if channel.write_token:
            await world.tokenized(channel.write_token).call("POST", path, raw=b"from a peer", content_type="text/plain")
        found = read_list(HostMessage, bsor(await account.call("GET", f"{path}?unread=true&count=9", reads=True)))
        assert [message.sequence for message in found] == [1]
        assert (await account.call("POST", f"{path}/1?read=true&older=true")).status == 200
        assert (await account.call("DELETE", f"{path}/1?older=true")).status == 200
        assert (await stranger.call("GET", path)).status == 401
        head = await stranger.call("HEAD", path)
        shown = (200, "0", "w") if welcome == 200 else (401, None, None)
        assert (head.status, head.headers.get("etag"), head.headers.get("channel-flags")) == shown


@pytest.mark.parametrize("amended", [False, True])
@pytest.mark.parametrize("family", ["spv", "esv"])
async def test_public_flags_of_other_families_are_told_and_open_nothing(
    world: World,
    family: str,
    amended: bool,  # noqa: FBT001
) -> None:
    make = world.spv_channel if family == "spv" else world.esv_channel
    flags = {"public_read": True, "public_write": True}
    made = await make(sequenced=False, **dict.fromkeys(flags, not amended))
    other = await make(sequenced=False, **flags)
    if amended:
        body = {**flags, "locked": False}
        answer = await world.go().call("POST", f"/account/{world.account}/channel/{made['id']}", body)
        assert answer.json == body
    shown = await world.wallet().call("GET", f"/channel/manage/{made['id']}")
    assert [shown.json[flag] for flag in flags] == [True, True]
    reader = await world.spv_token(made["id"], can_write=False)
    owner = made["access_tokens"][0]["token"]
    path = f"/channel/{made['id']}"
    for token, posts, reads, may in (
        ("", 401, 401, None),
        ("made up", 401, 401, None),
        (other["access_tokens"][0]["token"], 403, 403, None),
        (reader["token"], 403, 200, "r"),
        (owner, 200, 200, "rw"),
    ):
        client = world.tokenized(token)
        for end in ("", "/"):  # the short way and the other
            posted = await client.call("POST", path + end, raw=b"x", content_type="text/plain")
            assert posted.status == posts, token
        assert (await client.call("GET", path, reads=True)).status == reads
        head = await client.call("HEAD", path)
        assert (head.status == 200, head.headers.get("channel-flags")) == (may is not None, may)


async def test_tokenized_channels_are_open_also_where_another_family_opens_them(world: World) -> None:
    channel, stranger = await world.tokenized_channel(), world.tokenized()
    body = {"public_read": True, "public_write": True, "locked": False}
    assert (await stranger.call("POST", f"/channel/{channel.id}", raw=b"x", content_type="text/plain")).status == 401
    assert (await world.go().call("POST", f"/account/{world.account}/channel/{channel.id}", body)).status == 200
    assert (await stranger.call("POST", f"/channel/{channel.id}", raw=b"x", content_type="text/plain")).status == 200
    assert (await stranger.call("HEAD", f"/channel/{channel.id}")).headers["channel-flags"] == "rw"


async def test_rule_9_a_channels_socket_tells_all_but_the_writer(world: World) -> None:
    channel = await world.spv_channel()
    owner, peer = channel["access_tokens"][0]["token"], (await world.spv_token(channel["id"]))["token"]
    path = f"/channel/{channel['id']}"
    async with (
        world.go().notify(channel["id"], owner) as by_go,
        world.axios().notify(channel["id"], owner) as by_axios,
        world.wallet().socket(f"{path}/notify?token={owner}") as by_wallet,
        world.go().notify(channel["id"], peer) as writers,
    ):
        await world.go(peer).call("POST", path, raw=b"from the peer")
        (stored,) = (await world.go(owner).call("GET", path)).json
        for socket in (by_go, by_axios, by_wallet):
            news = await socket.text()
            assert list(news) == ["channel_id", "notification", "sequence", "received", "content_type"]
            assert news == {
                "channel_id": channel["id"],
                "notification": "New message arrived",
                "sequence": 1,
                "received": stored["received"],
                "content_type": GO_JSON,
            }
        await world.go(owner).call("POST", path, raw=b"from the owner")
        assert (await writers.text())["sequence"] == 2, "nothing came of its own message"


async def test_rule_9_several_sockets_of_one_account_hear_in_their_own_forms(world: World) -> None:
    channel = await world.esv_channel()
    peer = (await world.spv_token(channel["id"], can_read=False))["token"]
    path = f"/channel/{channel['id']}"
    async with (
        world.wallet().socket(f"/web-socket?token={world.key}") as binary,
        world.wallet().socket(f"/web-socket?token={world.key}", "*/*") as text,
        world.tokenized().notify({"token": world.key, "sendunread": "true", "fullmessages": "true"}) as full,
        world.tokenized().notify({"token": world.key, "sendunread": "false", "fullmessages": "false"}) as news,
    ):
        await world.wallet(peer).call("POST", path, {"a": 1})
        frame = await binary.binary()
        assert frame[:4] == b"\x00\x00\x00\x01"
        said = (await text.text())["result"]
        assert Answer(0, "", {}, frame[4:]).json == said
        assert set(said) == {"sequence", "received", "content_type", "channel_id"}
        message = HostMessage.from_bytes(await full.binary())
        assert (message.channel_id, message.payload) == (channel["id"], b'{"a": 1}')
        assert MessageNotification.from_bytes(await news.binary()) == message.notification()


ERRORS = {
    401: ("unauthorized", "Unauthorized"),
    403: ("locked", "the channel is locked"),
    404: ("not_found", "no such channel"),
    409: ("conflict", "read what is unread first"),
    413: ("too_large", "Request Entity Too Large"),
}


async def test_rule_10_errors_have_true_status_codes_and_both_shapes(world: World) -> None:
    channel = await world.spv_channel(sequenced=True)
    owner, peer = channel["access_tokens"][0]["token"], (await world.spv_token(channel["id"]))["token"]
    path = f"/channel/{channel['id']}"
    await world.go(peer).call("POST", path, raw=b"first")
    answers = [
        await world.go("made-up").call("POST", path, raw=b"x"),
        await world.go(owner).call("POST", "/channel/nothing", raw=b"x"),
        await world.go(owner).call("POST", path, raw=b"second"),
        await world.go(peer).call("POST", path, raw=bytes(65_537)),
    ]
    amendment = {"accountid": world.account, "channelid": channel["id"], "public_read": False, "public_write": False}
    await world.go().call("POST", f"/account/{world.account}{path}", {**amendment, "locked": True})
    answers.append(await world.go(peer).call("POST", path, raw=b"x"))
    assert {answer.status for answer in answers} == set(ERRORS)
    for answer in answers:
        reason, words = ERRORS[answer.status]
        assert answer.headers["content-type"] == GO_JSON
        assert answer.json["status"] == answer.json["code"] == answer.status
        assert answer.json["detail"] == answer.json["message"] == answer.reason == words
        assert answer.json["reason"] == reason
        assert set(answer.json) == {"type", "title", "status", "detail", "code", "message", "reason"}


async def test_rule_11_what_is_done_is_200_and_what_is_gone_204(world: World) -> None:
    channel = await world.spv_channel()
    owned, path = f"/account/{world.account}/channel/{channel['id']}", f"/channel/{channel['id']}"
    peer = await world.spv_token(channel["id"])
    amendment = {"public_read": True, "public_write": False, "locked": False}
    for client, method, place, body in (
        (world.go(peer["token"]), "POST", path, "a message"),
        (world.go(peer["token"]), "POST", f"{path}/1?older=false", {"read": False}),
        (world.go(peer["token"]), "DELETE", f"{path}/1", None),
        (world.go(), "POST", owned, amendment),
        (world.wallet(), "POST", f"/channel/manage/{channel['id']}", amendment),
        (world.go(), "GET", f"{owned}/api-token/{peer['id']}", None),
    ):
        answer = await client.call(method, place, body)
        assert answer.status == 200, f"{method} {place}"
        if body is amendment:
            assert answer.json == amendment
    for method, place in (("DELETE", f"{owned}/api-token/{peer['id']}"), ("DELETE", owned)):
        answer = await world.go().call(method, place)
        assert (answer.status, answer.body) == (204, b"")
        assert (await world.go().call(method, place)).status == 404
    other = await world.esv_channel()
    place, owner = f"/channel/manage/{other['id']}", other["access_tokens"][0]["id"]
    assert (await world.wallet().call("DELETE", f"{place}/api-token/{owner}")).status == 204
    assert (await world.wallet().call("GET", f"{place}/api-token")).status == 404
    assert (await world.wallet().call("DELETE", place)).status == 204


@pytest.mark.slow
async def test_rule_12_a_connection_that_is_left_open_is_closed(tmp_path: Path) -> None:
    assert Bounds().idle_seconds == 15
    host = await Host.open(Options(data=tmp_path / "host", bounds=Bounds(idle_seconds=1)))
    url = urlsplit(host.base_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(b"GET /api/v1/endpoints HTTP/1.1\r\nHost: h\r\n\r\n")
    async with asyncio.timeout(60):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await reader.read()  # to the end, which the host makes
    writer.close()
    await writer.wait_closed()
    await host.stop()
