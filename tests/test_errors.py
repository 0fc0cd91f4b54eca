from __future__ import annotations

import pytest

import partita
from partita import errors
from partita.errors import PartitaError, nearest


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
