"""The colours of both themes, by purpose; every pair that is read together keeps its contrast (WCAG 2.x)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """One theme's colours as `#RRGGBB`."""

    window: str
    surface: str
    rail: str
    text: str
    secondary: str
    accent: str
    on_accent: str
    accent_strong: str  # the accent under the pointer
    bubble_in: str
    bubble_out: str
    success: str
    success_bg: str
    warning: str
    warning_bg: str
    danger: str
    danger_bg: str
    edge: str  # of controls
    line: str  # between panes: decoration only
    hover: str
    selected: str
    test_bg: str = "#F2A33A"
    test_text: str = "#241500"


LIGHT = Tokens(
    window="#F5F7F9",
    surface="#FFFFFF",
    rail="#E8ECF1",
    text="#16202B",
    secondary="#4A5866",
    accent="#1D5BB8",
    on_accent="#FFFFFF",
    accent_strong="#174A97",
    bubble_in="#EDF0F4",
    bubble_out="#DBE8FB",
    success="#1A6B3C",
    success_bg="#E4F4EA",
    warning="#7F4E00",
    warning_bg="#FFF3DC",
    danger="#B3261E",
    danger_bg="#FCE9E7",
    edge="#76838F",
    line="#D9DFE6",
    hover="#F0F3F6",
    selected="#E4EEFC",
)

DARK = Tokens(
    window="#11161C",
    surface="#1A2129",
    rail="#0D1116",
    text="#E8EDF2",
    secondary="#A9B6C3",
    accent="#82B4FF",
    on_accent="#0A1A30",
    accent_strong="#A3C8FF",
    bubble_in="#242E39",
    bubble_out="#1D3A61",
    success="#72D39C",
    success_bg="#16321F",
    warning="#F0B95B",
    warning_bg="#37290D",
    danger="#FF948B",
    danger_bg="#3C1B19",
    edge="#73818F",
    line="#2B3540",
    hover="#222B35",
    selected="#1B3152",
)

_LINEAR_BELOW = 0.04045  # of sRGB

READ_TOGETHER = (
    ("text", "window"),
    ("text", "surface"),
    ("text", "rail"),
    ("text", "hover"),
    ("text", "selected"),
    ("text", "bubble_in"),
    ("text", "bubble_out"),
    ("secondary", "window"),
    ("secondary", "surface"),
    ("secondary", "rail"),
    ("secondary", "hover"),
    ("secondary", "selected"),
    ("secondary", "bubble_in"),
    ("secondary", "bubble_out"),
    ("accent", "surface"),
    ("accent", "window"),
    ("on_accent", "accent"),
    ("on_accent", "accent_strong"),
    ("success", "surface"),
    ("success", "success_bg"),
    ("warning", "surface"),
    ("warning", "warning_bg"),
    ("danger", "surface"),
    ("danger", "danger_bg"),
    ("danger", "bubble_out"),
    ("text", "warning_bg"),
    ("text", "danger_bg"),
    ("text", "success_bg"),
    ("warning", "selected"),
    ("test_text", "test_bg"),
)
"""Pairs of text and ground; each keeps 4.5."""

SEEN_TOGETHER = (("edge", "surface"), ("edge", "window"), ("accent", "surface"), ("accent", "rail"))
"""Pairs of a control's edge and its ground; each keeps 3.0."""


def contrast(one: str, other: str) -> float:
    """Return the WCAG 2.x contrast ratio of two `#RRGGBB` colours, 1.0 to 21.0."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= _LINEAR_BELOW else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
