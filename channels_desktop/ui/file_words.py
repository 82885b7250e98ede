"""What is wrong with a file of the account, in words for people; `words.error` translates them and names the file."""

from __future__ import annotations

from channels_desktop.errors import Damage, Part, StoreCause

_ALL_BACK = "Put all files of this folder back from one backup. Nothing was changed."
_OLDER = "It held what the account did last, so the account stays closed rather than go on from an older state."

_DAMAGED = {
    (Part.ACCOUNT, Damage.MISSING): (
        "{file} are missing, while other files of the account are there. "
        "Put both back from one backup. Nothing was changed."
    ),
    (Part.KEY_FILE, Damage.MISSING): (
        "The key file {file} is missing, and without it nobody can open the account. "
        "Put it back from a backup. Nothing was changed."
    ),
    (Part.KEY_FILE, Damage.EMPTY): (
        "The key file {file} is empty, and nobody can open the account like that. "
        "Put it back from a backup. Nothing was changed."
    ),
    (Part.KEY_FILE, Damage.CUT): (
        "The key file {file} ends too early: a part of it is missing. Put it back from a backup. Nothing was changed."
    ),
    (Part.KEY_FILE, Damage.CHANGED): (
        "The key file {file} is damaged: it isn't as this program wrote it. "
        "Put it back from a backup. Nothing was changed."
    ),
    (Part.DATABASE, Damage.MISSING): f"The account's database {{file}} is missing. {_ALL_BACK}",
    (Part.DATABASE, Damage.EMPTY): f"The account's database {{file}} is empty. {_ALL_BACK}",
    (
        Part.DATABASE,
        Damage.CUT,
    ): f"The account's database {{file}} is shorter than it was: a part is missing. {_ALL_BACK}",
    (Part.DATABASE, Damage.CHANGED): f"The account's database {{file}} is damaged. {_ALL_BACK}",
    (Part.DATABASE, Damage.UNFIT): (
        "The account's database {file} doesn't open with the key in vault.json: the two belong to different accounts, "
        f"or its beginning is damaged. {_ALL_BACK}"
    ),
    (Part.LOG, Damage.MISSING): f"{{file}} is missing. {_OLDER} {_ALL_BACK}",
    (Part.LOG, Damage.EMPTY): f"{{file}} is empty. {_OLDER} {_ALL_BACK}",
    (Part.LOG, Damage.CUT): f"{{file}} is shorter than it was. {_OLDER} {_ALL_BACK}",
    (Part.LOG, Damage.CHANGED): f"{{file}} is damaged. {_OLDER} {_ALL_BACK}",
    (Part.MARK, Damage.EMPTY): (
        f"{{file}} is empty, so nothing says whether the account's database is complete. {_ALL_BACK}"
    ),
    (Part.MARK, Damage.CHANGED): (
        f"{{file}} is damaged, so nothing says whether the account's database is complete. {_ALL_BACK}"
    ),
    (Part.CONNECTION, Damage.EMPTY): (
        "{file}, which says where the account's block chain is, is empty. "
        "Put it back from a backup, or start the playground, which writes it anew."
    ),
    (Part.CONNECTION, Damage.CHANGED): (
        "{file}, which says where the account's block chain is, is damaged. "
        "Put it back from a backup, or start the playground, which writes it anew."
    ),
}

_FAILED = {
    StoreCause.BUSY: "Another program is using the account's database. Close that program and try again.",
    StoreCause.FOREIGN: (
        "The file in the place of the account's database belongs to another program. "
        "Put the account's own back from a backup, or choose another folder. Nothing was changed."
    ),
    StoreCause.FULL: "The disk is full. Make room on it and try again. Nothing was changed.",
    StoreCause.MEMORY: "There is too little free memory to open the account. Close other programs and try again.",
    StoreCause.NEWER: "A newer version of this program wrote this account. Update the program. Nothing was changed.",
    StoreCause.READ_ONLY: "You may not write to the account's files. Change who may, and try again.",
    StoreCause.UNREADABLE: "The disk refused to read or write a file of the account. Check the disk and try again.",
    StoreCause.WORN: (
        "The account's database is damaged in a place that was just needed. "
        "Close the program, keep a copy of the account's folder, and put a backup in its place."
    ),
    None: "The account's database couldn't be read or written. Nothing was changed.",
}


def damaged(part: Part, damage: Damage) -> str:
    """Return what is wrong with a file and what to do, with a place for its name."""
    return _DAMAGED.get((part, damage), "{file} is damaged. " + _ALL_BACK)


def failed(cause: StoreCause | None) -> str:
    """Return why the account's files could not be used, and what to do."""
    return _FAILED[cause]
