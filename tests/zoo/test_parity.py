from __future__ import annotations

import pytest
import torch

from partita.errors import ModelError
from partita.zoo.parity import check_parity


def test_the_model_itself_passes(convolutional):
    model = convolutional.load_torch()
    check_parity(model, model.core, "tiny")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda stems: stems * 1.001, "tiny: the file differs from the model by 1.0e-03 of the peak"),
        (lambda stems: stems * torch.nan, "differs from the model by nan"),
        (lambda stems: stems[:1], r"returns the shape \(1, 4, .*\) instead of \(2, 4, "),
    ],
)
def test_a_difference_is_stated(convolutional, spoil, message):
    model = convolutional.load_torch()
    with pytest.raises(ModelError, match=message):
        check_parity(model, lambda mixture: spoil(model.core(mixture)), "tiny: the file")
