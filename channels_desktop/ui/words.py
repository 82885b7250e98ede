"""Amounts, times, names and errors in words for people. Other modules turn codes into sentences with these.

What others wrote is inserted as plain text, with control and bidi marks shown as escapes (ux R5). Amounts are whole
satoshis. Times are nanoseconds since 1970, shown in this computer's time zone.
"""

from __future__ import annotations

import re
import unicodedata

from PySide6.QtCore import QDateTime, QLocale

from channels_desktop import errors
from channels_desktop.engine import commands as ask
from channels_desktop.engine.commands import Command
from channels_desktop.engine.remote_text import visible
from channels_desktop.engine.rows import Link, StatusRow, Verification
from channels_desktop.engine.troubles import Obstacle, Task
from channels_desktop.ui import file_words, host_words
from channels_desktop.ui.translation import tr as tr  # noqa: PLC0414 - the other modules of words know it from here

GROUP = ","
SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK_DAYS = 7
LONGEST_NAME = 64
MOST_SATOSHIS = 21_000_000 * 10**8
_ISOLATES = "\u2068\u2069"  # first strong isolate, pop directional isolate
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
_AMOUNT = re.compile(
    r"([0-9]+|[1-9][0-9]{0,2}(?:([, \u00a0\u2009\u202f])[0-9]{3})(?:\2[0-9]{3})*)(?:[ \u00a0]?sat)?", re.ASCII
)


# ---------------------------------------------------------------------------------------------------------- plain text


def plain(text: str) -> str:
    """Return `text` with hiding and reordering marks as escapes; the isolates that `foreign` puts around it stay."""
    return visible(text, _ISOLATES)


def escaped(text: str) -> str:
    """Return what another person wrote with every such mark as an escape."""
    return visible(text)


def foreign(text: str) -> str:
    """Return what another person wrote so that it cannot reorder the sentence it is put into."""
    shown = escaped(text)
    turns = any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in shown)
    return f"{_ISOLATES[0]}{shown}{_ISOLATES[1]}" if turns else shown


def line(text: str) -> str:
    """Return what another person wrote as one line that cannot reorder the sentence it is put into."""
    return foreign(" ".join(text.split()))


def name(text: str) -> str:
    """Return a contact's name as one plain line of at most 64 letters; "Someone" where there is none."""
    whole = " ".join(text.split()) or tr("Someone")
    return foreign(whole if len(whole) <= LONGEST_NAME else whole[: LONGEST_NAME - 1] + "…")


def initials(text: str) -> str:
    """Return up to two letters that stand for a name."""
    letters = [word[0] for word in plain(text).split() if word[0].isalnum()]
    return "".join(letters[:2]).upper() or "?"


# ------------------------------------------------------------------------------------------------------------- amounts


def digits(satoshis: int) -> str:
    """Return an amount grouped by thousands, without its unit; a real minus sign for what went out."""
    grouped = f"{abs(satoshis):,}".replace(",", GROUP)
    return f"−{grouped}" if satoshis < 0 else grouped


def sat(satoshis: int) -> str:
    """Return an amount with its unit: "12,400 sat"."""
    return f"{digits(satoshis)}\u00a0sat"


def signed_sat(satoshis: int) -> str:
    """Return an amount that came in with a plus and one that went out with a minus."""
    return f"+{digits(satoshis)}" if satoshis > 0 else digits(satoshis)


def read_amount(text: str) -> int | None:
    """Return the satoshis that a person typed or pasted; None where that is no possible amount.

    Separators are checked, never dropped: one kind, between groups of three digits. "1,5" is no fifteen.
    """
    found = _AMOUNT.fullmatch(text.strip())
    bare = re.sub("[^0-9]", "", found[1]).lstrip("0") or "0" if found else ""
    if not bare or len(bare) > len(str(MOST_SATOSHIS)):
        return None
    satoshis = int(bare)
    return satoshis if satoshis <= MOST_SATOSHIS else None


def size(count: int) -> str:
    """Return how many bytes something has in the unit that suits it: "12 kB"."""
    for unit, word in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{digits(count // unit)}\u00a0{word}"
    return f"{count}\u00a0B"


# --------------------------------------------------------------------------------------------------------------- times


def moment(at: int) -> QDateTime:
    """Return `at` in this computer's time zone."""
    return QDateTime.fromMSecsSinceEpoch(at // 10**6)


def clock(at: int) -> str:
    """Return the time of day: "12:02"."""
    return moment(at).toString("HH:mm")


def date(at: int, now: int) -> str:
    """Return a short date: "24 Nov", with its year where that is another one."""
    here = moment(at)
    pattern = "d MMM" if here.date().year() == moment(now).date().year() else "d MMM yyyy"
    return QLocale(QLocale.Language.English).toString(here, pattern)


def day(at: int, now: int) -> str:
    """Return a day as a heading: "Today", "Yesterday", "Friday" or "24 Nov"."""
    apart = moment(at).date().daysTo(moment(now).date())
    if apart in {0, 1}:
        return tr("Today") if apart == 0 else tr("Yesterday")
    if 1 < apart < WEEK_DAYS:
        return QLocale(QLocale.Language.English).toString(moment(at), "dddd")
    return date(at, now)


def when(at: int, now: int) -> str:
    """Return a time as short as a list needs it: "12:02" today, else the day."""
    return clock(at) if moment(at).date() == moment(now).date() else day(at, now)


def exactly(at: int, now: int) -> str:
    """Return day and time: "today 12:04", "tomorrow 12:04", "24 Nov 12:04"."""
    apart = moment(now).date().daysTo(moment(at).date())
    names = {0: tr("today"), 1: tr("tomorrow"), -1: tr("yesterday")}
    return f"{names.get(apart, date(at, now))} {clock(at)}"


def duration(length: int) -> str:
    """Return a length of time in its largest unit: "23 h"."""
    for unit, word, words in (
        (DAY, tr("1 day"), tr("{n} days")),
        (HOUR, tr("1 h"), tr("{n} h")),
        (MINUTE, tr("1 min"), tr("{n} min")),
    ):
        count = length // unit
        if count > 0:
            return word if count == 1 else words.format(n=count)
    return tr("{n} s", n=max(0, length // SECOND))


# -------------------------------------------------------------------------------------------------- status and contact


def verification(state: Verification) -> tuple[str, str]:
    """Return the chip's words and tone."""
    match state:
        case Verification.VERIFIED:
            return tr("✓ Verified"), "success"
        case Verification.UNVERIFIED:
            return tr("Not verified"), "warning"
        case Verification.MISMATCH:
            return tr("Numbers differ – payments locked"), "danger"


def trouble(row: StatusRow) -> tuple[str, ...]:
    """Return what stands in place of the line's state where a part of the program is not well: what is, and what to do.

    That nobody answers shows in the line's own state while there is no line, and in the block's place for the chain.
    """
    found = [one for one in row.troubles if one.obstacle is not Obstacle.NO_ANSWER]
    if not found and row.link is Link.LISTENING:
        found = [one for one in row.troubles if one.task is not Task.CHAIN]
    if not found:
        return ()
    match found[0].obstacle:
        case Obstacle.STORE:
            return tr("▲ Can't read or write your data"), tr("Make room on the disk or check it; we keep trying")
        case Obstacle.LOCKED:
            return tr("▲ The wallet is locked"), tr("Mail and payments wait until it is unlocked")
        case Obstacle.NO_ANSWER:
            return tr("▲ Requests to the channel host get no answer"), tr("We keep trying")
        case Obstacle.BUG:
            return tr("▲ A part of this program fails"), tr("We keep trying; if it stays, restart the program")


def link(row: StatusRow) -> str:
    """Return the state of the line to our host, with a mark that differs in shape."""
    match row.link:
        case Link.LISTENING:
            none, one = tr("● Listening"), tr("● Listening on 1 channel")
            few = {0: none, 1: one}
            return few.get(row.channels) or tr("● Listening on {n} channels", n=row.channels)
        case Link.CONNECTING:
            return tr("◐ Connecting…")
        case Link.WAITING:
            left = max(1, -(-row.retry_in // SECOND))
            again = tr("◔ Reconnecting in {n} s (attempt {k})", n=left, k=row.attempt)
            return again if row.cause is None else f"{again}: {host_words.briefly(row.cause)}"
        case Link.NO_HOST:
            return tr("○ No channel host yet")
        case Link.OFFLINE:
            return tr("○ Offline (you chose)")


def status(row: StatusRow) -> list[str]:
    """Return the parts of the status bar, the state of the line or what is wrong first."""
    parts = [*(trouble(row) or (link(row),))]
    if row.waiting_to_send:
        count = row.waiting_to_send
        parts.append(tr("1 message waits to be sent") if count == 1 else tr("{n} messages wait to be sent", n=count))
    if row.gone:
        gone = row.gone
        parts.append(tr("▲ 1 contact's mailbox is gone") if gone == 1 else tr("▲ {n} mailboxes are gone", n=gone))
    parts.append(tr("Block {n}", n=digits(row.block_height)) if row.chain_ok else tr("▲ No block data"))
    parts.append(tr("Wallet {amount}", amount=sat(row.wallet.total)))
    if row.wallet.free != row.wallet.total:
        parts.append(tr("of it free {amount}", amount=sat(row.wallet.free)))
    return parts


# -------------------------------------------------------------------------------------------------------------- errors


def error(problem: BaseException, wish: type[Command] | None = None) -> str:
    """Return what went wrong and what to do next; texts of servers never appear here.

    `wish` is the command that failed: the same cause may mean another thing, and another next step, there.
    """
    match problem:
        case errors.Refused():
            return refusal(problem.reason, wish)
        case errors.InsufficientFunds():
            return not_enough(problem.needed, problem.available)
        case errors.WalletLocked():
            return tr("The wallet is locked, so nothing was done. Start the program again and enter your passphrase.")
        case errors.TransportError():
            return host_words.problem(problem.cause, host_words.Place.CHOOSING)
        case errors.WrongPassphrase():
            return tr("That passphrase doesn't open this account. Try again.")
        case errors.NotAnswering():
            return running(problem.pid, answers=False)
        case errors.AlreadyRunning():
            return running(problem.pid, answers=True)
        case errors.FolderUnusable():
            return folder(problem)
        case errors.Damaged():
            return tr(file_words.damaged(problem.part, problem.damage), file=line(problem.file))
        case errors.StoreError():
            return tr(file_words.failed(problem.cause))
        case errors.TxRejected():
            return tr("The network refused the transaction. Nothing was sent.")
        case errors.ProtocolError() | errors.WireError():
            return tr("This doesn't follow the rules that both sides keep, so nothing was done. Ask for a new one.")
        case _:
            return tr("Something went wrong in this program. Please restart it; your data is kept.")


def folder(problem: errors.FolderUnusable) -> str:
    """Return why a data folder can't be used, and what to do."""
    path = line(problem.path)
    match problem.fault:
        case errors.FolderFault.NO_HOME:
            return tr("This computer names no home folder for you. Say where your data goes: --profile FOLDER.")
        case errors.FolderFault.NOT_A_FOLDER:
            return tr("{path} can't be a folder, because there is a file in its place. Choose another.", path=path)
        case errors.FolderFault.FORBIDDEN:
            return tr("You may not write into {path}. Change who may, or choose another folder.", path=path)
        case errors.FolderFault.READ_ONLY:
            return tr("{path} is on a disk that can only be read. Choose another folder.", path=path)
        case errors.FolderFault.FULL:
            return tr("The disk that holds {path} is full. Make room on it and start again.", path=path)
        case errors.FolderFault.UNUSABLE:
            return tr("{path} can't be made or written into. Choose another folder.", path=path)


def running(pid: int | None, *, answers: bool) -> str:
    """Return that another process has the account's folder open."""
    which = tr("process {pid}", pid=pid) if pid else tr("another process")
    if answers:
        return tr("This account is open already, in {which}. Use that one, or close it first.", which=which)
    return tr("This account is open already, in {which}, which doesn't answer. End it and start again.", which=which)


def not_enough(needed: int, available: int) -> str:
    """Return that the free coins do not reach."""
    return tr(
        "Not enough: this needs {needed}, you have {free} free. Receive some first, or wait until held coins are back.",
        needed=sat(needed),
        free=sat(available),
    )


def refusal(reason: str, wish: type[Command] | None = None) -> str:
    """Return the sentence of a `Refused` code, of its own where `wish` gives it another meaning, or a general one."""
    return _refused_there(reason, wish) or {
        "stale": tr("This changed in the meantime. Look again, then decide."),
        "not_an_invite": tr("That isn't an invite. Invites start with channels:"),
        "expired": tr("This has expired. Ask for a new one."),
        "passphrase_file": tr("The file that should hold the passphrase can't be read. Nothing was opened."),
        "own": tr("This is your own invite."),
        "account_exists": tr("There is an account in this folder already. Open that one, or choose another folder."),
        "other_network": tr("This invite is for another network than this account."),
        "already_connected": tr("You are already connected with this contact."),
        "no_mailbox": tr("There is no spare mailbox at your channel host yet. Try again once you are connected to it."),
        "no_host": tr("You have no channel host yet. Add one in Settings, then invite people or use invites."),
        "has_host": tr("This account has a channel host already."),
        "not_connected": tr("You are not connected with this contact, so nothing was sent. Connect with a new invite."),
        "empty_text": tr("There is nothing to send."),
        "text_too_long": tr("This text is too long. Send it in parts."),
        "may_have_arrived": tr("It may have arrived, so it can't be taken back. Try sending it again."),
        "bad_amount": tr("This isn't a possible amount. Enter one from 1 to {most}.", most=sat(MOST_SATOSHIS)),
        "bad_words": tr("Say in a few words what it is for, 256 bytes at most, and keep the note below 4,096."),
        "bad_request": tr("This can't be used as it is. Ask for a new one."),
        "fee_high": tr("The network fee is far above the usual. Ask for a new invoice."),
        "fee_quote_low": tr("The fee quote is too low: nobody would mine this. Ask for a new invoice."),
        "unauthenticated": tr("This invoice isn't signed by your contact's key. Don't pay it."),
        "unknown_output": tr("The transaction does something that no line explains. Don't pay this."),
        "input_spent": tr("A coin that your contact put into this is spent already. Ask for a new invoice."),
        "already_paid": tr("You have paid this already. Nothing is paid twice."),
        "already_waiting": tr("Your payment for this is on its way. Nothing is paid twice."),
        "unconsented": tr("Something about this payment needs your consent. Review it again."),
        "mismatch": tr("The safety numbers differ: payments with this contact are locked until you check again."),
    }.get(reason, tr("This can't be done now."))


def _refused_there(reason: str, wish: type[Command] | None) -> str:
    """Return the sentence of a reason whose meaning depends on what was wished; empty where it does not."""
    sentences: dict[tuple[str, type[Command] | None], str] = {
        ("stale", ask.RetryText): tr("This text is on its way again, or was taken back. There is nothing to retry."),
        ("stale", ask.DeleteText): tr("This text is on its way again, so it can't be deleted any more."),
        ("stale", ask.WithdrawInvite): tr("This invite was used or withdrawn already. See the list of invites."),
        ("stale", ask.AnswerRequest): tr("This request was answered already."),
        ("stale", ask.CheckedSafetyNumber): tr("You are not connected with this contact any more: nothing was noted."),
        ("expired", ask.UseInvite): tr("This invite has expired. Ask for a new one."),
        ("expired", ask.Act): tr("This invoice has expired, and nothing was sent. Ask for a new one."),
        ("no_mailbox", ask.CreateInvite): tr(
            "No invite was made: there is no spare mailbox at your channel host yet. Try again once you are connected."
        ),
        ("no_mailbox", ask.UseInvite): tr(
            "The invite wasn't used and stays good: there is no spare mailbox at your channel host yet. Try again soon."
        ),
        ("no_mailbox", ask.AnswerRequest): tr(
            "Nothing was accepted: your channel host has no spare mailbox for you yet. Try again once connected to it."
        ),
        ("bad_request", ask.OfferPayment): tr("No order can be made of this. Change the amount or the words."),
        ("bad_request", ask.RequestPayment): tr("No invoice can be made of this. Change the amount or the words."),
    }
    return sentences.get((reason, wish), "")
