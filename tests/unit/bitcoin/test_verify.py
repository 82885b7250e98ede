"""Script checks: the short way for plain payments decides exactly as the interpreter does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import bitcoinx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import CURVE_ORDER, PrivateKey, parse_der, sha256
from channels_desktop.bitcoin.templates import p2pkh_to, p2pkh_unlocking
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input, signature_hash
from channels_desktop.bitcoin.verify import unlocks, verify_input, verify_inputs
from channels_desktop.errors import Misuse, TxRejected
from channels_desktop.wire import limits
from tests.vectors import load

Case = dict[str, Any]
KEY = PrivateKey(sha256(b"a key"))
SPENT = TxOutput(1000, p2pkh_to(KEY.public))
DRAFT = Tx(1, (TxInput(Outpoint(bytes(32), 1)),), (TxOutput(900, b"\x51"),))
SIGNED = sign_input(DRAFT, 0, KEY, SPENT)


def accepted(tx: Tx, index: int, spent: TxOutput) -> bool:
    try:
        verify_input(tx, index, spent)
    except TxRejected:
        return False
    return True


def interpreted(tx: Tx, index: int, spent: TxOutput) -> bool:
    theirs = bitcoinx.Tx.from_bytes(tx.to_bytes())
    output = bitcoinx.TxOutput(spent.satoshis, bitcoinx.Script(spent.locking_script))
    context = bitcoinx.TxInputContext(theirs, index, output)
    try:
        return bool(context.verify_input(bitcoinx.InterpreterLimits.RESTRICTIVE, is_utxo_after_genesis=True))
    except bitcoinx.ScriptError:
        return False


@pytest.mark.parametrize(
    "case", [c for c in load("txs")["signature_hashes"] if "unlocks" in c], ids=lambda case: case["sig_hash"][:8]
)
def test_unlocking_scripts_of_the_reference(case: Case) -> None:
    unsigned = Tx.from_bytes(bytes.fromhex(case["tx"]))
    tx = unsigned.with_unlocking(case["input"], bytes.fromhex(case["unlocking_script"]))
    spent = TxOutput(case["value"], bytes.fromhex(case["locking_script"]))
    assert accepted(tx, case["input"], spent) is case["unlocks"]
    assert interpreted(tx, case["input"], spent) is case["unlocks"]
    assert not accepted(tx, case["input"], replace(spent, satoshis=case["value"] + 1))


def with_signature(der: bytes, kind: int = 0x41, public: bytes = KEY.public) -> Tx:
    return DRAFT.with_unlocking(0, p2pkh_unlocking(der + bytes((kind,)), public))


def high_s(der: bytes) -> bytes:
    r, s = parse_der(der)
    body = b""
    for value in (r, CURVE_ORDER - s):
        digits = value.to_bytes(value.bit_length() // 8 + 1, "big")
        body += bytes((2, len(digits))) + digits
    return bytes((0x30, len(body))) + body


DER = KEY.sign(signature_hash(DRAFT, 0, SPENT.satoshis, SPENT.locking_script))
NONE_DER = KEY.sign(signature_hash(DRAFT, 0, SPENT.satoshis, SPENT.locking_script, 0x42))
VARIANTS = {
    "as wallets sign": (SIGNED, True),
    "covering no outputs": (with_signature(NONE_DER, 0x42), True),
    "another type than signed": (with_signature(DER, 0x42), False),
    "without fork id": (with_signature(DER, 0x01), False),
    "high s": (with_signature(high_s(DER)), False),
    "bytes after the signature": (with_signature(DER + b"\x00"), False),
    "another key": (with_signature(DER, public=PrivateKey(sha256(b"other")).public), False),
    "no signature": (DRAFT, False),
    "no key": (DRAFT.with_unlocking(0, SIGNED.inputs[0].unlocking_script[:-34]), False),
    "empty signature": (DRAFT.with_unlocking(0, b"\x00\x21" + KEY.public), False),
    "not only pushes": (DRAFT.with_unlocking(0, SIGNED.inputs[0].unlocking_script + b"\x61"), False),
    "long form of a push": (DRAFT.with_unlocking(0, b"\x4c" + SIGNED.inputs[0].unlocking_script), False),
    "something more on the stack": (DRAFT.with_unlocking(0, b"\x51" + SIGNED.inputs[0].unlocking_script), False),
    "other outputs": (replace(SIGNED, outputs=(TxOutput(901, b"\x51"),)), False),
}


@pytest.mark.parametrize(("tx", "good"), VARIANTS.values(), ids=VARIANTS)
def test_the_short_way_decides_as_the_interpreter_does(tx: Tx, good: bool) -> None:  # noqa: FBT001 - a table
    assert interpreted(tx, 0, SPENT) is good
    assert accepted(tx, 0, SPENT) is good


@pytest.mark.parametrize(
    ("unlocking", "locking", "good"),
    [
        ("", "51", True),
        ("", "00", False),
        ("", "", False),
        ("51", "", True),
        ("53", "539c", True),
        ("", "6a", False),
        ("51", "6a", True),  # after Genesis OP_RETURN ends a script without failing it
        ("", "05aa", False),
        ("05aa", "51", False),
        ("", "5163", False),
        ("", "ba", False),
    ],
)
def test_other_scripts(unlocking: str, locking: str, good: bool) -> None:  # noqa: FBT001 - a table
    tx = DRAFT.with_unlocking(0, bytes.fromhex(unlocking))
    assert accepted(tx, 0, TxOutput(1, bytes.fromhex(locking))) is good


@given(st.binary(max_size=40), st.binary(max_size=60))
def test_any_scripts_are_accepted_or_rejected(unlocking: bytes, locking: bytes) -> None:
    assert accepted(DRAFT.with_unlocking(0, unlocking), 0, TxOutput(1, locking)) in (True, False)


@given(st.lists(st.sampled_from([0x00, 0x51, 0x52, 0x4F, 0x01, *range(0x61, 0xBA)]), max_size=30))
def test_any_operations_are_accepted_or_rejected(operations: list[int]) -> None:
    assert accepted(DRAFT.with_unlocking(0, b"\x52\x53\x51\x02\xff\x00\x52"), 0, TxOutput(1, bytes(operations))) in (
        True,
        False,
    )


@pytest.mark.parametrize(
    ("locking", "reason"),
    [
        ("5104ffffff7f80", "item length 2,147,483,647"),  # refused before it is made
        ("51" + "76" * 1001, "op count|stack memory"),
        ("02ff0080" + "76957e" * 300, "number of length"),
    ],
)
def test_no_script_takes_much_memory_or_time(locking: str, reason: str) -> None:
    with pytest.raises(TxRejected, match=reason):
        verify_input(DRAFT.with_unlocking(0, b"\x51"), 0, TxOutput(1, bytes.fromhex(locking)))


def test_a_transaction_with_many_inputs_of_both_sorts() -> None:
    count = 2 * limits.SCRIPT_INPUTS
    bare = TxOutput(500, b"\x21" + KEY.public + b"\xac")  # pay to public key: not a plain payment
    spent = [SPENT if n % 2 else bare for n in range(count)]
    tx = Tx(2, tuple(TxInput(Outpoint(bytes(32), n)) for n in range(count)), (TxOutput(1, b"\x51"),))
    for index, output in enumerate(spent):
        tx = sign_input(tx, index, KEY, output)
        if output is bare:
            tx = tx.with_unlocking(index, tx.inputs[index].unlocking_script[:-34])
    verify_inputs(tx, spent)
    with pytest.raises(TxRejected, match="input 30"):
        verify_inputs(tx, [*spent[:30], replace(bare, satoshis=1), spent[31]])
    with pytest.raises(Misuse):
        verify_inputs(tx, spent[:-1])


def test_few_inputs_may_have_scripts_that_must_be_run() -> None:
    inputs = tuple(TxInput(Outpoint(bytes(32), number)) for number in range(limits.SCRIPT_INPUTS + 1))
    spent = [TxOutput(1, b"\x51")] * len(inputs)
    verify_inputs(Tx(1, inputs[:-1], (SPENT,)), spent[:-1])
    with pytest.raises(TxRejected, match="17 inputs"):
        verify_inputs(Tx(1, inputs, (SPENT,)), spent)


def test_only_inputs_that_exist_are_verified() -> None:
    with pytest.raises(Misuse):
        verify_input(SIGNED, 1, SPENT)


# -- scripts without a transaction ----------------------------------------------------------------------------------

DIGEST = sha256(b"what is authorized")
SIGNATURE = KEY.sign(DIGEST)
PAY_TO_KEY = b"\x21" + KEY.public + b"\xac"


def pushed(data: bytes) -> bytes:
    return (bytes((len(data),)) if len(data) < 0x4C else b"\x4d" + len(data).to_bytes(2, "little")) + data


def padded(der: bytes) -> bytes:
    """Return the signature with a needless zero before its r."""
    return b"\x30" + bytes((der[1] + 1, 2, der[3] + 1, 0)) + der[4:]


SIGNATURES = {
    "as wallets sign": (SIGNATURE + b"\x41", True),
    "of another type": (SIGNATURE + b"\x01", True),
    "of no type at all": (SIGNATURE + b"\xff", True),
    "high s": (high_s(SIGNATURE) + b"\x41", True),
    "bytes after it": (SIGNATURE + b"\x00\x41", True),
    "needless padding": (padded(SIGNATURE) + b"\x41", False),
    "without type": (SIGNATURE, False),
    "of another digest": (KEY.sign(sha256(b"other")) + b"\x41", False),
    "by another key": (PrivateKey(sha256(b"other")).sign(DIGEST) + b"\x41", False),
    "no signature": (b"", False),
}


@pytest.mark.parametrize(("signature", "good"), SIGNATURES.values(), ids=SIGNATURES)
def test_signatures_of_a_digest_without_a_transaction(signature: bytes, good: bool) -> None:  # noqa: FBT001 - a table
    unlocking = pushed(signature) if signature else b"\x00"
    assert unlocks(PAY_TO_KEY, unlocking, DIGEST) is good
    assert unlocks(b"\xab" + PAY_TO_KEY, unlocking, DIGEST) is good


@pytest.mark.parametrize(
    "key", [b"\x05" + KEY.public[1:], KEY.public[:-1], b"\x04" + bytes(64), b"\x02" + b"\xff" * 32]
)
def test_what_is_no_key_has_no_signatures(key: bytes) -> None:
    assert not unlocks(pushed(key) + b"\xac", pushed(SIGNATURE + b"\x41"), DIGEST)


ITEM = b"\x4d\x08\x02" + bytes(520)
"""A push of 520 bytes, which is 523 bytes of script."""
SIXTEEN = b"\x51" + (b"\x21" + KEY.public) * 16


@pytest.mark.parametrize(
    ("unlocking", "locking", "good"),
    [
        (b"", b"", False),
        (b"\x51", b"", True),
        (b"", b"\x51", True),
        (b"\x00", b"\x51\x75", False),
        (b"\x51", b"\x6a", True),
        (b"\x51\x61", b"\x51", False),  # not only pushes
        (b"\x51\x00\x63", PAY_TO_KEY, False),  # a block left open would hide the other script
        (b"\x51\x6a", b"", False),
        (b"\x02\x51", b"\x51", False),
        (b"\x01\x05", b"\x51", False),  # should be OP_5
        (b"\x51", b"\x50", False),
        (b"\x51", b"\xba", False),
        (b"\x51", b"\x69\x51", True),
        (b"\x51\x51", b"\x51", True),  # what is left below does not matter
    ],
)
def test_other_scripts_without_a_transaction(unlocking: bytes, locking: bytes, good: bool) -> None:  # noqa: FBT001
    assert unlocks(locking, unlocking, DIGEST) is good


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (b"\x61" * 500 + b"\x51", b"\x61" * 501 + b"\x51"),
        ((ITEM + b"\x75") * 19 + b"\x51" * 44, (ITEM + b"\x75") * 19 + b"\x51" * 45),
        (b"\x4d\x08\x02" + b"\x01" * 520, b"\x4d\x09\x02" + b"\x01" * 521),
        (b"\x4d\x04\x01" + b"\x01" * 260 + b"\x76\x7e", b"\x4d\x05\x01" + b"\x01" * 261 + b"\x76\x7e"),
        (b"\x51\x02\x08\x02\x80\x51", b"\x51\x04\xff\xff\xff\x7f\x80\x51"),
        (b"\x51" * 606, b"\x51" * 607),
        (
            b"\x00" + pushed(SIGNATURE + b"\x41") + SIXTEEN + b"\x60\xae",
            b"\x00" + pushed(SIGNATURE + b"\x41") + SIXTEEN + b"\x21" + KEY.public + b"\x01\x11\xae",
        ),
    ],
    ids=["operations", "bytes", "pushed item", "joined item", "made item", "stack", "keys"],
)
def test_scripts_without_a_transaction_are_bounded(within: bytes, beyond: bytes) -> None:
    assert unlocks(within, b"", DIGEST)
    assert not unlocks(beyond, b"", DIGEST)


def test_a_long_unlocking_script_is_refused_before_anything_is_done_with_it() -> None:
    assert unlocks(b"\x51", b"\x51" * 605, DIGEST)
    assert not unlocks(b"\x51", b"\x51" * 10_000_000, DIGEST)


@given(st.lists(st.sampled_from([0x00, 0x51, 0x52, 0x4F, 0x01, *range(0x61, 0xBA)]), max_size=30))
def test_any_operations_unlock_or_do_not(operations: list[int]) -> None:
    unlocking = pushed(SIGNATURE + b"\x41") + pushed(KEY.public) + b"\x02\xff\x00\x52\x51"
    assert unlocks(bytes(operations), unlocking, DIGEST) in (True, False)
