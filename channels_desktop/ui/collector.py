"""Garbage is collected in the window's thread alone.

Python's collector runs in whatever thread makes the last object, and ours has a thread for the database. A Qt object
that is freed in another thread than its own crashes the program sooner or later.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL_MILLISECONDS = 1000


class Collector(QObject):
    """Takes the place of the automatic collector while it lives; belongs to the application."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        gc.freeze()  # what is imported by now stays anyhow: there is no need to look at it again and again
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(INTERVAL_MILLISECONDS)

    def collect(self) -> None:
        """Collect the oldest generation that is due, if one is."""
        counts, limits = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > limits[generation]:
                gc.collect(generation)
                return
