"""A newcomer without a host: an account is made, opened and looked around in, and gets its host later."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QLineEdit

from channels_desktop import headless
from channels_desktop.engine import commands as ask
from channels_desktop.engine.rows import Link
from channels_desktop.errors import Cause, Refused, TransportError
from channels_desktop.host.serve import Host
from channels_desktop.ui.application import create_application, create_theme, show_window
from channels_desktop.ui.contacts import AddContact
from channels_desktop.ui.host_form import HostDialog
from tests.e2e.users import User

NEWCOMER = headless.NewProfile("Carol", "pass", "", "", headless.Connection())


async def newcomer(folder: Path) -> headless.Account:
    """Make an account without a host, and open it."""
    await headless.create(folder, NEWCOMER)
    return await headless.unlock(folder, "pass")


async def test_an_account_without_a_host_opens_and_gets_one(tmp_path: Path) -> None:
    account = await newcomer(tmp_path / "carol")
    engine = account.engine
    assert (await engine.status()).link is Link.NO_HOST
    with pytest.raises(Refused, match="no_host"):
        await engine.submit(ask.CreateInvite())
    host = await Host.start(tmp_path / "host")
    with pytest.raises(TransportError) as caught:
        await engine.add_host(host.base_url, "wrong")
    assert caught.value.cause is Cause.TOKEN
    assert (await engine.status()).link is Link.NO_HOST
    await engine.add_host(f"{host.base_url}/", host.operator_token)
    with pytest.raises(Refused, match="has_host"):
        await engine.add_host(host.base_url, host.operator_token)
    assert (await engine.submit(ask.CreateInvite())).link.startswith("channels:"), "at once"
    assert (await engine.profile()).host == host.base_url
    await account.close()
    await host.stop()
    account = await headless.unlock(tmp_path / "carol", "pass")
    assert (await account.engine.status()).link is not Link.NO_HOST
    await account.close()


async def test_the_window_asks_for_the_host_where_it_is_needed(tmp_path: Path) -> None:
    host = await Host.start(tmp_path / "host")
    account = await newcomer(tmp_path / "carol")
    theme, preferences = create_theme(create_application(), tmp_path / "carol")
    carol = User("Carol", account, show_window(account.engine, theme, preferences))
    window = carol.window
    await carol.until(lambda: carol.reads("No channel host yet"), "the status")
    await carol.press("emptyAction")
    dialog = await carol.until(lambda: window.findChild(HostDialog), "the dialog")
    await carol.type_into("host", host.base_url)
    await carol.type_into("access", "wrong")
    await carol.press("addHost")
    await carol.until(lambda: carol.reads("refused the access token"), "what is wrong")
    dialog.findChild(QLineEdit, "access").clear()
    await carol.type_into("access", host.operator_token)
    await carol.press("addHost")
    await carol.until(lambda: window.findChild(AddContact), "what was asked for first")
    await carol.until(lambda: carol.field("inviteLink"), "an invite to share")
    await carol.press("close")
    await carol.until(lambda: carol.reads("Listening"), "the status")
    await host.stop()
    await carol.until(lambda: carol.reads("the host takes no connections"), "why")
    await window.bridge.close()
    window.close()
    window.deleteLater()
    await account.close()
