"""The way of every sentence to the screen."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def tr(text: str, /, **values: object) -> str:
    """Translate `text`, then put `values` into its {places}."""
    translated = QCoreApplication.translate("Words", text)
    return translated.format(**values) if values else translated
