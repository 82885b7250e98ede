"""Every pair of colours that is read together keeps its contrast, in both themes and under either palette."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from channels_desktop.ui.theme import Mode, Theme
from channels_desktop.ui.tokens import DARK, LIGHT, READ_TOGETHER, SEEN_TOGETHER, Tokens, contrast


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(READ_TOGETHER, 4.5), (SEEN_TOGETHER, 3.0)], ids=["text", "edges"])
def test_contrast_is_enough(tokens: Tokens, pairs: tuple[tuple[str, str], ...], least: float) -> None:
    found = {pair: contrast(getattr(tokens, pair[0]), getattr(tokens, pair[1])) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < least} == {}


def test_contrast_of_black_and_white() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


@pytest.mark.parametrize(("mode", "tokens"), [(Mode.LIGHT, LIGHT), (Mode.DARK, DARK)])
def test_a_chosen_theme_sets_the_whole_palette(qapp: QApplication, mode: Mode, tokens: Tokens) -> None:
    theme = Theme(qapp, mode)
    palette = qapp.palette()
    assert theme.tokens is tokens
    assert palette.color(QPalette.ColorRole.Window).name().upper() == tokens.window
    assert palette.color(QPalette.ColorRole.Text).name().upper() == tokens.text
    assert palette.color(QPalette.ColorRole.PlaceholderText).name().upper() == tokens.secondary


def test_text_size_is_held_within_its_bounds(qapp: QApplication) -> None:
    theme = Theme(qapp, Mode.LIGHT, 100)
    normal = theme.font().pointSizeF()
    theme.apply(Mode.LIGHT, 1000)
    assert theme.text_size == 200
    assert theme.font().pointSizeF() == pytest.approx(2 * normal)
    theme.apply(Mode.LIGHT, 1)
    assert theme.text_size == 80


def test_icons_take_the_colour_of_their_token(theme: Theme) -> None:
    image = theme.pixmap("check", "danger", 32).toImage()
    seen = {
        image.pixelColor(x, y).name().upper()
        for x in range(32)
        for y in range(32)
        if image.pixelColor(x, y).alpha() == 255
    }
    assert seen == {theme.tokens.danger}
