from __future__ import annotations

import json
import math
import shutil
import sys

import numpy as np
import pytest
import soundfile

from partita.evaluation import bss_eval, sdr
from partita.evaluation.results import METRICS, load_runs

RATE = 8000
SOURCES = ("drums", "bass", "vocals")  # in the order of the paper's tables
RNG = np.random.default_rng(0)
SONGS = {name: RNG.uniform(-0.3, 0.3, (3, 2, 3 * RATE)) for name in ("one", "two", "three")}
ESTIMATES = {
    name: 0.8 * stems + 0.1 * stems.sum(0) + 0.01 * RNG.standard_normal(stems.shape) for name, stems in SONGS.items()
}


def write(root, songs, rate=RATE):
    for name, stems in songs.items():
        (root / name).mkdir(parents=True)
        for source, stem in zip(SOURCES, stems, strict=True):
            soundfile.write(root / name / f"{source}.wav", stem.T, rate, subtype="DOUBLE")
    return root


@pytest.fixture
def folders(tmp_path):
    return write(tmp_path / "references", SONGS), write(tmp_path / "theirs", ESTIMATES)


@pytest.fixture
def evaluate(command_line):
    def run(*words):
        return command_line("evaluate", *words)

    return run


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_of_estimates(folders, evaluate, tmp_path, jobs):
    code, out, err = evaluate(*folders, "-o", "scores", "--jobs", jobs)
    assert (code, "error" in err) == (0, False)
    (run,) = load_runs(tmp_path / "scores" / "scores.json")
    assert (run.name, run.sources, [song.name for song in run.songs]) == ("theirs", SOURCES, ["one", "three", "two"])
    for song in run.songs:
        expected = bss_eval(SONGS[song.name], ESTIMATES[song.name], RATE, RATE)
        for metric in METRICS:
            np.testing.assert_allclose(song.frames[metric], getattr(expected, metric), rtol=0, atol=1e-4)
        np.testing.assert_allclose(song.whole["sdr"], sdr(SONGS[song.name], ESTIMATES[song.name]), rtol=0, atol=1e-4)
    for shown in (*SONGS, *SOURCES, "SIR", "SI-SDR", f"{run.summary('sdr').overall:.2f}"):
        assert shown in out
    assert "theirs" in (tmp_path / "scores" / "report.html").read_text()


def test_one_bad_song_stops_no_other(folders, evaluate):
    references, theirs = folders
    (theirs / "one" / "bass.wav").unlink()
    shutil.rmtree(theirs / "three")
    code, out, err = evaluate(references, theirs, "--json", "--jobs", 2)
    assert code == 1
    assert "theirs/one/bass.wav: missing" in err
    assert "theirs/three: missing" in err
    (run,) = json.loads(out)["runs"]
    assert [song["name"] for song in run["songs"]] == ["two"]
    assert sorted(run["failures"]) == ["one", "three"]


def rewrite(path, change=lambda samples: samples, rate=RATE):
    samples, _ = soundfile.read(path, always_2d=True)
    soundfile.write(path, change(samples), rate, subtype="DOUBLE")


def with_nan(samples):
    samples[5000, 1] = math.nan
    return samples


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: rewrite(path, lambda samples: samples[:-1]), "bass.wav: it has 23999 samples, drums has 24000"),
        (lambda path: rewrite(path, lambda samples: samples[:, :1]), "bass.wav: its number of channels is 1, that of"),
        (lambda path: rewrite(path, rate=16000), "bass.wav: its sample rate is 16000 Hz, that of drums is 8000 Hz"),
        (lambda path: rewrite(path, with_nan), r"bass.wav: the sample at 0.625 s is NaN"),
        (lambda path: path.write_bytes(b"nothing"), "bass.wav: "),
        (lambda path: path.write_bytes(path.read_bytes()[:100_000]), "bass.wav: .*ends early"),
    ],
)
@pytest.mark.parametrize("role", ["references", "theirs"])
def test_a_bad_stem_is_named(folders, evaluate, tmp_path, spoil, message, role):
    spoil(tmp_path / role / "one" / "bass.wav")
    code, _, err = evaluate(*folders, "-o", "scores")
    assert code == 1
    (run,) = load_runs(tmp_path / "scores" / "scores.json")
    assert len(run.songs) == 2
    assert role in run.failures["one"]
    assert message.replace(".*", "").split(":")[0] in run.failures["one"]
    assert run.failures["one"] in err.replace("\n", "")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda stems: stems[..., :-1], "number of samples is 23999, that of the reference is 24000"),
        (lambda stems: stems[:, :1], "number of channels is 1, that of the reference is 2"),
    ],
)
def test_estimates_must_fit_the_references(folders, evaluate, tmp_path, change, what):
    other = write(tmp_path / "other", {name: change(stems) for name, stems in ESTIMATES.items()})
    code, _, err = evaluate(folders[0], other)
    assert code == 1
    assert err.count(what) == 3


def test_estimates_of_another_sample_rate(folders, evaluate, tmp_path):
    code, _, err = evaluate(folders[0], write(tmp_path / "other", ESTIMATES, rate=16000))
    assert code == 1
    assert "the sample rate is 16000 Hz, that of the reference is 8000 Hz" in err


def test_models_and_oracles(convolutional, tmp_path, evaluate):
    four = dict(zip(("drums", "bass", "other", "vocals"), RNG.uniform(-0.2, 0.2, (4, 2, 44100)), strict=True))
    for name in ("first", "second"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for source, stem in four.items():
            soundfile.write(tmp_path / "data" / name / f"{source}.wav", stem.T, 44100)
    words = ("-m", convolutional.folder, "-m", "irm2", "-m", "mixture")
    code, _, err = evaluate(*words, "--data", "data", "-o", "scores")
    assert (code, err.count("error")) == (0, 0)
    model, ceiling, floor = load_runs(tmp_path / "scores" / "scores.json")
    assert (model.name, ceiling.name, floor.name) == ("convolutional", "irm2", "mixture")
    assert (ceiling.whole() > floor.whole() + 1).all()
    assert (ceiling.whole() > model.whole()).all()
    # an earlier run beside a new one, from its scores
    code, out, _ = evaluate("-m", "ibm", "--data", "data", "--scores", "scores/scores.json", "--json")
    assert [run["name"] for run in json.loads(out)["runs"]] == ["convolutional", "irm2", "mixture", "ibm"]


def test_separated_stems_score_as_the_model_does(convolutional, command_line, tmp_path, noise):
    (tmp_path / "data" / "song").mkdir(parents=True)
    for source in ("drums", "bass", "other", "vocals"):
        soundfile.write(tmp_path / "data" / "song" / f"{source}.wav", np.roll(noise, 1000 * len(source)).T / 4, 44100)
    stems = [soundfile.read(path)[0] for path in sorted((tmp_path / "data" / "song").iterdir())]
    soundfile.write(tmp_path / "song.wav", np.sum(stems, 0), 44100, subtype="FLOAT")
    command_line("separate", "-m", convolutional.folder, "song.wav", "--bits", "32f")
    code, out, _ = command_line("evaluate", "data", "separated/convolutional", "-m", convolutional.folder, "--json")
    theirs, ours = (run["songs"][0]["whole"]["sdr"] for run in json.loads(out)["runs"])
    assert code == 0
    assert theirs == pytest.approx(ours, abs=1e-3)


def test_a_recorded_mixture_is_what_is_separated(folders, evaluate, tmp_path):
    half = 0.5 * SONGS["one"].sum(0)
    soundfile.write(tmp_path / "references" / "one" / "mixture.wav", half.T, RATE, subtype="DOUBLE")
    _, out, _ = evaluate("--data", folders[0], "-m", "mixture", "--json")
    songs = {song["name"]: song for song in json.loads(out)["runs"][0]["songs"]}
    expected = sdr(SONGS["one"], np.broadcast_to(half, (3, *half.shape)))
    assert songs["one"]["whole"]["sdr"]["drums"] == pytest.approx(expected[0], abs=1e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give the folder of references"),
        (("references",), "give something to score"),
        (("nowhere", "theirs"), "nowhere: no such folder"),
        (("references", "nowhere"), "nowhere: no such folder"),
        (("references", "-m", "irm3"), "did you mean 'irm"),
        (("references", "theirs", "--jobs", "0"), "jobs: must be at least 1"),
        (("references", "theirs", "--window", "0"), "window: must be more than 0"),
        (("references", "theirs", "--sources", ","), "--sources: ',' has an empty name"),
        (("--scores", "references"), "no scores in it"),
    ],
)
@pytest.mark.usefixtures("folders")
def test_wrong_usage(evaluate, tmp_path, words, message):
    code, _, err = evaluate(*words)
    assert code in (1, 2)
    assert message in err
    assert not (tmp_path / "evaluation").exists()


def test_runs_of_one_name_are_told_apart(folders, evaluate, tmp_path):
    again = tmp_path / "again" / "theirs"
    shutil.copytree(folders[1], again)
    _, out, _ = evaluate(*folders, again, "--json", "--sources", "vocals")
    assert [(run["name"], run["sources"]) for run in json.loads(out)["runs"]] == [
        ("theirs 1", ["vocals"]),
        ("theirs 2", ["vocals"]),
    ]


def test_what_is_not_installed_is_named(folders, evaluate, monkeypatch):
    command = sys.modules["partita.cli.evaluate"]
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "threadpoolctl" else name)
    code, _, err = evaluate(*folders)
    assert code == 2
    assert "evaluating needs threadpoolctl: pip install 'partita[evaluate]'" in err
