from __future__ import annotations

import pytest

from partita.system.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Motörhead - Ace", "Motörhead - Ace"), ("two\nlines\x1b[2J", "two\\nlines\\x1b[2J"), ("bad\udcff", "bad\\udcff")],
)
def test_what_a_terminal_would_obey_is_escaped(text, shown):
    assert printable(text) == shown
