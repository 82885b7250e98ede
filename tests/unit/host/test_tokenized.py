"""Every route over a real socket: what it answers, and to whom."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from channels_desktop.host.messages import ChannelData, FullChannel, HostMessage, MessageNotification
from channels_desktop.host.rows import MESSAGE_OVERHEAD
from channels_desktop.wire.bsor import read_list
from tests.unit.host.conftest import BSOR, LIMITS, Plain


async def test_accounts_are_opened_by_the_operator_alone(plain: Plain) -> None:
    for token in ("", "wrong"):
        assert (await plain.ask("POST", "/account", token))[0] == 401
    number, token = await plain.account()
    assert number.isdigit()
    status, headers, body = await plain.ask("GET", f"/account/{number}", token)
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert token not in body.decode()
    assert body.decode() == f'"{plain.host.base_url}/api/v1/account/{number}"'


async def test_channels_are_made_shown_listed_and_deleted(plain: Plain) -> None:
    account = await plain.account()
    private, public = await plain.channel(account), await plain.channel(account, "?public")
    assert private.account_id == account[0]
    assert len({private.read_token, private.write_token, public.read_token}) == 3
    assert public.write_token == ""
    path = f"/account/{account[0]}/channel/{private.id}"
    status, _, body = await plain.ask("GET", path, account[1], headers=BSOR)
    assert (status, FullChannel.from_bytes(body)) == (200, private)
    status, _, body = await plain.ask("GET", f"/account/{account[0]}/channels/", account[1], headers=BSOR)
    assert read_list(FullChannel, body) == (private, public)
    status, _, body = await plain.ask("GET", f"/account/{account[0]}/channels", account[1])
    assert json.loads(body) == [private.json(), public.json()]
    assert (await plain.ask("DELETE", path, account[1]))[0] == 204
    assert (await plain.ask("DELETE", path, account[1]))[0] == 404
    assert (await plain.ask("POST", f"/channel/{private.id}", private.write_token, data=b"x"))[0] == 401
    assert (await plain.ask("GET", f"/channel/{private.id}", private.read_token))[0] == 401, "its tokens went with it"


async def test_a_message_is_written_read_marked_and_deleted(plain: Plain) -> None:
    account = await plain.account()
    channel = await plain.channel(account)
    path = f"/channel/{channel.id}"
    typed = {"Content-Type": "application/json; charset=utf-8"}
    status, _, body = await plain.ask("POST", path, channel.write_token, data=b"{}", headers=typed)
    said = json.loads(body)
    assert (status, said["sequence"], said["content_type"]) == (200, 1, typed["Content-Type"])
    status, _, body = await plain.ask("POST", path + "/", channel.write_token, data=b"\x00two", headers=BSOR)
    assert (status, MessageNotification.from_bytes(body).sequence) == (200, 2)

    status, headers, body = await plain.ask("GET", f"{path}/?unread=true", channel.read_token, headers=BSOR)
    assert (status, headers["ETag"], headers["Content-Type"]) == (200, "2", "application/octet-stream")
    found = read_list(HostMessage, body)
    assert [(m.sequence, m.content_type, m.channel_id, m.payload) for m in found] == [
        (1, typed["Content-Type"], channel.id, b"{}"),
        (2, "application/octet-stream", channel.id, b"\x00two"),
    ]
    assert found[0].json()["received"].startswith(said["received"][:-1]), "to the microsecond"
    status, _, body = await plain.ask("GET", f"{path}?unread=true&count=1", account[1])
    assert [base64.b64decode(m["payload"]) for m in json.loads(body)] == [b"{}"]
    status, headers, body = await plain.ask("HEAD", path, channel.read_token)
    assert (status, headers["ETag"], body) == (200, "2", b"")

    assert (await plain.ask("POST", f"{path}/1?read=true&older=true", channel.read_token))[0] == 200
    _, _, body = await plain.ask("GET", f"{path}?unread=true", channel.read_token, headers=BSOR)
    assert [m.sequence for m in read_list(HostMessage, body)] == [2]
    assert (await plain.ask("DELETE", f"{path}/2?older=true", account[1]))[0] == 200
    assert (await plain.ask("DELETE", f"{path}/2/", account[1]))[0] == 200
    _, _, body = await plain.ask("GET", path, channel.read_token, headers=BSOR)
    assert body == b"\x00"
    assert (await plain.ask("HEAD", path, channel.read_token))[1]["ETag"] == "2"


async def test_a_chunked_body_is_a_body(plain: Plain) -> None:
    channel = await plain.channel(await plain.account(), "?public")

    async def parts(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield bytes(10_000)

    assert (await plain.ask("POST", f"/channel/{channel.id}", data=parts(6)))[0] == 200
    status, _, body = await plain.ask("POST", f"/channel/{channel.id}", data=parts(7))
    assert (status, json.loads(body)["reason"]) == (413, "too_large")
    status, _, body = await plain.ask("POST", f"/channel/{channel.id}", data=bytes(LIMITS.message_bytes + 1))
    assert (status, json.loads(body)["reason"]) == (413, "too_large")
    assert (await plain.ask("POST", f"/channel/{channel.id}", data=bytes(LIMITS.message_bytes)))[0] == 200


async def test_metadata_by_token(plain: Plain) -> None:
    account = await plain.account()
    channel = await plain.channel(account)
    _, _, body = await plain.ask("GET", f"/channel/{channel.id}/metadata", channel.write_token, headers=BSOR)
    assert ChannelData.from_bytes(body) == ChannelData(max_message_payload_size=LIMITS.message_bytes)
    _, _, body = await plain.ask("GET", f"/channel/{channel.id}/metadata", channel.read_token, headers=BSOR)
    assert ChannelData.from_bytes(body) == ChannelData(auto_delete_read_messages=True)
    await plain.ask("POST", f"/channel/{channel.id}", channel.write_token, data=b"12345")
    quotas = {
        "max_mailbox_bytes": LIMITS.mailbox_bytes,
        "max_page_messages": LIMITS.page_messages,
        "max_page_bytes": LIMITS.page_bytes,
    }
    _, _, body = await plain.ask("GET", f"/channel/{channel.id}/metadata", channel.read_token)
    assert json.loads(body) == {"auto_delete_read_messages": True, "stored_bytes": 5 + MESSAGE_OVERHEAD, **quotas}
    _, _, body = await plain.ask("GET", f"/channel/{channel.id}/metadata", channel.write_token)
    assert json.loads(body) == {"max_message_payload_size": LIMITS.message_bytes, **quotas}
    _, _, body = await plain.ask("GET", f"/channel/{channel.id}/metadata", account[1])
    assert json.loads(body) == {
        "auto_delete_read_messages": True,
        "stored_bytes": 5 + MESSAGE_OVERHEAD,
        **quotas,
        "account_stored_bytes": 5 + MESSAGE_OVERHEAD,
        "max_account_bytes": LIMITS.account_bytes,
        "account_channels": 1,
        "max_channels": LIMITS.channels,
        "max_tokens": LIMITS.tokens,
    }
    assert (await plain.ask("GET", f"/channel/{channel.id}/metadata"))[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/account", 405),
        ("GET", "/channel/no-such", 404),
        ("HEAD", "/channel/no-such", 404),
        ("POST", "/channel/no-such", 404),
        ("GET", "/channel/{c}?unread=perhaps", 400),
        ("GET", "/channel/{c}?count=-1", 400),
        ("GET", "/channel/{c}?count=%C2%B2", 400),
        ("GET", "/channel/{c}?count=9999999999999999999999", 400),
        ("POST", "/channel/{c}/1?read=maybe", 400),
        ("POST", "/channel/{c}/7", 404),
        ("POST", "/channel/{c}/0", 404),
        ("DELETE", "/channel/{c}/99999999999999999999", 400),
        ("DELETE", "/channel/{c}/x", 404),
        ("GET", "/notify", 400),
        ("GET", "/channel/%00%ff%fe", 404),
        ("GET", "/channel/%ED%A0%80", 404),
    ],
)
async def test_errors_have_their_true_status_and_one_body(plain: Plain, method: str, path: str, status: int) -> None:
    account = await plain.account()
    channel = await plain.channel(account)
    got, headers, body = await plain.ask(method, path.replace("{c}", channel.id), account[1])
    assert got == status
    assert headers["Content-Type"].startswith("application/json")
    if method != "HEAD":
        error = json.loads(body)
        assert error["status"] == status
        assert error["detail"] == error["message"]
        assert set(error) == {"type", "title", "status", "detail", "code", "message", "reason"}
        assert account[1] not in body.decode()


async def test_empty_payloads_and_types_that_are_no_text_are_refused(plain: Plain) -> None:
    channel = await plain.channel(await plain.account(), "?public")
    assert (await plain.ask("POST", f"/channel/{channel.id}", data=b""))[0] == 400
    for content_type in ("t" * 999, "text/pl\N{LATIN SMALL LETTER A WITH DIAERESIS}in", "text/plain\tx"):
        typed = {"Content-Type": content_type}
        assert (await plain.ask("POST", f"/channel/{channel.id}", data=b"x", headers=typed))[0] == 400


async def test_nonsense_in_place_of_http_is_refused_and_not_logged(
    plain: Plain, caplog: pytest.LogCaptureFixture
) -> None:
    port = int(plain.host.base_url.rpartition(":")[2])
    caplog.set_level("DEBUG")
    for status, line in (
        (505, b"GET /api/v1/notify?token=hidden-token HTTP/9.9\r\n\r\n"),
        (400, b"\x16\x03\x01hidden-token\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nAuthorization: Bearer\x00 hidden-token\r\nHost: h\r\n\r\n"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(line)
        answer = await asyncio.wait_for(reader.read(), 60)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        writer.close()
        await writer.wait_closed()
    assert (await plain.ask("GET", "/nothing"))[0] == 404
    assert "hidden-token" not in caplog.text


async def test_a_broken_chunked_body_stores_nothing(plain: Plain) -> None:
    channel = await plain.channel(await plain.account(), "?public")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(plain.host.base_url.rpartition(":")[2]))
    head = f"POST /api/v1/channel/{channel.id} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode() + b"3\r\nabc\r\n")
    await writer.drain()
    writer.write(b"zz\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    await writer.wait_closed()
    assert b" 400 " in answer.partition(b"\r\n")[0]
    _, headers, _ = await plain.ask("HEAD", f"/channel/{channel.id}", channel.read_token)
    assert headers["ETag"] == "0"


async def test_a_packed_body_is_stored_as_it_came(plain: Plain) -> None:
    channel = await plain.channel(await plain.account(), "?public")
    packed = gzip.compress(bytes(10_000_000))
    assert len(packed) < LIMITS.message_bytes
    status, _, _ = await plain.ask("POST", f"/channel/{channel.id}", data=packed, headers={"Content-Encoding": "gzip"})
    assert status == 200
    _, _, body = await plain.ask("GET", f"/channel/{channel.id}", channel.read_token, headers=BSOR)
    assert [message.payload for message in read_list(HostMessage, body)] == [packed]
