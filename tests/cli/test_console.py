from __future__ import annotations

from pathlib import Path

import pytest
from rich.table import Table

from partita.cli import console
from partita.cli.console import cell, labels, print_table, stem_names
from partita.errors import ConfigError


def test_stems_are_split_at_commas():
    assert stem_names("--stems", None) is None
    assert stem_names("--stems", "vocals, drums") == ("vocals", "drums")
    for text in ("", "vocals,", ",,"):
        with pytest.raises(ConfigError, match="--stems"):
            stem_names("--stems", text)


def test_names_that_repeat_are_shown_with_their_paths():
    paths = [Path("a/one"), Path("b/two"), Path("c/one")]
    assert labels(paths) == [str(paths[0]), "two", str(paths[2])]


def test_a_narrow_table_breaks_no_word(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    table = Table(box=None)
    for column in ("song", "description"):
        table.add_column(column)
    words = ["a-name-that-is-longer-than-the-terminal.wav", "an-indivisible-description-of-many-letters", "short"]
    table.add_row(words[0], f"{words[1]} {words[2]}")
    print_table(table)
    printed = capsys.readouterr().out
    for word in words:
        assert word in printed.split()


def test_messages_are_one_line(capsys):
    console.error("odd\nname.wav: no such file")
    console.warning("[bold]not markup[/]")
    assert capsys.readouterr().err.splitlines() == [
        "error: odd\\nname.wav: no such file",
        "warning: [bold]not markup[/]",
    ]


@pytest.mark.parametrize("text", ["[/]", "[red]x", "a\\", "[link=x]"])
def test_brackets_in_a_cell_are_printed_as_they_are(capsys, text):
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_row(cell(text))
    print_table(table)
    assert capsys.readouterr().out.strip() == text
