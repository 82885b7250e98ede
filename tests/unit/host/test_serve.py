"""One host as an object and as a process: its folder, its port, its end."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import json
import os
import signal
import socket
import ssl
import stat
import sys
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from channels_desktop.bitcoin.signed_messages import is_signed_message
from channels_desktop.errors import Misuse, Refused, StoreError
from channels_desktop.host import resources
from channels_desktop.host.options import Options
from channels_desktop.host.serve import Host, main
from tests.hosts import PATIENCE, Channel, Client, HostProcess, running

posix = pytest.mark.skipif(os.name != "posix", reason="signals")


async def test_a_restart_keeps_token_port_and_mail(tmp_path: Path) -> None:
    host = await Host.start(tmp_path)
    async with Client(host.base_url, host.operator_token) as client:
        channel = await client.new_channel()
        assert (await client.post(channel, b"kept"))[0] == 200
        await host.stop()
        again = await Host.start(tmp_path)
        assert (again.base_url, again.operator_token) == (host.base_url, host.operator_token)
        assert await client.messages(channel) == {1: b"kept"}
    assert again.operator_token not in repr(again)
    await again.stop()


@posix
async def test_what_lies_in_the_folder_is_its_owners(tmp_path: Path) -> None:
    host = await Host.start(tmp_path / "deep" / "host")
    await host.stop()
    folder = tmp_path / "deep" / "host"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("operator_token", "port", "base_url"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert (folder / "base_url").read_text() == host.base_url
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    await (await Host.start(shared)).stop()
    assert stat.S_IMODE((shared / "host.sqlite").stat().st_mode) == 0o600


async def test_two_hosts_can_have_one_operator(tmp_path: Path) -> None:
    kept = tmp_path / "token"
    kept.write_text("chosen\n")
    hosts = [await Host.open(Options(data=tmp_path / name, operator_token_file=kept)) for name in ("a", "b")]
    assert {host.operator_token for host in hosts} == {"chosen"}
    for host in hosts:
        await host.stop()


@pytest.mark.parametrize("content", [None, b"\xff", b"\n"])
async def test_a_token_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    kept = tmp_path / "token"
    kept.mkdir() if content is None else kept.write_bytes(content)
    with pytest.raises(StoreError, match="token"):
        await Host.open(Options(data=tmp_path / "host", operator_token_file=kept))


async def test_registration_needs_somebody_who_can_tell_what_is_signed(tmp_path: Path) -> None:
    with pytest.raises(Misuse):
        await Host.open(Options(data=tmp_path, registration=True))
    await (await Host.start(tmp_path)).stop()  # nothing was left behind


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="folder"):
        await Host.start(tmp_path / "file" / "host")


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
    reached = (tmp_path / "base_url").read_text()
    assert reached.startswith("http://127.0.0.1:"), "how this computer reaches it"
    async with Client(reached, host.operator_token) as client:
        assert await client.ask("GET", "/healthz") == (200, "ok\n")
    await host.stop()


async def test_an_address_of_the_newer_internet(tmp_path: Path) -> None:
    host = await Host.start(tmp_path, "::1")
    assert host.base_url.startswith("http://[::1]:")
    async with Client(host.base_url, host.operator_token) as client:
        assert await client.ask("GET", "/healthz") == (200, "ok\n")
    await host.stop()


async def test_all_addresses_of_the_newer_internet_are_those_of_the_older_too(tmp_path: Path) -> None:
    host = await Host.start(tmp_path, "::", insecure=True)
    port = host.base_url.rpartition(":")[2]
    assert host.base_url == f"http://[::1]:{port}"
    for address in ("127.0.0.1", "[::1]"):
        async with Client(f"http://{address}:{port}", host.operator_token) as client:
            assert await client.ask("GET", "/healthz") == (200, "ok\n")
    await host.stop()


async def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    host = await Host.start(tmp_path)
    with pytest.raises(StoreError, match="another host"):
        await Host.start(tmp_path)
    await host.stop()


@pytest.mark.parametrize("text", ["x", "127.0.0.1", "127.0.0.1:x", "999.1.1.1:5", "127.0.0.1:99999"])
def test_an_address_that_is_none(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--listen", text], is_signed_message) == 1
    assert "address" in capsys.readouterr().err


@posix
@pytest.mark.parametrize("word", [(), ("serve",)])
async def test_a_process_greets_serves_and_says_good_bye(tmp_path: Path, word: tuple[str, ...]) -> None:
    process = await HostProcess.start(*word, "--data", tmp_path)
    assert set(process.greeting) == {"base_url", "operator_token"}
    async with Client(process.base_url, process.operator_token) as client:
        account = await client.account()
        async with client.socket(account[1]) as line:
            ending = asyncio.get_running_loop().create_task(process.end())
            assert (await line.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.CLOSE
            assert line.close_code == aiohttp.WSCloseCode.GOING_AWAY
        assert await ending == (0, "", "")


async def test_posts_at_the_end_are_answered_or_not_stored_and_never_lost(tmp_path: Path) -> None:
    host = await Host.start(tmp_path)
    acknowledged: set[bytes] = set()
    async with Client(host.base_url, host.operator_token) as client:
        channel = await client.new_channel()
        under_way = asyncio.Event()

        async def post(number: int) -> None:
            for turn in range(100):
                payload = f"{number} {turn}".encode()
                with contextlib.suppress(aiohttp.ClientError):
                    if (await client.post(channel, payload))[0] == 200:
                        acknowledged.add(payload)
                        under_way.set()
                        continue
                return

        async with asyncio.TaskGroup() as group:
            for number in range(16):
                group.create_task(post(number))
            await under_way.wait()
            await host.stop()
        again = await Host.start(tmp_path)
        found = await client.messages(channel)
        assert acknowledged <= set(found.values())
        assert list(found) == list(range(1, len(found) + 1))
    await again.stop()


async def test_old_messages_go_without_being_asked_for(tmp_path: Path) -> None:
    day = 86_400 * 10**9
    now = 1_800_000_000 * 10**9
    host = await Host.start(tmp_path, now=lambda: now)
    async with Client(host.base_url, host.operator_token) as client:
        account = await client.account()
        retention = {"min_age_days": 0, "max_age_days": 1, "auto_prune": True}
        asked = {"public_read": False, "public_write": False, "sequenced": False, "retention": retention}
        _, made = await client.ask("POST", f"/api/v1/account/{account[0]}/channel", account[1], json=asked)
        owner = made["access_tokens"][0]["token"]
        channel = Channel(made["id"], owner, owner, account[1])
        assert (await client.post(channel, b"old"))[0] == 200
        await host.stop()
        now += 2 * day
        again = await Host.start(tmp_path, now=lambda: now)
        path = f"/api/v1/channel/{channel.id}"
        async with asyncio.timeout(PATIENCE):
            while (await client.ask("GET", path, owner))[1]:
                pass
        assert (await client.post(channel, b"new"))[1]["sequence"] == 2, "numbers are not given twice"
    await again.stop()


# -------------------------------------------------------------------------------------------------------- certificates


@pytest.mark.parametrize("kind", ["missing", "nonsense", "locked"])
def test_a_certificate_that_is_none(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "certificate.pem"
    if kind == "nonsense":
        path.write_text("nonsense")
    elif kind == "locked":
        certificate(tmp_path, BestAvailableEncryption(b"a password that nobody is asked for"))
    assert main(["--data", str(tmp_path / "host"), "--certificate", str(path)], is_signed_message) == 1
    assert "certificate" in capsys.readouterr().err


def certificate(folder: Path, lock: KeySerializationEncryption | None = None) -> Path:
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
    text = made.public_bytes(Encoding.PEM) + key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, lock or NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(text)
    return path


async def served(base_url: str) -> bytes:
    """Return the certificate that a host shows, or raise where it cannot be asked over TLS."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", int(base_url.rpartition(":")[2]), ssl=context)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return shown


async def test_a_host_with_a_certificate_speaks_tls_and_nothing_else(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    process = await HostProcess.start("--data", tmp_path / "host", "--certificate", path)
    assert process.base_url.startswith("https://127.0.0.1:")
    context = ssl.create_default_context(cafile=str(path))
    place = process.base_url.replace("127.0.0.1", "localhost")
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{place}/healthz", ssl=context) as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{place}/healthz".replace("https", "http"))
        with pytest.raises(aiohttp.ClientSSLError):  # nobody vouches for this certificate
            await session.get(f"{place}/healthz")
    assert await process.end() == (0, "", "")


@posix
async def test_a_new_certificate_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    options = ("--data", tmp_path / "host", "--certificate", path, "--log-level", "info")
    async with running(*options) as process:
        said = process.child.stderr
        assert said is not None
        assert json.loads(await said.readline())["event"] == "serving"
        first = await served(process.base_url)
        certificate(tmp_path)
        assert await served(process.base_url) == first
        process.child.send_signal(signal.SIGHUP)
        assert "read anew" in json.loads(await asyncio.wait_for(said.readline(), PATIENCE))["event"]
        second = await served(process.base_url)
        assert second != first
        path.write_text("nonsense")
        process.child.send_signal(signal.SIGHUP)
        assert "stays as it was" in json.loads(await asyncio.wait_for(said.readline(), PATIENCE))["event"]
        assert await served(process.base_url) == second


async def test_no_answer_tells_which_versions_run(tmp_path: Path) -> None:
    async with running("--data", tmp_path) as process, Client(process.base_url, process.operator_token) as client:
        account = await client.account()
        async with client.session.get(f"{process.base_url}/nowhere") as answer:
            said = [answer.headers["Server"]]
        async with client.session.ws_connect(f"{process.base_url}/api/v1/notify?token={account[1]}") as line:
            said.append(line._response.headers["Server"])  # noqa: SLF001 - the client shows them nowhere else
        assert said == ["channels-host"] * 2


def test_a_process_of_its_own_is_tuned() -> None:
    seconds, garbage = sys.getswitchinterval(), gc.get_threshold()
    try:
        resources.tune_interpreter()
        assert sys.getswitchinterval() == pytest.approx(resources.TURN_SECONDS)
        assert gc.get_threshold() == (resources.GARBAGE, *garbage[1:])
        assert gc.get_freeze_count() > 0
    finally:
        sys.setswitchinterval(seconds)
        gc.set_threshold(*garbage)
        gc.unfreeze()
