"""What each client of the three dialects needs beyond the twelve rules, with the exact requests that it sends."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import bitcoinx
import pytest

from channels_desktop.host.messages import ChannelData, FullChannel, HostMessage, MessageNotification
from channels_desktop.wire.bsor import read_list
from tests.contract.channel_clients import BSOR, ElectrumSV
from tests.contract.dialect_world import CREATE, LIMITS, MESSAGE_KEYS, TOKEN_KEYS, World, bsor, opened, payloads
from tests.contract.host_ports import STORES
from tests.contract.raw_http import BINARY, PING, PONG, TEXT, Answer, Denied


@pytest.fixture(params=STORES)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path / "host", request.param) as made:
        yield made


async def test_go_manages_tokens_by_text_ids(world: World) -> None:
    channel = await world.spv_channel()
    place = f"/account/{world.account}/channel/{channel['id']}/api-token"
    made = await world.spv_token(channel["id"], can_write=False)
    assert (set(made), made["description"], made["can_read"], made["can_write"]) == (TOKEN_KEYS, "a peer", True, False)
    (owner,) = channel["access_tokens"]
    assert (await world.go().call("GET", place)).json == [owner, made]
    assert (await world.go().call("GET", f"{place}/{made['id']}")).json == made
    assert (await world.go().call("GET", f"{place}?token={made['token']}")).json == [made]
    assert (await world.go().call("GET", f"{place}?token=unknown")).status == 404
    bare = await world.spv_channel()
    emptied = f"/account/{world.account}/channel/{bare['id']}/api-token"
    assert (await world.go().call("DELETE", f"{emptied}/{bare['access_tokens'][0]['id']}")).status == 204
    for query, status in (("", 200), ("?token=unknown", 404)):
        assert (await world.go().call("GET", emptied + query)).status == status
    assert (await world.go().call("GET", emptied)).json == []
    assert (await world.wallet().call("GET", f"/channel/manage/{bare['id']}/api-token")).status == 404
    assert (await world.go().call("DELETE", f"{place}/{made['id']}")).status == 204
    for wrong, status in ((made["id"], 404), ("0", 404), ("x", 404), ("9" * 30, 400)):
        assert (await world.go().call("GET", f"{place}/{wrong}")).status == status
    again = (await world.go().call("GET", f"/account/{world.account}/channel/{channel['id']}")).json
    assert again["access_tokens"] == [owner]


async def test_go_writes_reads_and_heads_as_its_integration_suite_does(world: World) -> None:
    channel = await world.spv_channel()
    client, path = world.go(channel["access_tokens"][0]["token"]), f"/channel/{channel['id']}"
    assert (await client.call("HEAD", path)).headers["etag"] == "0"
    written = await client.call("POST", path, raw=b"Hello, this is a message")
    assert list(written.json) == MESSAGE_KEYS
    assert (written.json["sequence"], base64.b64decode(written.json["payload"])) == (1, b"Hello, this is a message")
    read = await client.call("GET", f"{path}?unread=false")
    assert read.json == [written.json]
    assert (await client.call("GET", f"{path}?unread=true")).json == [], "its own message is read"
    assert (await client.call("POST", f"{path}/1?older=false", {"read": False})).status == 200
    assert (await client.call("GET", f"{path}?unread=true")).json == [written.json]
    assert (await client.call("DELETE", f"{path}/1")).status == 200


async def test_the_javascript_client_creates_tokens_amends_and_revokes(world: World) -> None:
    place = f"/account/{world.account}/channel"
    made = (await world.axios().call("POST", place, CREATE)).json
    body = {"description": "browser", "can_read": True, "can_write": True}
    token = (await world.axios().call("POST", f"{place}/{made['id']}/api-token", body)).json
    owner = made["access_tokens"][0]["token"]
    client, path = world.axios(token["token"]), f"/channel/{made['id']}"
    async with world.axios().notify(made["id"], token["token"]) as socket:
        await world.axios(owner).call("POST", path, raw=b"\x00\x01", content_type="application/x-sealed")
        news = await socket.text()
        assert (news["channel_id"], news["notification"]) == (made["id"], "New message arrived")
        datetime.fromisoformat(news["received"])
    assert int((await client.call("HEAD", path)).headers["etag"]) == 1
    (message,) = (await client.call("GET", f"{path}?unread=true")).json
    assert (base64.b64decode(message["payload"]), message["content_type"]) == (b"\x00\x01", "application/x-sealed")
    assert (await client.call("POST", f"{path}/1?older=true", {"read": True})).status == 200
    assert (await client.call("GET", f"{path}?unread=true")).json == []
    locked = {"public_read": False, "public_write": False, "locked": True}
    assert (await world.axios().call("POST", f"{place}/{made['id']}", locked)).status == 200
    assert (await world.axios().call("GET", f"{place}/{made['id']}")).json["locked"] is True
    assert (await client.call("POST", path, raw=b"x", content_type="text/plain")).status == 403
    assert (await world.axios().call("DELETE", f"{place}/{made['id']}/api-token/{token['id']}")).status == 204
    assert (await client.call("GET", f"{path}?unread=true")).status == 401


async def test_electrumsv_finds_its_account_channels_and_messages(world: World) -> None:
    assert (await world.wallet().call("GET", "/account")).json == {"public_key_hex": "", "api_key": world.key}
    assert (await world.wallet("stale").call("GET", "/account")).status == 401
    places = (await world.wallet().call("GET", "/endpoints")).json
    assert places["baseUrl"] == world.url
    assert {"apiType": "bsvapi.channel", "apiVersion": 1, "baseUrl": "/api/v1/channel"} in places["endpoints"]
    made = await world.esv_channel(public_write=False, sequenced=False)
    (owner,) = made["access_tokens"]
    body = {"description": "standard token", "can_read": True, "can_write": True}
    token = (await world.wallet().call("POST", f"/channel/manage/{made['id']}/api-token", body)).json
    assert type(token["id"]) is int
    assert (await world.wallet().call("GET", f"/channel/manage/{made['id']}/api-token")).json == [owner, token]
    assert (await world.wallet().call("GET", f"/channel/manage/{made['id']}/api-token/{token['id']}")).json == token
    assert (await world.wallet().call("GET", f"/channel/manage/{made['id']}")).json["access_tokens"] == [owner, token]
    path = f"/channel/{made['id']}"
    peer, mine = world.wallet(token["token"]), world.wallet(owner["token"])
    first = await peer.call("POST", path, raw=b'{"a":1}', content_type="application/json")
    second = await peer.call("POST", path, raw=b"\xff\x00", content_type=BSOR)
    assert [first.json["sequence"], second.json["sequence"]] == [1, 2]
    for client in (peer, mine):
        head = await client.call("HEAD", path)
        assert (int(head.headers["etag"]), head.headers["channel-flags"]) == (2, "rw")
    unread = await mine.call("GET", f"{path}?unread=true")
    assert payloads(unread) == [b'{"a":1}', b"\xff\x00"]
    for message in unread.json:
        assert list(message) == MESSAGE_KEYS
        _, _, fraction = message["received"].partition(".")
        assert (fraction[:6].isdigit(), fraction[6:]) == (True, "Z"), "six digits: older Pythons read no others"
        assert (await mine.call("DELETE", f"{path}/{message['sequence']}")).status == 200
    assert (await mine.call("GET", path)).json == []
    assert (await mine.call("POST", f"{path}/1?older=true", {"read": True})).status == 200


async def test_electrumsv_registers_with_its_key_and_is_told_the_same_again(world: World) -> None:
    key, stranger = bitcoinx.PrivateKey.from_random(), world.wallet()
    signed = key_data(key)
    made = await ElectrumSV(world.url).call("POST", "/account/register", signed)
    assert made.status == 200
    assert set(made.json) == {"public_key_hex", "api_key"}
    assert made.json["public_key_hex"] == signed["public_key_hex"]
    mine = made.json["api_key"]
    assert 10 <= len(mine) <= 100, "what invitations allow a token to be"
    assert (await ElectrumSV(world.url).call("POST", "/account/register", key_data(key))).json == made.json
    assert (await world.wallet(mine).call("GET", "/account")).json == made.json
    channel = (await world.wallet(mine).call("POST", "/channel/manage", CREATE)).json
    assert [one["id"] for one in (await world.wallet(mine).call("GET", "/channel/manage/list")).json] == [channel["id"]]
    assert (await stranger.call("GET", f"/channel/manage/{channel['id']}")).status == 404


async def test_electrumsv_is_not_registered_by_another_key_or_too_often(world: World) -> None:
    keys = [bitcoinx.PrivateKey.from_random() for _ in range(4)]
    first, other = key_data(keys[0]), key_data(keys[1])
    client = ElectrumSV(world.url)
    for signed in ({**first, "public_key_hex": other["public_key_hex"]}, {**first, "message_hex": "00"}):
        assert (await client.call("POST", "/account/register", signed)).status == 401
    for name in first:
        for value in ("no hex", None, 7):
            assert (await client.call("POST", "/account/register", {**first, name: value})).status == 400
    answers = [await client.call("POST", "/account/register", key_data(key)) for key in keys]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 60
    assert (await client.call("POST", "/account/register", first)).json == answers[0].json, "who has one is not counted"


def key_data(key: bitcoinx.PrivateKey) -> dict[str, str]:
    """Return what shows that a key is ours: a signed text of our choice."""
    text = secrets.token_bytes(32)
    data = {"public_key": key.public_key.to_bytes(), "signature": key.sign_message(text), "message": text}
    return {f"{name}_hex": value.hex() for name, value in data.items()}


async def test_electrumsv_gets_all_that_is_unread_though_it_knows_no_pages(world: World) -> None:
    """Its way: ask once on connecting and once per notification; store what came and delete it, message by message."""
    made = await world.esv_channel(sequenced=False)
    (owner,) = made["access_tokens"]
    path = f"/channel/{made['id']}"
    peer = world.tokenized((await world.spv_token(made["id"], can_read=False))["token"])
    for number in range(LIMITS.page_messages * 2 + 1):
        await peer.call("POST", path, raw=b"%d" % number)
    for place, key in ((f"/web-socket?token={world.key}", "binary"), (f"{path}/notify?token={owner['token']}", "text")):
        await world.wallet(owner["token"]).call("POST", f"{path}/9?older=true", {"read": False})
        stored: list[bytes] = []
        async with world.wallet().socket(place) as socket:
            while len(stored) < LIMITS.page_messages * 2 + 1:
                unread = await world.wallet(owner["token"]).call("GET", f"{path}?unread=true")
                stored += payloads(unread)
                for message in unread.json:
                    at = f"{path}/{message['sequence']}"
                    await world.wallet(owner["token"]).call("POST", at, {"read": True})
                if len(stored) < LIMITS.page_messages * 2 + 1:
                    await getattr(socket, key)()
            await socket.send(PING, b"still here")
            assert (await socket.frame()).kind == PONG, "nothing else was told"
        assert stored == [b"%d" % number for number in range(LIMITS.page_messages * 2 + 1)]


async def test_electrumsv_is_cut_off_when_it_speaks_on_the_accounts_socket(world: World) -> None:
    made = await world.esv_channel()
    async with world.wallet().socket(f"/web-socket?token={world.key}") as socket:
        await socket.send(PING, b"1")
        assert (await socket.frame()).data == b"1"
        await socket.send(TEXT, b"hello")
        assert await socket.closed() == 1000
    async with world.wallet().socket(f"/channel/{made['id']}/notify?token={world.key}") as socket:
        await socket.send(TEXT, b"hello")
        await socket.send(PING, b"2")
        assert (await socket.frame()).data == b"2", "words are passed over elsewhere"
        await socket.send(BINARY, bytes(5000))
        assert await socket.closed() == 1009
    for token in ("", "wrong", made["access_tokens"][0]["token"]):
        with pytest.raises(Denied) as caught:
            async with world.wallet().socket(f"/web-socket?token={token}"):
                pass
        assert caught.value.status == 401


async def test_electrumsv_hears_nothing_of_what_its_own_token_wrote(world: World) -> None:
    made = await world.esv_channel(sequenced=False, public_write=False)
    peer = (await world.spv_token(made["id"]))["token"]
    path = f"/channel/{made['id']}"
    async with world.wallet().socket(f"/web-socket?token={world.key}") as socket:
        await world.wallet(made["access_tokens"][0]["token"]).call("POST", path, {"mine": 1})
        await world.wallet(peer).call("POST", path, {"theirs": 1})
        assert Answer(0, "", {}, (await socket.binary())[4:]).json["sequence"] == 2


async def test_tokenized_writes_reads_marks_and_deletes_as_its_live_test_does(world: World) -> None:
    channel = await world.tokenized_channel()
    path = f"/channel/{channel.id}"
    writer, reader = world.tokenized(channel.write_token), world.tokenized(channel.read_token)
    written = await writer.call("POST", path, raw=b'{"data":"Some test data"}', content_type="application/json")
    assert (written.status, "payload" in written.json) == (200, False), "nobody reads this answer"

    async def unread(query: str = "?unread=true&count=10") -> list[HostMessage]:
        return list(read_list(HostMessage, bsor(await reader.call("GET", path + query, reads=True))))

    (message,) = await unread()
    assert (message.sequence, message.content_type, message.payload) == (
        1,
        "application/json",
        b'{"data":"Some test data"}',
    )
    assert int((await reader.call("HEAD", path)).headers["etag"]) == 1
    assert (await reader.call("POST", f"{path}/1?read=true&older=true")).status == 200
    assert await unread() == []
    await writer.call("POST", path, raw=b"2", content_type="text/plain")
    assert [message.sequence for message in await unread()] == [2]
    assert (await reader.call("DELETE", f"{path}/2?older=true")).status == 200
    assert await unread("?unread=false&count=10") == []
    shown = await world.tokenized(world.key).call("GET", f"/account/{world.account}/channel/{channel.id}", reads=True)
    assert FullChannel.from_bytes(bsor(shown)) == channel
    known = ChannelData.from_bytes(bsor(await writer.call("GET", f"{path}/metadata", reads=True)))
    assert (known.max_message_payload_size, known.auto_delete_read_messages) == (65_536, None)
    known = ChannelData.from_bytes(bsor(await reader.call("GET", f"{path}/metadata", reads=True)))
    assert (known.max_message_payload_size, known.auto_delete_read_messages) == (None, True)


@pytest.mark.parametrize("place", ["/notify", "//notify"])
async def test_tokenized_listens_with_and_without_what_is_unread(world: World, place: str) -> None:
    channel = await world.tokenized_channel()
    path, writer = f"/channel/{channel.id}", world.tokenized(channel.write_token)
    await writer.call("POST", path, raw=b"old", content_type="text/plain")
    every = {"token": channel.read_token, "sendunread": "true", "fullmessages": "true"}
    news = {"token": world.key, "sendunread": "false", "fullmessages": "false"}
    async with (
        world.tokenized().notify(every, place=place) as full,
        world.tokenized().notify(news, place=place) as short,
    ):
        await full.send(PING, b"ping")
        frames = [await full.frame(), await full.frame()]
        assert {frame.kind for frame in frames} == {BINARY, PONG}
        (old,) = (HostMessage.from_bytes(frame.data) for frame in frames if frame.kind == BINARY)
        assert (old.sequence, old.payload) == (1, b"old")
        await writer.call("POST", path, raw=b"new", content_type="text/plain")
        new = HostMessage.from_bytes(await full.binary())
        assert (new.sequence, new.payload) == (2, b"new")
        assert MessageNotification.from_bytes(await short.binary()) == new.notification()
