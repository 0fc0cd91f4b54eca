from __future__ import annotations

import pytest

from partita.system.text import clock, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Motörhead - Ace", "Motörhead - Ace"), ("two\nlines\x1b[2J", "two\\nlines\\x1b[2J"), ("bad\udcff", "bad\\udcff")],
)
def test_what_a_terminal_would_obey_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.9, "0:59"), (60, "1:00"), (3600, "1:00:00"), (7384.5, "2:03:04")],
)
def test_durations(seconds, text):
    assert clock(seconds) == text
