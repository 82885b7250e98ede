"""What a host's process logs: lines for programs, and never what a client sent."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path

import pytest

from channels_desktop.host.logs import FORMATS, LineFormatter
from tests.hosts import Client, HostProcess, raw_socket

PAYLOAD = b"what nobody else should read"


def line(form: str, error: Exception | None = None, **fields: object) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("channels_desktop.host.x", logging.INFO, "x.py", 1, "said %s", ("it",), info)
    record.fields = fields
    return LineFormatter(form).format(record)


def raised() -> Exception:
    try:
        int("what a client sent")
    except ValueError as error:
        return error
    raise AssertionError


def test_a_line_of_json() -> None:
    said = json.loads(line("json", route="/x", ms=1.5))
    assert said.pop("time").endswith("+00:00")
    assert said == {"level": "info", "from": "x", "event": "said it", "route": "/x", "ms": 1.5}


def test_a_line_of_text() -> None:
    _, _, rest = line("text", route="/x").partition(" ")
    assert rest == "info 'said it' from=x route=/x"


@pytest.mark.parametrize("form", FORMATS)
def test_of_an_error_only_its_kind_and_place_are_told_on_one_line(form: str) -> None:
    said = line(form, raised())
    assert "ValueError" in said
    assert "test_logs.py:" in said
    assert "raised" in said
    assert "what a client sent" not in said
    assert "\n" not in said


@pytest.mark.parametrize("form", FORMATS)
async def test_no_line_of_a_process_holds_what_clients_sent(tmp_path: Path, form: str) -> None:
    process = await HostProcess.start("--data", tmp_path, "--log-level", "debug", "--log-format", form)
    async with Client(process.base_url, process.operator_token) as client:
        account = await client.account()
        channel = await client.channel(account)
        assert (await client.post(channel, PAYLOAD))[0] == 200
        assert (await client.ask("POST", f"/api/v1/channel/{channel.id}", "wrong-token", data=PAYLOAD))[0] == 401
        assert (await client.ask("GET", f"/api/v1/notify?token={channel.read_token}"))[0] == 400
        assert (await client.ask("GET", f"/nowhere/{channel.read_token}?token={account[1]}"))[0] == 404
        async with client.socket(channel.read_token, sendunread="true", fullmessages="true") as socket:
            await socket.receive()
        with raw_socket(process.base_url) as broken:
            broken.sendall(b"GET /\x00 HTTP/1.1\r\nAuthorization: Bearer broken-token\r\n\r\n")
            broken.recv(1000)
        with raw_socket(process.base_url) as broken:
            broken.sendall(f"POST /api/v1/channel/{channel.id} HTTP/1.1\r\nContent-Length: 9\r\n\r\n".encode())
    code, output, words = await process.end()
    assert (code, output) == (0, "")
    lines = words.splitlines()
    assert len(lines) > 8
    if form == "json":
        assert {json.loads(item)["event"] for item in lines} >= {"serving", "request", "stopped"}
    secrets = (account[1], channel.id, channel.read_token, channel.write_token, process.operator_token)
    for secret in (*secrets, "wrong-token", "broken-token", "?token", "nowhere", PAYLOAD.decode()):
        assert secret not in words


async def test_text_that_is_no_json_is_no_trouble_at_all(tmp_path: Path) -> None:
    process = await HostProcess.start("--data", tmp_path)
    with contextlib.suppress(ConnectionError), raw_socket(process.base_url) as broken:
        broken.sendall(bytes(range(256)) * 8)
        assert broken.recv(100).startswith(b"HTTP/1.1 400")
    assert await process.end() == (0, "", "")
