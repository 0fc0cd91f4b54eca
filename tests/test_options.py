from __future__ import annotations

from typing import get_args

import pytest

from partita.audio.encode import BITS, FORMATS
from partita.options import DEFAULT_FILENAME, DEFAULT_OVERLAP, PRESETS, BackendName, Bits, Format, Quality
from partita.separation import OutputOptions, Separator


def test_choices_are_those_of_the_encoder():
    assert get_args(Format) == FORMATS
    assert get_args(Bits) == ("keep", *BITS)


@pytest.mark.parametrize("backend", get_args(BackendName))
def test_every_backend_loads(convolutional, backend):
    assert Separator(convolutional, backend=backend, device="cpu", overlap=DEFAULT_OVERLAP).device == "cpu"


def test_the_default_name_of_a_stem_is_valid():
    assert OutputOptions(filename=DEFAULT_FILENAME) == OutputOptions()


def test_every_quality_has_a_preset():
    assert tuple(PRESETS) == get_args(Quality)
    assert PRESETS["balanced"] == (DEFAULT_OVERLAP, 0)
