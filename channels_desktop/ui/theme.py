"""The look at run time: palette, style sheet, fonts and icons for light or dark at any text size."""

from __future__ import annotations

import sys
from dataclasses import fields
from enum import Enum
from string import Template
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from channels_desktop.ui import resources
from channels_desktop.ui.tokens import DARK, LIGHT, Tokens

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

SIZES = {"caption": 12, "body": 14, "title": 16, "amount": 20, "balance": 28}
"""Type sizes in the pixels of a 96 dpi screen."""

SMALLEST_TEXT, LARGEST_TEXT = 80, 200


class Mode(Enum):
    """Which theme the user chose."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Theme(QObject):
    """The one source of colours, fonts, measures and icons; `changed` says that everything painted must be redone."""

    changed = Signal()

    def __init__(self, app: QApplication, mode: Mode = Mode.SYSTEM, text_size: int = 100) -> None:
        super().__init__()
        self._app = app
        self._mode = mode
        self._text_size = text_size
        self._icons: dict[tuple[str, str], QIcon] = {}
        self._sources: dict[str, bytes] = {}
        self._family = _load_fonts()
        self.tokens = LIGHT
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._system_changed)
        self.apply(mode, text_size)

    @property
    def mode(self) -> Mode:
        """Return what the user chose."""
        return self._mode

    @property
    def text_size(self) -> int:
        """Return the text size in percent."""
        return self._text_size

    @property
    def dark(self) -> bool:
        """Tell whether the dark colours are shown now."""
        return self.tokens is DARK

    def apply(self, mode: Mode, text_size: int) -> None:
        """Show the theme `mode` at `text_size` percent, held within 80 and 200."""
        self._mode = mode
        self._text_size = max(SMALLEST_TEXT, min(LARGEST_TEXT, text_size))
        system_dark = self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        self.tokens = DARK if mode is Mode.DARK or (mode is Mode.SYSTEM and system_dark) else LIGHT
        self._icons.clear()
        self._app.setPalette(_palette(self.tokens))
        self._app.setFont(self.font())
        self._app.setStyleSheet(self._style_sheet())
        self.changed.emit()

    def font(self, role: str = "body", *, strong: bool = False) -> QFont:
        """Return the font of a type role (`caption`, `body`, `title`, `amount`, `balance`), with tabular digits."""
        font = QFont(self._family)
        font.setPointSizeF(self._points(role))
        font.setWeight(QFont.Weight.DemiBold if strong else QFont.Weight.Normal)
        font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def px(self, length: float) -> int:
        """Return a length of the design, in device independent pixels, grown with the text size."""
        return round(length * self._text_size / 100)

    def colour(self, token: str) -> QColor:
        """Return the colour of a token."""
        return QColor(getattr(self.tokens, token))

    def icon(self, name: str, colour: str = "text") -> QIcon:
        """Return the icon `name` in the colour of the token `colour`, drawn for every usual size and pixel ratio."""
        key = (name, colour)
        if key not in self._icons:
            icon = QIcon()
            for size in (16, 20, 24, 32, 48, 64, 96):
                icon.addPixmap(self.pixmap(name, colour, size))
            self._icons[key] = icon
        return self._icons[key]

    def pixmap(self, name: str, colour: str, size: int, ratio: float = 1.0) -> QPixmap:
        """Return the icon `name` as a square of `size` device independent pixels at a device pixel `ratio`."""
        if name not in self._sources:
            self._sources[name] = (resources.folder("icons") / f"{name}.svg").read_bytes()
        stroke = getattr(self.tokens, colour).encode()
        renderer = QSvgRenderer(QByteArray(self._sources[name].replace(b"currentColor", stroke)))
        pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter, QRectF(0, 0, size, size))
        painter.end()
        return pixmap

    def _points(self, role: str) -> float:
        # A point is a pixel on macOS and 4/3 pixels elsewhere; the system's own scaling comes on top.
        return SIZES[role] * (1.0 if sys.platform == "darwin" else 0.75) * self._text_size / 100

    def _style_sheet(self) -> str:
        source = (resources.folder("qss") / "app.qss").read_text("utf-8")
        values: dict[str, str] = {f.name: getattr(self.tokens, f.name) for f in fields(Tokens)}
        values.update({f"{role}_size": f"{self._points(role):.2f}pt" for role in SIZES})
        values.update({f"s{n}": f"{self.px(n)}px" for n in (2, 4, 6, 8, 10, 12, 16, 24, 32, 36)})
        tick = "dark" if self.dark else "light"
        values["tick"] = (resources.folder("icons") / f"tick-on-{tick}.svg").as_posix()
        return Template(source).substitute(values)

    def _system_changed(self) -> None:
        if self._mode is Mode.SYSTEM:
            self.apply(self._mode, self._text_size)


def _load_fonts() -> str:
    families = [
        family
        for file in sorted(resources.folder("fonts").glob("*.otf"))
        for family in QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(str(file)))
    ]
    return families[0] if families else QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()


def mono_font(font: QFont) -> QFont:
    """Return the system's fixed-width font in the size of `font`: for links, keys and transaction ids."""
    mono = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    mono.setPointSizeF(font.pointSizeF())
    return mono


def _palette(tokens: Tokens) -> QPalette:
    role = QPalette.ColorRole
    colours = {
        role.Window: tokens.window,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.window,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.secondary,
        role.Button: tokens.surface,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.danger,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.ToolTipBase: tokens.text,
        role.ToolTipText: tokens.surface,
        role.Light: tokens.surface,
        role.Midlight: tokens.line,
        role.Mid: tokens.line,
        role.Dark: tokens.edge,
        role.Shadow: tokens.edge,
        role.Accent: tokens.accent,
    }
    palette = QPalette()
    for colour_role, colour in colours.items():
        palette.setColor(colour_role, QColor(colour))
    for colour_role in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, colour_role, QColor(tokens.secondary))
    return palette
