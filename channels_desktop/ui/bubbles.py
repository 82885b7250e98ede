"""Paints the rows of a timeline that are no widgets: texts, notices, day headings and the "New" line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen, QTextLayout, QTextOption
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from channels_desktop.engine.rows import EntryRow, NoticeRow, PaymentRow, TextRow, TextState
from channels_desktop.ui import entry_words
from channels_desktop.ui.rows import RowRole, TimelineModel
from channels_desktop.ui.words import clock, day, tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from channels_desktop.ui.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
WIDEST, SHARE = 560, 0.70
GAP = 10  # between two rows
MARGIN = 16  # between the pane's edge and a bubble


@dataclass(frozen=True, slots=True)
class _Laid:
    """A text laid out once: kept until its row, the width or the theme changes."""

    row: EntryRow
    width: int
    text: QTextLayout
    size: QSize
    pane: int  # the width of the whole view
    height: int  # of the row, without what stands above it


def widest(theme: Theme, width: int) -> int:
    """Return how wide a bubble or card may be in a pane of `width`."""
    room = width - 2 * theme.px(MARGIN)
    return max(1, min(theme.px(WIDEST), max(round(width * SHARE), min(room, theme.px(400))), room))


class Bubbles(QStyledItemDelegate):
    """The delegate. `other` is the contact's name, `card_height` tells how high a card is."""

    def __init__(self, theme: Theme, model: TimelineModel, now: Callable[[], int]) -> None:
        super().__init__()
        self._theme, self._model, self._now = theme, model, now
        self._laid: dict[int, _Laid] = {}
        self.other = ""
        self.width = 0
        self.marked = 0, 0, 0  # an entry, and from where to where its letters are marked, in UTF-16 as Qt counts
        self.card_height: Callable[[PaymentRow], int] = lambda _row: 0

    def forget(self) -> None:
        """Lay everything out anew: the theme or the conversation changed."""
        self._laid.clear()

    def head(self, at: int) -> int:
        """Return the height of day heading and "New" line above the row at `at`."""
        height = self._theme.px(36) if self._model.starts_day(at) else 0
        return height + (self._theme.px(28) if self._is_new(at) else 0)

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return the height of a row at the width of the view."""
        row = self._model.rows[index.row()]
        known = self._laid.get(row.entry)
        if known is not None and known.row is row and known.pane == self.width:
            return QSize(self.width, known.height + self.head(index.row()))
        height = self.card_height(row) + self._theme.px(GAP) if isinstance(row, PaymentRow) else self._lay(row).height
        return QSize(self.width, height + self.head(index.row()))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paint one row."""
        row: EntryRow = index.data(RowRole)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = self._paint_head(painter, QRect(option.rect), index.row())
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        if isinstance(row, TextRow):
            self._paint_text(painter, rect, row, index.row(), focused=focused)
        elif isinstance(row, NoticeRow):
            self._paint_notice(painter, rect, row)
        painter.restore()

    def bubble(self, row: TextRow, rect: QRect, at: int) -> QRect:
        """Return where the bubble of `row` lies in `rect`."""
        laid = self._lay(row)
        padding, margin = self._theme.px(12), self._theme.px(MARGIN)
        footer, state = self._footer(row, at)
        metrics = _metrics(self._theme, "caption")
        wide = metrics.horizontalAdvance(footer)
        if row.mine:  # gap, mark, gap, words
            wide += self._theme.px(6 + 14) + (self._theme.px(4) + metrics.horizontalAdvance(state) if state else 0) + 4
        width = min(max(laid.size.width(), wide) + 2 * padding + 2, widest(self._theme, rect.width()))
        left = rect.right() - margin - width + 1 if row.mine else rect.left() + margin
        height = laid.size.height() + self._footer_height() + self._theme.px(18)
        return QRect(left, rect.top(), width, height)

    def letter_at(self, row: TextRow, rect: QRect, at: int, point: QPoint) -> int | None:
        """Return before which letter of a text `point` lies, `rect` being the whole row; None beside the bubble."""
        bubble = self.bubble(row, rect.adjusted(0, self.head(at), 0, 0), at)
        if not bubble.contains(point):
            return None
        text = self._lay(row).text
        spot = QPointF(point) - self._origin(bubble)
        lines = [text.lineAt(number) for number in range(text.lineCount())]
        under = next((found for found in lines if spot.y() < found.y() + found.height()), lines[-1])
        return under.xToCursor(spot.x())

    def marked_text(self, row: TextRow) -> str:
        """Return the marked letters of a text as they are shown; empty where none are."""
        entry, start, end = self.marked
        shown = entry_words.text_shown(row).encode("utf-16-le", "surrogatepass")
        return shown[2 * start : 2 * end].decode("utf-16-le", "replace") if entry == row.entry else ""

    # ------------------------------------------------------------------------------------------------------ painting

    def _paint_head(self, painter: QPainter, rect: QRect, at: int) -> QRect:
        if self._model.starts_day(at):
            heading = QRect(rect.left(), rect.top(), rect.width(), self._theme.px(36))
            self._paint_rule(painter, heading, day(self._model.rows[at].at, self._now()), "secondary")
            rect.setTop(heading.bottom() + 1)
        if self._is_new(at):
            heading = QRect(rect.left(), rect.top(), rect.width(), self._theme.px(28))
            self._paint_rule(painter, heading, tr("New"), "accent")
            rect.setTop(heading.bottom() + 1)
        return rect

    def _paint_rule(self, painter: QPainter, rect: QRect, words: str, colour: str) -> None:
        painter.setFont(self._theme.font("caption", strong=True))
        half = painter.fontMetrics().horizontalAdvance(words) // 2 + self._theme.px(10)
        middle = rect.center()
        margin = self._theme.px(MARGIN)
        painter.setPen(QPen(self._theme.colour("accent" if colour == "accent" else "line"), 1))
        painter.drawLine(rect.left() + margin, middle.y(), middle.x() - half, middle.y())
        painter.drawLine(middle.x() + half, middle.y(), rect.right() - margin, middle.y())
        painter.setPen(self._theme.colour(colour))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, words)

    def _paint_text(self, painter: QPainter, rect: QRect, row: TextRow, at: int, *, focused: bool) -> None:
        bubble = self.bubble(row, rect, at)
        laid = self._lay(row)
        radius, padding = self._theme.px(12), self._theme.px(12)
        painter.setBrush(self._theme.colour("bubble_out" if row.mine else "bubble_in"))
        painter.setPen(QPen(self._theme.colour("accent"), 2) if focused else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(bubble.adjusted(1, 1, -1, -1) if focused else bubble, radius, radius)
        painter.setPen(self._theme.colour("text"))
        laid.text.draw(painter, self._origin(bubble), self._marks(row))
        foot = QRect(bubble)
        foot.adjust(padding, 0, -padding, -self._theme.px(7))
        foot.setTop(foot.bottom() - self._footer_height() + 1)
        self._paint_footer(painter, foot, row, at)

    def _origin(self, bubble: QRect) -> QPointF:
        return QPointF(bubble.left() + self._theme.px(12), bubble.top() + self._theme.px(8))

    def _marks(self, row: TextRow) -> list[QTextLayout.FormatRange]:
        entry, start, end = self.marked
        if entry != row.entry or start == end:
            return []
        marks = QTextLayout.FormatRange()
        marks.start, marks.length = start, end - start
        marks.format.setBackground(self._theme.colour("accent"))
        marks.format.setForeground(self._theme.colour("on_accent"))
        return [marks]

    def _paint_footer(self, painter: QPainter, rect: QRect, row: TextRow, at: int) -> None:
        footer, state = self._footer(row, at)
        tint = "danger" if row.reason or row.state is TextState.NOT_SENT else "secondary"
        painter.setFont(self._theme.font("caption"))
        painter.setPen(self._theme.colour(tint))
        metrics = painter.fontMetrics()
        icon = entry_words.text_state(row, self.other)[0]
        if icon:
            size = self._theme.px(14)
            words = metrics.elidedText(
                state,
                Qt.TextElideMode.ElideRight,
                rect.width() - size - metrics.horizontalAdvance(footer) - self._theme.px(10),
            )
            right = rect.right() - metrics.horizontalAdvance(words) - (self._theme.px(4) if words else 0)
            painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
            top = rect.center().y() - size // 2 + 1
            ratio = painter.device().devicePixelRatio()
            painter.drawPixmap(QPointF(right - size, top), self._theme.pixmap(icon, tint, size, ratio))
            rect = rect.adjusted(0, 0, right - size - rect.right() - self._theme.px(6), 0)
            painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, footer)
        else:
            shown = metrics.elidedText(footer, Qt.TextElideMode.ElideRight, rect.width())
            painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_notice(self, painter: QPainter, rect: QRect, row: NoticeRow) -> None:
        laid = self._lay(row)
        painter.setPen(self._theme.colour(entry_words.notice(row, self.other)[1]))
        laid.text.draw(painter, QPointF(rect.left() + (rect.width() - laid.width) / 2, rect.top() + self._theme.px(2)))

    # -------------------------------------------------------------------------------------------------------- layout

    def _is_new(self, at: int) -> bool:
        return self._model.rows[at].entry == self._model.new_from != 0

    def _footer(self, row: TextRow, at: int) -> tuple[str, str]:
        """Return the time and the words of a state: only the newest of ours, or a failed one, says it in words."""
        if not row.mine:
            return entry_words.text_footer(row, self.other), ""
        speaks = bool(row.reason) or row.state is TextState.NOT_SENT or self._model.newest_of_mine(at)
        return clock(row.at), entry_words.text_state(row, self.other)[1] if speaks else ""

    def _footer_height(self) -> int:
        return self._theme.px(17)

    def _lay(self, row: TextRow | NoticeRow) -> _Laid:
        laid = self._laid.get(row.entry)
        if isinstance(row, NoticeRow):
            width = self.width - 4 * self._theme.px(MARGIN)
        else:
            width = widest(self._theme, self.width) - 2 * self._theme.px(12)
        if laid is None or laid.row is not row or laid.width != width:
            laid = self._laid[row.entry] = self._lay_out(row, max(1, width))
        return laid

    def _lay_out(self, row: TextRow | NoticeRow, width: int) -> _Laid:
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        if isinstance(row, NoticeRow):
            words = entry_words.notice(row, self.other)[0]
            detail = entry_words.notice_detail(row)
            text = f"{clock(row.at)} · {words}" + (f"\n{detail}" if detail else "")
            option.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            font = self._theme.font("caption")
        else:
            text, font = entry_words.text_shown(row), self._theme.font()
        layout = QTextLayout(text.replace("\n", "\u2028"), font)
        layout.setTextOption(option)
        layout.setCacheEnabled(True)
        leading = _metrics(self._theme, "body" if isinstance(row, TextRow) else "caption").height() * 0.12
        height = 0.0
        layout.beginLayout()
        while (laid := layout.createLine()).isValid():
            laid.setLineWidth(width)
            laid.setPosition(QPointF(0, height))
            height += laid.height() + leading
        layout.endLayout()
        used = max((layout.lineAt(at).naturalTextWidth() for at in range(layout.lineCount())), default=0.0)
        around = self._footer_height() + self._theme.px(18) if isinstance(row, TextRow) else self._theme.px(4)
        whole = round(height) + around + self._theme.px(GAP)
        return _Laid(row, width, layout, QSize(round(used + 0.5), round(height)), self.width, whole)


def _metrics(theme: Theme, role: str) -> QFontMetrics:
    return QFontMetrics(theme.font(role))
