from __future__ import annotations

import fractions

import pytest

from partita.system.lazy import lazy_names


def test_names_come_from_their_homes():
    get = lazy_names("package", {"Fraction": "fractions"})
    assert get("Fraction") is fractions.Fraction
    with pytest.raises(AttributeError, match="module 'package' has no attribute 'Fractoin'"):
        get("Fractoin")
