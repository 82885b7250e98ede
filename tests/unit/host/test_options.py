"""Flags and the file say the same things; a flag wins; what is wrong is named."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from channels_desktop.errors import Refused
from channels_desktop.host.bounds import Bounds
from channels_desktop.host.limits import Limits
from channels_desktop.host.options import SETTINGS, Options, options, parser

EXAMPLE = Path(__file__).parents[3] / "resources" / "host" / "host.toml"


def chosen(*arguments: str) -> Options:
    return options(vars(parser("host", "words").parse_args(arguments)))


def config(folder: Path, text: str) -> str:
    path = folder / "host.toml"
    path.write_text(text)
    return str(path)


def test_nothing_but_a_folder_gives_the_defaults(tmp_path: Path) -> None:
    made = chosen("--data", str(tmp_path))
    assert made == Options(data=tmp_path)
    assert (made.place, made.limits, made.bounds) == (("127.0.0.1", 0), Limits(), Bounds())
    assert made.token_file == tmp_path / "operator_token"


def test_a_flag_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    text = (
        'data = "mail"\nlisten = "[::1]:81"\ninsecure = true\n[limits]\nchannels = 5\nheaders = 7\nauto_delete = false'
    )
    file = config(tmp_path, text)
    made = chosen("--config", file, "--channels", "6", "--no-insecure", "--operator-token-file", "token")
    assert made.data == tmp_path / "mail", "a path of the file is relative to it"
    assert made.operator_token_file == Path("token"), "a path of a flag is not"
    assert made.place == ("::1", 81)
    assert not made.insecure
    assert (made.limits, made.bounds) == (Limits(channels=6, auto_delete=False), Bounds(headers=7))


def test_every_setting_is_a_flag_and_a_name_of_the_file(tmp_path: Path) -> None:
    parts = [field.name for part in (Options, Limits, Bounds) for field in fields(part)]
    assert sorted([setting.name for setting in SETTINGS] + ["limits", "bounds"]) == sorted(parts)
    assert len(set(parts)) == len(parts), "one name means one thing"
    words = parser("host", "words").format_help()
    for setting in SETTINGS:
        assert f"--{setting.name.replace('_', '-')}" in words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lissten = 'x:1'\n[limits]\nchanels = 1\nlisten = 'x:1'", "lissten, limits.chanels, limits.listen"),
        ("channels = 5", "unknown .* channels"),
        ("listen = 5", "listen is a text"),
        ("insecure = 1", "insecure is true or false"),
        ("data = true", "data is a text"),
        ("limits = 5", "limits is a table"),
        ("[limits]\nchannels = -1", "channels is a whole number"),
        ("[limits]\nchannels = 1.5", "channels is a whole number"),
        ("[limits]\nchannels = true", "channels is a whole number"),
        (f"[limits]\nchannels = {'9' * 5000}", "host.toml"),
        (f"[limits]\nchannels = {'[' * 5000}", "host.toml"),
        ("data = 'd'\n[limits]\nbody_bytes = 9", "body_bytes leaves no room"),
        ("listen = ", "host.toml"),
        ("listen = '\udcff'", "host.toml"),
        ("listen = 'x:1'", "data, .* is missing"),
        ("data = 'd'\ndatabase = 'mysql://user:secret@x'", "database is sqlite or"),
        ("data = 'd'\nlog_level = 'loud'", "log_level is one of"),
        ("data = 'd'\nlog_format = 'xml'", "log_format is one of"),
        ("data = 'd'\nkey = 'k'", "a key needs a certificate"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "host.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Refused, match=words) as caught:
        chosen("--config", str(path))
    assert caught.value.reason == "configuration"
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"none\.toml"):
        chosen("--config", str(tmp_path / "none.toml"))


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "٣", "9" * 19, "9" * 5000])
def test_a_flag_that_is_no_number(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        chosen(f"--channels={text}")
    assert "a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["", "x", "127.0.0.1", "127.0.0.1:x", ":5", "::1", "h:٣", "[]:1", "1::2:3", f"h:{'9' * 5000}"]
)
def test_a_place_that_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refused, match="address"):
        _ = Options(data=tmp_path, listen=text).place


@pytest.mark.parametrize("part", [Limits, Bounds])
def test_every_number_has_bounds(part: type[Limits | Bounds]) -> None:
    numbers = [field for field in fields(part) if type(field.default) is int]
    assert len(numbers) > 5
    for number in numbers:
        low, high = number.metadata["low"], number.metadata["high"]
        for value in (low, high):
            part(**{number.name: value})
        for value in (low - 1, high + 1, 2**63, 10**400):
            with pytest.raises(Refused, match=f"{number.name} is a whole number from {low} to {high}"):
                part(**{number.name: value})


def test_a_database_with_a_password_is_not_shown(tmp_path: Path) -> None:
    made = Options(data=tmp_path, database="postgresql://user:secret@db/host")
    assert "secret" not in repr(made)


def test_the_example_is_valid_and_names_every_setting() -> None:
    made = chosen("--config", str(EXAMPLE))
    assert made.place == ("127.0.0.1", 8080)
    text = EXAMPLE.read_text("utf-8")
    everything = tomllib.loads("\n".join(line.removeprefix("# ") for line in text.splitlines() if "=" in line))
    assert {*everything} == {setting.name for setting in SETTINGS}
    for part in (Limits(), Bounds()):
        for field in fields(part):
            assert everything[field.name] == getattr(part, field.name), f"{field.name}: the example shows the default"
