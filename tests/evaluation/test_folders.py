from __future__ import annotations

import numpy as np
import pytest

from partita.errors import AudioError, ConfigError, ModelError
from partita.evaluation import EvaluationProgress, evaluate_folders, sdr

RATE = 8000
RNG = np.random.default_rng(0)
SONGS = {
    name: {source: RNG.uniform(-0.3, 0.3, (2, RATE)).astype(np.float32) for source in ("drums", "vocals")}
    for name in ("one", "two")
}
ESTIMATES = {name: {source: 0.7 * samples for source, samples in stems.items()} for name, stems in SONGS.items()}


@pytest.fixture
def folders(tmp_path, write_songs):
    return write_songs(tmp_path / "references", SONGS), write_songs(tmp_path / "theirs", ESTIMATES)


def test_folders_come_before_models(folders):
    references, theirs = folders
    runs = evaluate_folders(str(references), [theirs], ["irm2", "mixture"], sources=["vocals"])
    assert [(run.name, run.oracle, run.sources) for run in runs] == [
        ("theirs", False, ("vocals",)),
        ("irm2", True, ("vocals",)),
        ("mixture", True, ("vocals",)),
    ]
    ours, ceiling, floor = (run.whole()[:, 0] for run in runs)
    np.testing.assert_allclose(ours, -20 * np.log10(0.3), atol=1e-4)  # an error of 0.3 times the reference
    assert (ceiling > floor).all()
    mixtures = [np.stack([sum(SONGS[name].values())]) for name in ("one", "two")]
    expected = [sdr(SONGS[name]["vocals"][None], mixture) for name, mixture in zip(SONGS, mixtures, strict=True)]
    np.testing.assert_allclose(floor, np.ravel(expected), atol=1e-4)


def test_a_reference_that_cannot_be_read_is_a_failure_of_every_run(folders):
    references, theirs = folders
    broken = references / "zero"
    broken.symlink_to(references / "nowhere")
    told = []
    runs = evaluate_folders(references, [theirs], ["mixture"], progress=told.append)
    for run in runs:
        assert [song.name for song in run.songs] == ["one", "two"]
        assert "zero" in run.failures["zero"]
        assert EvaluationProgress(run.name, 2, 2, "zero", run.failures["zero"]) in told


def test_no_reference_can_be_read(tmp_path):
    (tmp_path / "song").symlink_to(tmp_path / "nowhere")
    with pytest.raises(AudioError, match="song: "):
        evaluate_folders(tmp_path, models=["mixture"])


@pytest.mark.parametrize(
    ("references", "estimates", "models", "error", "message"),
    [
        ("references", [], [], ConfigError, "give a folder of estimates or a model"),
        ("nowhere", ["theirs"], [], AudioError, "nowhere: no such folder"),
        ("references", ["nowhere"], [], AudioError, "nowhere: no such folder"),
        ("references", [], ["irm3"], ModelError, "no model or oracle 'irm3'"),
    ],
)
@pytest.mark.usefixtures("folders")
def test_wrong_arguments(tmp_path, references, estimates, models, error, message):
    with pytest.raises(error, match=message):
        evaluate_folders(tmp_path / references, [tmp_path / name for name in estimates], models)
