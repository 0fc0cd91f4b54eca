from __future__ import annotations

import numpy as np
import pytest
import torch

from partita import Separator
from partita.compat.demucs.apply import BagOfModels, Model, apply_model
from partita.errors import ConfigError


def separated(package, noise, **options):
    return np.stack(list(Separator(package, device="cpu", **options).separate(noise).values()))


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({}, {"shifts": 1}),
        ({"segment": 0.5, "overlap": 0.5}, {"segment": 0.5, "overlap": 0.5}),
        ({"shifts": 2}, {"shifts": 2}),
        ({"split": False}, {"segment": 3.0}),
        ({"device": "cpu", "num_workers": 2, "pool": None}, {}),
    ],
)
def test_the_stems_are_those_of_the_separator(recurrent, noise, options, same):
    stems = apply_model(Model(recurrent), torch.from_numpy(noise)[None], **options)
    np.testing.assert_array_equal(stems[0], separated(recurrent, noise, **same))


def test_a_batch_on_another_device_than_the_cpu_runs_in_torch(convolutional, noise):
    model = Model(convolutional)
    batch = torch.from_numpy(np.stack([noise, noise[::-1]]))
    stems = apply_model(model, batch)
    assert stems.shape == (2, 4, 2, noise.shape[1])
    with pytest.raises(ConfigError, match="device: torch cannot use 'cuda:7' here"):
        apply_model(model, batch, device="cuda:7")


def test_the_weighted_mean_of_a_bag(convolutional, recurrent, noise):
    bag = BagOfModels([Model(convolutional), Model(recurrent)], [[1, 0, 2, 3], [0, 1, 2, 1]])
    stems = apply_model(bag, torch.from_numpy(noise)[None])[0]
    first, second = separated(convolutional, noise), separated(recurrent, noise)
    shares = np.array([1, 0, 0.5, 0.75], np.float32)[:, None, None]
    np.testing.assert_allclose(stems, shares * first + (1 - shares) * second, atol=1e-6)


def test_callbacks_come_in_the_order_of_demucs(convolutional, recurrent, noise):
    events = []
    bag = BagOfModels([Model(convolutional), Model(recurrent)])
    apply_model(
        bag, torch.from_numpy(noise)[None], shifts=2, overlap=0.0, callback=events.append, callback_arg={"song": "x"}
    )
    assert events == [
        {
            "song": "x",
            "model_idx_in_bag": index,
            "models": 2,
            "shift_idx": shift,
            "segment_offset": offset,
            "state": state,
        }
        for index in range(2)
        for shift in range(2)
        for offset in (0, 44100, 88200)
        for state in ("start", "end")
    ]


def test_an_exception_of_the_callback_ends_the_separation(convolutional, noise):
    def stop(event):
        if event["state"] == "end":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_model(Model(convolutional), torch.from_numpy(noise)[None], callback=stop)


def test_progress_is_shown_on_standard_error(convolutional, noise, capsys):
    apply_model(Model(convolutional), torch.from_numpy(noise)[None], progress=True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "3/3 seconds" in printed.err


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((2, 100), {}, r"mix: must be \(batch, channels, samples\), not \(2, 100\)"),
        ((1, 2, 0), {}, "mix: must be"),
        ((1, 2, 100), {"transition_power": 2.0}, "transition_power: only 1 is supported, not 2.0"),
        ((1, 2, 100), {"overlap": 1.0}, "overlap: must be at least 0 and less than 1"),
        ((1, 2, 100), {"shifts": -1}, "shifts: must be from 0"),
    ],
)
def test_invalid_options(convolutional, shape, options, message):
    with pytest.raises(ConfigError, match=message):
        apply_model(Model(convolutional), torch.ones(shape), **options)
