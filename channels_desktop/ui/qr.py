"""A QR code drawn at the screen's own pixels, always dark on white so that every camera reads it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import segno
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from channels_desktop.ui.theme import Theme

QUIET = 4  # white modules around the code


class QrCode(QWidget):
    """The code of `text`, at least `size` device independent pixels wide; empty text draws nothing."""

    def __init__(self, theme: Theme, text: str, words: str, size: int = 240) -> None:
        super().__init__()
        self._theme = theme
        self._image = QImage()
        self._size = size
        self.setAccessibleName(words)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Draw the code of `text`."""
        self._image = qr_image(text) if text else QImage()
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Keep the code square and its modules whole."""
        side = round(self._module() * max(1, self._image.width()) / self.devicePixelRatio())
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint whole modules, so that no edge is blurred."""
        if self._image.isNull():
            return
        side = self._module() * self._image.width() / self.devicePixelRatio()
        painter = QPainter(self)
        painter.drawImage(QRectF(0, 0, side, side), self._image)
        painter.end()

    def _module(self) -> int:
        """Return the pixels of the screen that one module takes."""
        return -(-round(self._size * self.devicePixelRatio()) // max(1, self._image.width()))


def qr_image(text: str, scale: int = 1) -> QImage:
    """Return the QR code of `text` at error level M with `scale` pixels a module."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", scale=scale, border=QUIET)
    image = QImage.fromData(out.getvalue())
    return image.convertToFormat(QImage.Format.Format_RGB32)
