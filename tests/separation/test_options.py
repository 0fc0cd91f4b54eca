from __future__ import annotations

import pytest

from partita.errors import ConfigError
from partita.separation import SeparatorOptions


def test_overlap_and_shifts_are_those_of_the_quality_unless_given():
    assert SeparatorOptions().preset == (0.25, 0)
    assert SeparatorOptions(quality="best").preset == (0.25, 2)
    assert SeparatorOptions(quality="best", overlap=0).preset == (0, 2)
    assert SeparatorOptions(quality="fast", shifts=3).preset == (0, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "tensorflow"}, "onnx, torch"),
        ({"overlap": 1}, "overlap: must be at least 0 and less than 1"),
        ({"segment": 0}, "segment: must be longer than 0"),
        ({"shifts": 1.5}, "shifts: must be a whole number"),
        ({"threads": 0}, "threads: must be from 1 to 1024, not 0"),
        ({"quality": "good"}, "quality: 'good' is not one of fast, balanced, best"),
        ({"device": "abacus"}, "abacus"),
    ],
)
def test_invalid_options_are_refused_without_a_model(options, message):
    with pytest.raises(ConfigError, match=message):
        SeparatorOptions(**options)
