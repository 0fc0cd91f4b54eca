from __future__ import annotations

import os
import signal
import sys
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partita.data import find_songs
from partita.errors import AudioError, ConfigError
from partita.evaluation import EvaluationProgress, OracleEstimates, Scoring, bss_eval, evaluate, sdr, si_sdr, sources_of
from partita.evaluation.results import METRICS

RATE = 8000
RNG = np.random.default_rng(0)
SOURCES = ("drums", "vocals")


@dataclass(frozen=True)
class Scaled:
    """Estimates that are the references, attenuated, with some of the mixture; one song may have none."""

    gain: float = 0.8
    missing: str = ""
    name: str = "scaled"
    oracle: bool = False

    def estimate(self, track, threads=None):
        if track.name == self.missing:
            raise AudioError(f"{track.name}: no estimates")
        if track.name == "fatal":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.gain < 0:
            raise ConfigError("gain: is negative")
        whole = slice(None)
        return self.gain * track.references[whole, whole, whole] + 0.1 * track.mixture[whole, whole]


@pytest.fixture
def songs(tmp_path, write_songs):
    stems = {
        name: {source: RNG.uniform(-0.3, 0.3, (2, 3 * RATE)).astype(np.float32) for source in SOURCES}
        for name in ("one", "three", "two")
    }
    return stems, find_songs([write_songs(tmp_path / "songs", stems)])


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_scores_are_those_of_the_metrics(songs, jobs):
    stems, found = songs
    run = evaluate(Scaled(missing="three"), found, scoring=Scoring(1.0, 0.5), jobs=jobs)
    assert (run.name, run.oracle, run.sources, run.window, run.hop) == ("scaled", False, SOURCES, 1.0, 0.5)
    assert [song.name for song in run.songs] == ["one", "two"]
    assert run.failures == {"three": "three: no estimates"}
    for song in run.songs:
        references = np.stack([stems[song.name][source] for source in SOURCES])
        estimates = 0.8 * references + 0.1 * references.sum(0)
        expected = bss_eval(references, estimates, RATE, RATE // 2)
        for metric in METRICS:
            np.testing.assert_allclose(song.frames[metric], getattr(expected, metric), rtol=0, atol=1e-4)
        np.testing.assert_allclose(song.whole["sdr"], sdr(references, estimates), atol=1e-4)
        np.testing.assert_allclose(song.whole["si_sdr"], si_sdr(references, estimates), atol=1e-4)
        assert np.isnan(song.frames["energy_at_silence"]).all()
        assert song.seconds == 3.0


def test_progress_is_told_before_the_first_song_and_after_each(songs):
    told = []
    evaluate(Scaled(missing="three"), songs[1], ["drums"], progress=told.append)
    assert told == [
        EvaluationProgress("scaled", 0, 3),
        EvaluationProgress("scaled", 1, 3, "one"),
        EvaluationProgress("scaled", 2, 3, "three", "three: no estimates"),
        EvaluationProgress("scaled", 3, 3, "two"),
    ]


def test_excerpts_surround_the_best_and_the_worst_frame(tmp_path, write_songs):
    samples = 0.1 * RNG.standard_normal((2, 20 * RATE)).astype(np.float32)
    samples[:, [range(at * RATE, (at + 1) * RATE) for at in (5, 14)]] *= 1.2  # among the louder half
    (song,) = find_songs([write_songs(tmp_path, {"song": {"drums": samples}})])

    class Noisy(Scaled):
        def estimate(self, track, threads=None):
            errors = np.full(20, 0.3)
            errors[[5, 14]] = 0.9, 0.01  # of the reference, in the worst and in the best second
            noise = np.random.default_rng(1).standard_normal((1, 2, 20 * RATE))
            return samples[None] + 0.1 * np.repeat(errors, RATE) * noise

    run = evaluate(Noisy(), [song])
    best, worst = run.excerpts
    assert (best.kind, best.start, worst.kind, worst.start) == ("best", 11.5, "worst", 2.5)
    assert best.score == run.songs[0].frames["sdr"][0, 14] > worst.score == run.songs[0].frames["sdr"][0, 5]
    np.testing.assert_array_equal(best.reference, samples[:, round(11.5 * RATE) : round(17.5 * RATE)])
    assert best.mixture.shape == best.estimate.shape == best.reference.shape


def test_a_source_that_is_dithered_silence_has_no_score(tmp_path, write_songs, dithered_silence):
    sound = 0.1 * RNG.standard_normal((2, 2 * RATE))
    stems = {"drums": sound, "vocals": dithered_silence(2 * RATE)}
    found = find_songs([write_songs(tmp_path, {"song": stems}, subtype="PCM_16")])
    (song,) = evaluate(OracleEstimates("irm2"), found).songs
    for scores in (*song.whole.values(), *(song.frames[metric] for metric in METRICS)):
        assert not np.isnan(scores[0]).any()
        assert np.isnan(scores[1]).all()
    assert np.isfinite(song.frames["energy_at_silence"][1]).all()


def test_silence_throughout_with_musevals_rule(tmp_path, write_songs):
    stems = {"drums": 0.1 * RNG.standard_normal((2, RATE)), "vocals": np.zeros((2, RATE))}
    found = find_songs([write_songs(tmp_path, {"song": stems})])
    run = evaluate(Scaled(), found, scoring=Scoring(museval_silence=True))
    assert "song: references: source 1 is silent throughout" in run.failures["song"]


def test_a_process_that_dies_costs_its_song_only(tmp_path, write_songs):
    stems = {"drums": RNG.uniform(-0.3, 0.3, (1, RATE))}
    found = find_songs([write_songs(tmp_path, {"fatal": stems})])
    run = evaluate(Scaled(), found, jobs=2)
    assert "its process ended unexpectedly" in run.failures["fatal"]


def test_an_invalid_option_of_the_estimator_stops_everything(songs):
    with pytest.raises(ConfigError, match="gain: is negative"):
        evaluate(Scaled(gain=-1), songs[1])


@dataclass(frozen=True)
class Noted:
    """Estimates that are the references; notes the number of threads in a file for each song."""

    folder: Path
    name: str = "noted"
    oracle: bool = False

    def estimate(self, track, threads=None):
        (self.folder / track.name).write_text(str(threads))
        return track.references


@pytest.mark.parametrize(
    ("jobs", "threads", "expected"), [(1, None, 8), (2, None, 4), (16, None, 1), (1, 3, 3), (2, 5, 2)]
)
def test_jobs_divide_the_threads(songs, tmp_path, monkeypatch, jobs, threads, expected):
    monkeypatch.setattr("partita.evaluation.run.usable_cores", lambda: 8)
    found = songs[1][:1]
    evaluate(Noted(tmp_path), found, jobs=jobs, threads=threads)
    assert (tmp_path / found[0].name).read_text() == str(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs: must be at least 1, not 0"),
        ({"threads": 0}, "threads: must be at least 1, not 0"),
        ({"sources": ()}, "sources: name at least one stem"),
    ],
)
def test_invalid_options(songs, options, message):
    with pytest.raises(ConfigError, match=message):
        evaluate(Scaled(), songs[1], **options)


@pytest.mark.parametrize("field", ["window", "hop"])
def test_frames_must_have_a_length(field):
    with pytest.raises(ConfigError, match=f"{field}: must be more than 0 seconds, not 0"):
        Scoring(**{field: 0})


@pytest.mark.parametrize("package", ["scipy", "threadpoolctl"])
def test_a_missing_package_is_named_before_any_work(songs, monkeypatch, package):
    for name in list(sys.modules):
        if name.partition(".")[0] == package:
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=f"^this needs {package}, which the extra 'evaluate' installs"):
        evaluate(Scaled(gain=-1), songs[1])


def test_stems_in_the_order_of_the_papers_tables(tmp_path, write_songs):
    nothing = np.zeros((1, 10))
    write_songs(tmp_path, {"a": dict.fromkeys(["vocals", "piano", "bass"], nothing), "b": {"drums": nothing}})
    assert sources_of(find_songs([tmp_path])) == ("drums", "bass", "vocals", "piano")


def test_memory_does_not_grow_with_a_song(tmp_path):
    peaks = []
    for seconds in (80, 160):
        (tmp_path / f"{seconds}" / "song").mkdir(parents=True)
        for source in SOURCES:
            noise = 0.1 * RNG.standard_normal((seconds * RATE, 1))
            soundfile.write(tmp_path / f"{seconds}" / "song" / f"{source}.wav", noise, RATE)
        found = find_songs([tmp_path / f"{seconds}"])
        tracemalloc.start()
        run = evaluate(OracleEstimates("mixture"), found)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert not run.failures
    assert peaks[1] < peaks[0] + 2**20  # the stems of the longer song are 5 MB larger
