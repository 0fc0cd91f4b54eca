from __future__ import annotations

import pytest

from partita.errors import ConfigError
from partita.training import Trial, try_run
from tests.training.runs import config


@pytest.mark.parametrize("validate", [True, False])
def test_a_trial_estimates_the_whole_run_and_leaves_nothing(folder, validate):
    before = sorted(folder.rglob("*"))
    songs = folder / "songs"
    trial = try_run(config("optim.steps=7200"), data={songs: 1.0}, valid=[songs] if validate else [])
    assert isinstance(trial, Trial)
    assert trial.steps == 7200
    assert trial.step > 0
    assert trial.speed == pytest.approx(4 * 0.2 / trial.step)  # four excerpts of 0.2 s
    steps_alone = 7200 * trial.step / 3600
    if validate:
        assert trial.hours > steps_alone
    else:
        assert trial.hours == pytest.approx(steps_alone)
    assert trial.package > 10_000
    assert sorted(folder.rglob("*")) == before


def test_a_trial_finds_what_the_run_would_end_with(folder):
    with pytest.raises(ConfigError, match="needs validation songs"):
        try_run(config("optim.early_stop=3"), data={folder / "songs": 1.0})
