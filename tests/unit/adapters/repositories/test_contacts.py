"""The relationships."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from channels_desktop.adapters.repositories.records import Records
from channels_desktop.engine.ports import MailboxAddress
from channels_desktop.engine.records import Contact
from channels_desktop.engine.rows import ContactState, Verification
from channels_desktop.errors import Misuse
from tests.unit.adapters.repositories.samples import contact


def test_a_contact_comes_back_as_it_was_kept(records: Records) -> None:
    assert records.contacts.add(contact(99)) == 1
    assert records.contacts.get(1) == contact(1)


def test_a_contact_of_few_facts_comes_back_as_it_was_kept(records: Records) -> None:
    bare = Contact(1, ContactState.OFFERED, "", b"", Verification.UNVERIFIED, 0, 0, (), 10)
    records.contacts.add(bare)
    assert records.contacts.get(1) == bare


def test_an_address_that_is_no_unicode_comes_back_as_it_was_kept(records: Records) -> None:
    address = MailboxAddress("https://host.example", b"\xff".decode("utf-8", "surrogateescape"), "\ud800")
    records.contacts.add(replace(contact(), outgoing=(address,)))
    assert records.contacts.get(1).outgoing == (address,)


def test_an_unknown_number_is_misuse(records: Records) -> None:
    with pytest.raises(Misuse):
        records.contacts.get(1)


def test_contacts_are_listed_newest_first(two: Records) -> None:
    assert [each.number for each in two.contacts.all()] == [2, 1]


def test_a_number_is_never_used_again(records: Records, connection: sqlite3.Connection) -> None:
    records.contacts.add(contact())
    connection.execute("DELETE FROM relationship")
    assert records.contacts.add(contact()) == 2


@pytest.mark.parametrize("state", ContactState)
@pytest.mark.parametrize("verification", Verification)
def test_every_state_can_be_kept(records: Records, state: ContactState, verification: Verification) -> None:
    kept = replace(contact(1, state), verification=verification)
    records.contacts.add(kept)
    assert records.contacts.get(1) == kept


def test_a_move_saves_all_fields_and_the_new_state_of_one_contact(two: Records) -> None:
    changed = replace(
        contact(1),
        name="Robert",
        their_key=b"\x03" * 33,
        verification=Verification.MISMATCH,
        next_in=30,
        next_out=40,
        outgoing=(),
        created=11,
        expires=21,
        note="note",
        link="link",
        since=31,
        draft="draft",
        seen_entry=6,
        initiation=b"other",
        detail="detail",
        complained_at=41,
        gap_since=51,
    )
    two.contacts.move(changed, ContactState.TERMINATED)
    assert two.contacts.get(1) == replace(changed, state=ContactState.TERMINATED)
    assert two.contacts.get(2) == contact(2)


def test_a_contact_is_changed_only_from_the_state_it_is_in(two: Records) -> None:
    stale = replace(contact(1, ContactState.SENT), name="stale")
    with pytest.raises(Misuse):
        two.contacts.move(stale, ContactState.ACTIVE)
    with pytest.raises(Misuse):
        two.contacts.save(stale)
    assert two.contacts.get(1) == contact(1)
    two.contacts.save(replace(contact(1), name="fresh"))
    assert two.contacts.get(1) == replace(contact(1), name="fresh")


def test_an_unknown_contact_cannot_be_saved(two: Records) -> None:
    with pytest.raises(Misuse):
        two.contacts.save(contact(3))


def test_contacts_are_found_by_their_key_newest_first(two: Records) -> None:
    two.contacts.add(replace(contact(), their_key=b"\x03" * 33))
    assert [each.number for each in two.contacts.by_key(b"\x02" * 33)] == [2, 1]
    assert [each.number for each in two.contacts.by_key(b"\x03" * 33)] == [3]
    assert two.contacts.by_key(b"\x04" * 33) == ()


def test_contacts_whose_mailboxes_are_gone_are_counted_while_they_are_contacts(records: Records) -> None:
    assert records.contacts.gone() == 0
    for state in ContactState:
        records.contacts.add(contact(state=state))
    records.contacts.add(replace(contact(), gone_since=0))
    assert records.contacts.gone() == 1
