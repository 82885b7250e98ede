"""Single values, our account, and the life of a mailbox."""

from __future__ import annotations

import pytest

from channels_desktop.adapters.repositories.records import Records
from channels_desktop.engine.ports import Account
from channels_desktop.errors import Misuse
from tests.unit.adapters.repositories.samples import ACCOUNT, HOST, mailbox


def test_a_setting_has_a_default_until_it_is_set_and_the_last_value_counts(records: Records) -> None:
    assert records.settings.get("theme") == ""
    assert records.settings.get("theme", "light") == "light"
    records.settings.put("theme", "dark")
    records.settings.put("theme", "")
    assert records.settings.get("theme", "light") == ""


def test_a_profile_has_one_account(records: Records) -> None:
    assert records.mailboxes.account() is None
    records.mailboxes.set_account(Account(HOST, "other", "token"))
    records.mailboxes.set_account(ACCOUNT)
    assert records.mailboxes.account() == ACCOUNT


def test_the_oldest_spare_is_given_first(two: Records) -> None:
    boxes = two.mailboxes
    assert boxes.take_spare(1) is None
    boxes.add_spare(mailbox("a"), 9)
    boxes.add_spare(mailbox("b"), 5)
    boxes.add_spare(mailbox("c"), 7)
    assert boxes.spares() == 3
    assert boxes.take_spare(1) == mailbox("a")
    assert boxes.take_spare(1) == mailbox("b")
    assert boxes.take_spare(2) == mailbox("c")
    assert boxes.spares() == 0
    assert boxes.of(1) == (mailbox("b"), mailbox("a"))
    assert boxes.of(2) == (mailbox("c"),)


def test_the_same_mailbox_is_not_added_twice(records: Records) -> None:
    records.mailboxes.add_spare(mailbox("a"), 1)
    with pytest.raises(Misuse):
        records.mailboxes.add_spare(mailbox("a"), 2)
    assert records.mailboxes.spares() == 1


def test_a_mailbox_has_an_owner_until_it_is_forgotten(two: Records) -> None:
    boxes = two.mailboxes
    for name in "ab":
        boxes.add_spare(mailbox(name), 1)
    boxes.take_spare(2)
    assert (boxes.owner(HOST, "a"), boxes.owner(HOST, "b"), boxes.owner(HOST, "c")) == (2, 0, None)
    assert boxes.owner("https://other.example", "a") is None
    assert boxes.count() == 1

    boxes.close(2)
    boxes.close(1)
    assert boxes.owner(HOST, "a") == 2
    assert boxes.of(2) == ()
    assert boxes.closing() == (mailbox("a"),)
    assert boxes.count() == 0

    boxes.forget(mailbox("a"))
    assert boxes.closing() == ()
    assert boxes.owner(HOST, "a") is None


def test_only_a_closing_mailbox_is_forgotten(two: Records) -> None:
    two.mailboxes.add_spare(mailbox("a"), 1)
    with pytest.raises(Misuse):
        two.mailboxes.forget(mailbox("a"))
    two.mailboxes.take_spare(1)
    with pytest.raises(Misuse):
        two.mailboxes.forget(mailbox("a"))
    assert two.mailboxes.of(1) == (mailbox("a"),)
