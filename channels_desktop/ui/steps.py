"""The five steps of a payment as a painted line: what is done, what is next, and where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from channels_desktop.engine.rows import PaymentState
from channels_desktop.ui import payment_words

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from channels_desktop.engine.rows import PaymentRow
    from channels_desktop.ui.theme import Theme

_FAILED = {PaymentState.REFUSED, PaymentState.FAILED}


class StepProgress(QWidget):
    """The painted line; shape and number tell as much as the colour."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._marks: list[str] = ["todo"] * len(payment_words.STEPS)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def show_payment(self, row: PaymentRow) -> None:
        """Show how far `row` has come."""
        self._marks = marks(row)
        self.setAccessibleName(payment_words.progress_spoken(row.steps))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room for circles and words."""
        return QSize(self._theme.px(300), self._theme.px(24) + self._label_height())

    def minimumSizeHint(self) -> QSize:
        """Do with little width: words that do not fit are left out but for the next one."""
        return QSize(self._theme.px(140), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint line, circles and words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        slot = self.width() / len(self._marks)
        middle = self._theme.px(11)
        radius = self._theme.px(8)
        centres = [QPointF(slot * (at + 0.5), middle) for at in range(len(self._marks))]
        for at in range(len(centres) - 1):
            done = self._marks[at] in {"done", "skipped"} and self._marks[at + 1] == "done"
            painter.setPen(QPen(self._theme.colour("success" if done else "edge"), 2))
            painter.drawLine(centres[at] + QPointF(radius, 0), centres[at + 1] - QPointF(radius, 0))
        for at, centre in enumerate(centres):
            self._paint_step(painter, centre, radius, at)
        self._paint_words(painter, slot)
        painter.end()

    def _paint_step(self, painter: QPainter, centre: QPointF, radius: int, at: int) -> None:
        mark = self._marks[at]
        colour = self._theme.colour(
            {"done": "success", "next": "accent", "failed": "danger"}.get(mark, "edge"),
        )
        filled = mark in {"done", "failed"}
        painter.setPen(QPen(colour, 2))
        painter.setBrush(colour if filled else self._theme.colour("surface"))
        painter.drawEllipse(centre, radius, radius)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if filled:
            pen = QPen(self._theme.colour("surface"), max(1.5, radius / 4.5))
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            unit = radius / 8
            if mark == "done":
                tick = [QPointF(-3.2, 0.3), QPointF(-0.9, 2.8), QPointF(3.4, -2.5)]
                painter.drawPolyline([centre + point * unit for point in tick])
            else:
                for x in (-2.6, 2.6):
                    painter.drawLine(centre + QPointF(x, -2.6) * unit, centre + QPointF(-x, 2.6) * unit)
        elif mark == "skipped":
            painter.drawLine(centre - QPointF(radius / 2.5, 0), centre + QPointF(radius / 2.5, 0))
        else:
            font = self._theme.font("caption", strong=mark == "next")
            font.setPointSizeF(font.pointSizeF() * 0.8)
            painter.setFont(font)
            painter.setPen(self._theme.colour("accent" if mark == "next" else "secondary"))
            box = QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(at + 1))

    def _paint_words(self, painter: QPainter, slot: float) -> None:
        words = [payment_words.step_name(step) for step in payment_words.STEPS]
        painter.setFont(self._theme.font("caption", strong=True))
        narrow = max(painter.fontMetrics().horizontalAdvance(word) for word in words) > slot - 4
        top = self._theme.px(23)
        for at, word in enumerate(words):
            current = self._marks[at] in {"next", "failed"}
            if narrow and not current:
                continue
            painter.setFont(self._theme.font("caption", strong=current))
            painter.setPen(self._theme.colour("text" if self._marks[at] != "todo" else "secondary"))
            width = painter.fontMetrics().horizontalAdvance(word) + 4
            left = min(max(0.0, slot * (at + 0.5) - width / 2), self.width() - width)
            painter.drawText(QRectF(left, top, width, self._label_height()), Qt.AlignmentFlag.AlignHCenter, word)

    def _label_height(self) -> int:
        return self._theme.px(20)


def marks(row: PaymentRow) -> list[str]:
    """Return done, skipped, next, failed or todo for each of the five steps."""
    done = [any(s.step is step and s.at for s in row.steps) for step in payment_words.STEPS]
    last = max((at for at, is_done in enumerate(done) if is_done), default=-1)
    found = ["done" if is_done else "skipped" if at < last else "todo" for at, is_done in enumerate(done)]
    if last + 1 < len(found):
        if row.state in _FAILED:
            found[last + 1] = "failed"
        elif row.state not in payment_words.ENDED:
            found[last + 1] = "next"
    return found
