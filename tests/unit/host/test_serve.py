"""One host as an object and as a process: its folder, its port, its end."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import signal
import socket
import ssl
import stat
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.engine.ports import MailboxAddress
from channels_desktop.errors import Refused, StoreError, TransportError
from channels_desktop.host.serve import Host, main

PATIENCE = 20
COMMAND = "import sys; from channels_desktop.host.serve import main; sys.exit(main(sys.argv[1:]))"


async def start_process(data: Path, *options: str) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    """Start a host process and return it with its line of greeting."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        COMMAND,
        "--data",
        str(data),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    greeting = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    return process, json.loads(greeting) if greeting else {}


async def test_a_restart_keeps_token_port_and_mail(tmp_path: Path) -> None:
    client = HttpPeerChannels(allow_loopback=True)
    host = await Host.start(tmp_path)
    account = await client.create_account(host.base_url, host.operator_token)
    mailbox = await client.create_mailbox(account)
    await client.post(mailbox.address, b"kept")
    await host.stop()
    again = await Host.start(tmp_path)
    assert (again.base_url, again.operator_token) == (host.base_url, host.operator_token)
    assert [item.payload for item in await client.unread(account, mailbox.channel_id, 9)] == [b"kept"]
    assert again.operator_token not in repr(again)
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "operator_token").stat().st_mode) == 0o600
    await client.close()
    await again.stop()


async def test_a_taken_port_is_replaced_where_any_will_do_and_refused_where_not(tmp_path: Path) -> None:
    host = await Host.start(tmp_path)
    port = int(host.base_url.rpartition(":")[2])
    await host.stop()
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(Refused, match="address"):
            await Host.start(tmp_path, port=port)
        other = await Host.start(tmp_path)
        assert other.base_url != host.base_url
        await other.stop()


async def test_other_computers_are_served_over_tls_or_when_told_so(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="insecure"):
        await Host.start(tmp_path, "0.0.0.0")  # noqa: S104 - the point of the test
    host = await Host.start(tmp_path, "0.0.0.0", insecure=True, public_url="https://mail.example/")  # noqa: S104
    assert host.base_url == "https://mail.example"
    await host.stop()


async def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    host = await Host.start(tmp_path)
    with pytest.raises(StoreError, match="another host"):
        await Host.start(tmp_path)
    await host.stop()


@pytest.mark.parametrize("text", ["x", "127.0.0.1", "127.0.0.1:x", "999.1.1.1:5", "127.0.0.1:99999"])
def test_an_address_that_is_none(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--listen", text]) == 1
    assert "address" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="signals")
async def test_a_process_greets_serves_refuses_a_second_and_ends_on_a_signal(tmp_path: Path) -> None:
    process, greeting = await start_process(tmp_path)
    assert set(greeting) == {"base_url", "operator_token"}
    client = HttpPeerChannels(allow_loopback=True)
    account = await client.create_account(greeting["base_url"], greeting["operator_token"])
    second, nothing = await start_process(tmp_path)
    _, words = await asyncio.wait_for(second.communicate(), PATIENCE)
    assert (second.returncode, nothing) == (1, {})
    assert b"another host is running on this folder" in words
    assert b"Traceback" not in words
    line = client.listen(account)
    await anext(line)
    process.send_signal(signal.SIGTERM)
    with pytest.raises(TransportError):
        await asyncio.wait_for(anext(line), PATIENCE)
    output, words = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, output, words) == (0, b"", b"")
    await client.close()


class Load:
    """Senders that post to one mailbox until the host dies, and what they were told."""

    def __init__(self, client: HttpPeerChannels) -> None:
        self.client = client
        self.acknowledged: list[bytes] = []
        self.attempted: set[bytes] = set()

    async def send(self, name: str, to: MailboxAddress, enough: asyncio.Event, goal: int) -> None:
        """Post until nobody answers; set `enough` once all senders together have `goal` answers."""
        with contextlib.suppress(TransportError):
            for number in range(100_000):
                payload = f"{name} {number}".encode()
                self.attempted.add(payload)
                await self.client.post(to, payload)
                self.acknowledged.append(payload)
                if len(self.acknowledged) >= goal:
                    enough.set()

    async def until_killed(self, round_: int, process: asyncio.subprocess.Process, to: MailboxAddress) -> None:
        """Kill the host in the middle of sixteen senders' work."""
        enough, goal = asyncio.Event(), len(self.acknowledged) + 150
        async with asyncio.TaskGroup() as group:
            for sender in range(16):
                group.create_task(self.send(f"{round_}/{sender}", to, enough, goal))
            await asyncio.wait_for(enough.wait(), PATIENCE)
            process.kill()
            await process.communicate()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
async def test_kill_9_under_load_loses_no_acknowledged_post(tmp_path: Path) -> None:
    client = HttpPeerChannels(allow_loopback=True)
    load = Load(client)
    process, greeting = await start_process(tmp_path)
    account = await client.create_account(greeting["base_url"], greeting["operator_token"])
    mailbox = await client.create_mailbox(account)
    for round_ in range(3):
        await load.until_killed(round_, process, mailbox.address)
        process, again = await start_process(tmp_path)
        assert again == greeting

    seen: dict[int, bytes] = {}
    while found := await client.unread(account, mailbox.channel_id, 1000):
        seen.update({item.sequence: item.payload for item in found})
        await client.mark_read(account, mailbox.channel_id, found[-1].sequence)
    assert len(load.acknowledged) >= 450
    assert set(load.acknowledged) <= set(seen.values()) <= load.attempted
    assert sorted(seen) == list(range(1, len(seen) + 1)), "no number is missing or used twice"
    assert len(set(seen.values())) == len(seen)
    process.terminate()
    await asyncio.wait_for(process.communicate(), PATIENCE)
    await client.close()


@pytest.mark.parametrize("kind", ["missing", "nonsense"])
def test_a_certificate_that_is_none(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "certificate.pem"
    if kind == "nonsense":
        path.write_text("nonsense")
    assert main(["--data", str(tmp_path / "host"), "--certificate", str(path)]) == 1
    assert "certificate" in capsys.readouterr().err


def certificate(folder: Path) -> Path:
    """Write a certificate of localhost that vouches for itself, with its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    text = made.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(text)
    return path


async def test_a_host_with_a_certificate_speaks_tls(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    process, greeting = await start_process(tmp_path / "host", "--certificate", str(path), "--listen", "127.0.0.1:0")
    assert greeting["base_url"].startswith("https://127.0.0.1:")
    place = greeting["base_url"].replace("127.0.0.1", "localhost")
    context = ssl.create_default_context(cafile=str(path))
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {greeting['operator_token']}"}
        async with session.post(f"{place}/api/v1/account", headers=headers, ssl=context) as answer:
            assert answer.status == 200
    client = HttpPeerChannels(allow_loopback=True)
    with pytest.raises(TransportError) as caught:  # nobody vouches for this certificate
        await client.create_account(place, greeting["operator_token"])
    assert not caught.value.gone
    await client.close()
    process.terminate()
    await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
