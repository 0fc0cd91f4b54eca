from __future__ import annotations

import pytest

import partita
from partita import errors
from partita.errors import AudioError, PartitaError, nearest, unexpected


def test_all_errors_have_one_base_and_are_public():
    kinds = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(kinds) == 7
    for kind in kinds:
        assert issubclass(kind, PartitaError)
        assert getattr(partita, kind.__name__) is kind
        assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("word", "end"),
    [
        ("defalt", ": did you mean 'default'?"),
        ("zzz", "; known are default, other"),
        ("", "; known are default, other"),
    ],
)
def test_a_close_name_is_suggested(word, end):
    assert nearest(word, ["other", "default"]) == end


def test_an_exception_that_nobody_foresaw_becomes_an_error_of_one_line(capsys, monkeypatch):
    known = AudioError("song.wav: damaged")
    assert unexpected("song.wav", known) is known
    assert "not enough memory" in str(unexpected("song.wav", MemoryError()))
    error = unexpected("song.wav", ValueError("two\nlines " + "x" * 1000))
    assert str(error).startswith("song.wav: ValueError: two lines xxx")
    assert "PARTITA_DEBUG=1" in str(error)
    assert len(str(error)) < 500
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("PARTITA_DEBUG", "1")
    unexpected("song.wav", ValueError("two"))
    assert "ValueError: two" in capsys.readouterr().err
