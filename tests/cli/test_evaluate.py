from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partita.errors import OutputError
from partita.evaluation import bss_eval
from partita.evaluation.results import load_runs
from partita.options import DEFAULT_OVERLAP
from partita.system.text import printable

RATE = 8000
SOURCES = ("drums", "bass", "vocals")  # in the order of the paper's tables
RNG = np.random.default_rng(0)
SONGS = {name: RNG.uniform(-0.3, 0.3, (3, 2, RATE)) for name in ("one", "two")}
ESTIMATES = {name: 0.8 * stems + 0.1 * stems.sum(0) for name, stems in SONGS.items()}


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


def test_a_folder_of_estimates(folders, evaluate, tmp_path):
    code, out, err = evaluate(*folders, "-o", "scores")
    assert (code, "error" in err) == (0, False)
    (run,) = load_runs(tmp_path / "scores" / "scores.json")
    assert (run.name, run.sources, [song.name for song in run.songs]) == ("theirs", SOURCES, ["one", "two"])
    for shown in (*SONGS, *SOURCES, "SIR", "SI-SDR", f"{run.summary('sdr').overall:.2f}"):
        assert shown in out
    assert "theirs" in (tmp_path / "scores" / "report.html").read_text()
    assert "scores.json" in err
    assert "report.html" in err


def rewrite(path, change=lambda samples: samples, rate=RATE):
    samples, _ = soundfile.read(path, always_2d=True)
    soundfile.write(path, change(samples), rate, subtype="DOUBLE")


def with_nan(samples):
    samples[5000, 1] = math.nan
    return samples


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: rewrite(path, lambda samples: samples[:-1]), "bass.wav: it has 7999 samples, drums has 8000"),
        (lambda path: rewrite(path, lambda samples: samples[:, :1]), "bass.wav: its number of channels is 1, that of"),
        (lambda path: rewrite(path, rate=16000), "bass.wav: its sample rate is 16000 Hz, that of drums is 8000 Hz"),
        (lambda path: rewrite(path, with_nan), "bass.wav: the sample at 0.625 s is NaN"),
        (lambda path: path.write_bytes(b"nothing"), "bass.wav: "),
        (lambda path: path.write_bytes(path.read_bytes()[:50_000]), "ends early"),
        (lambda path: path.unlink(), "bass.wav: missing"),
    ],
)
def test_a_bad_stem_is_named_and_stops_no_other_song(folders, evaluate, tmp_path, spoil, message):
    spoil(tmp_path / "references" / "one" / "bass.wav")
    spoil(tmp_path / "theirs" / "two" / "bass.wav")
    code, _, err = evaluate(*folders, "-o", "scores", "--sources", "drums,bass")
    assert code == 1
    (run,) = load_runs(tmp_path / "scores" / "scores.json")
    assert run.songs == ()
    for song, role in (("one", "references"), ("two", "theirs")):
        assert f"{role}/{song}/bass.wav: " in run.failures[song]
        assert message in run.failures[song]
        assert f"theirs, {song}: {run.failures[song]}" in err


def test_a_song_without_estimates_and_one_that_cannot_be_read(folders, evaluate):
    references, theirs = folders
    shutil.rmtree(theirs / "one")
    (references / "zero").symlink_to(references / "nowhere")
    code, out, err = evaluate(references, theirs, "--json", "--jobs", 2)
    assert code == 1
    assert "theirs/one: missing" in err
    assert "references/zero: " in err
    (run,) = json.loads(out)["runs"]
    assert [song["name"] for song in run["songs"]] == ["two"]
    assert sorted(run["failures"]) == ["one", "zero"]


def test_models_oracles_and_earlier_scores(convolutional, tmp_path, evaluate):
    four = dict(zip(("drums", "bass", "other", "vocals"), RNG.uniform(-0.2, 0.2, (4, 2, 22050)), strict=True))
    (tmp_path / "data" / "song").mkdir(parents=True)
    for source, stem in four.items():
        soundfile.write(tmp_path / "data" / "song" / f"{source}.wav", stem.T, 44100)
    words = ("-m", convolutional.folder, "-m", "irm2", "-m", "mixture")
    code, _, err = evaluate(*words, "--data", "data", "-o", "scores")
    assert (code, err.count("error")) == (0, 0)
    model, ceiling, floor = load_runs(tmp_path / "scores" / "scores.json")
    assert [(run.name, run.oracle) for run in (model, ceiling, floor)] == [
        ("convolutional", False),
        ("irm2", True),
        ("mixture", True),
    ]
    assert (ceiling.whole() > floor.whole() + 1).all()
    assert (ceiling.whole() > model.whole()).all()
    # an earlier run beside a new one, from its scores
    code, out, _ = evaluate("-m", "ibm", "--data", "data", "--scores", "scores/scores.json", "--json")
    assert [run["name"] for run in json.loads(out)["runs"]] == ["convolutional", "irm2", "mixture", "ibm"]


def test_separated_stems_score_as_the_model_does(convolutional, command_line, tmp_path, noise):
    (tmp_path / "data" / "song").mkdir(parents=True)
    for source in ("drums", "bass", "other", "vocals"):
        samples = np.roll(noise, 1000 * len(source))[:, :44100].T / 4
        soundfile.write(tmp_path / "data" / "song" / f"{source}.wav", samples, 44100)
    stems = [soundfile.read(path)[0] for path in sorted((tmp_path / "data" / "song").iterdir())]
    soundfile.write(tmp_path / "song.wav", np.sum(stems, 0), 44100, subtype="FLOAT")
    command_line("separate", "-m", convolutional.folder, "song.wav", "--bits", "32f")
    code, out, _ = command_line("evaluate", "data", "separated/convolutional", "-m", convolutional.folder, "--json")
    theirs, ours = (run["songs"][0]["whole"]["sdr"] for run in json.loads(out)["runs"])
    assert code == 0
    assert theirs == pytest.approx(ours, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give the folder of true stems"),
        (("references",), "give something to score"),
        (("nowhere", "theirs"), "nowhere: no such folder"),
        (("references", "nowhere"), "nowhere: no such folder"),
        (("references", "-m", "irm3"), "did you mean 'irm"),
        (("references", "theirs", "--jobs", "0"), "jobs: must be at least 1"),
        (("references", "theirs", "--window", "0"), "window: must be more than 0"),
        (("references", "theirs", "--sources", ","), "--sources: ',' contains an empty name"),
        (("references", "-m", "default", "--overlap", "1"), "overlap: must be at least 0 and less than 1"),
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


@pytest.mark.parametrize("package", ["jinja2", "matplotlib", "scipy", "threadpoolctl"])
def test_on_a_core_install_the_missing_extra_is_named_at_once(folders, evaluate, monkeypatch, tmp_path, package):
    for name in list(sys.modules):
        if name.startswith("partita.evaluation.report."):
            monkeypatch.delitem(sys.modules, name)
        elif name.partition(".")[0] == package:
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    code, _, err = evaluate(*folders)
    assert code == 2
    assert f"this needs {package}, which the extra 'evaluate' installs" in err
    assert not (tmp_path / "evaluation").exists()


def test_threads_reach_the_scoring(folders, evaluate, monkeypatch):
    found = []

    def score(*arguments, threads, **options):
        found.append(threads)
        return bss_eval(*arguments, threads=threads, **options)

    monkeypatch.setattr("partita.evaluation.run.bss_eval", score)
    assert evaluate(*folders, "--threads", 3)[0] == 0
    assert found == [3, 3]
    assert evaluate(*folders, "--threads", 0)[0] == 2


def test_the_help_states_the_default_overlap(evaluate, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    _, out, _ = evaluate("--help")
    (line,) = [line for line in out.splitlines() if "--overlap" in line]
    assert f"[default: {DEFAULT_OVERLAP}]" in line


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take names in UTF-8 only")
@pytest.mark.parametrize("name", [os.fsdecode(b"n\xffame"), "[red]", "[bold]x\\", "a[b"])
def test_odd_names_of_songs_and_folders(evaluate, tmp_path, name):
    references = write(tmp_path / "references", {"one": SONGS["one"]})
    theirs = write(tmp_path / "theirs", {"one": ESTIMATES["one"]}).rename(tmp_path / name)
    for folder in (references, theirs):
        (folder / "one").rename(folder / name)
    code, out, err = evaluate(references, theirs, "-o", "scores")
    assert code == 0, err
    assert printable(name) in out
    (run,) = load_runs(tmp_path / "scores" / "scores.json")
    assert (run.name, [song.name for song in run.songs]) == (name, [name])
    assert "report.html" in err
    code, out, err = evaluate("--scores", tmp_path / "scores" / "scores.json", "-o", "again", "--json")
    assert code == 0, err


@pytest.mark.parametrize("block", ["scores", "scores/report.html/x", "scores/scores.json/x"])
def test_the_output_is_checked_before_songs_are_scored(folders, evaluate, tmp_path, block, monkeypatch):
    path = tmp_path / block
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    monkeypatch.setattr("partita.evaluation.run._score", lambda _: pytest.fail("a song was scored"))
    code, _, err = evaluate(*folders, "-o", "scores")
    assert code == 1
    assert err.startswith("error: scores")


def test_more_runs_than_a_report_shows(folders, evaluate):
    code, _, err = evaluate(folders[0], *[folders[1]] * 27)
    assert (code, err) == (2, "error: a report shows up to 26 runs, not 27; evaluate some of them at a time\n")


def test_a_report_that_cannot_be_written_is_not_named(folders, evaluate, monkeypatch):
    def fail(*_):
        raise OutputError("report.html: the disk is full")

    monkeypatch.setattr("partita.cli.scores.write_report", fail)
    code, _, err = evaluate(*folders, "-o", "scores")
    assert (code, err) == (1, "-> scores/scores.json\nerror: report.html: the disk is full\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sources", "drums,drums"], "sources: 'drums' is listed twice"),
        (["--window", "inf"], "window: must be at most 86400 seconds, not inf"),
        (["--window", "nan"], "window: must be more than 0"),
        (["--hop", "1e308"], "hop: must be at most 86400 seconds"),
    ],
)
def test_options_that_are_invalid(folders, evaluate, options, message):
    code, _, err = evaluate(*folders, *options)
    assert code == 2
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_an_unexpected_error_is_that_of_its_song(folders, evaluate, tmp_path, monkeypatch):
    from partita.evaluation import run

    score = run._score_track

    def fail(track, *arguments):
        if track.name == "one":
            raise StopIteration
        return score(track, *arguments)

    monkeypatch.setattr(run, "_score_track", fail)
    code, _, err = evaluate(*folders, "-o", "scores")
    assert code == 1
    assert "one: StopIteration: (unexpected; set PARTITA_DEBUG=1 for a traceback" in err
    assert [song.name for song in load_runs(tmp_path / "scores" / "scores.json")[0].songs] == ["two"]


def alive(pids):
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_the_command(tmp_path, number):
    long = {name: RNG.uniform(-0.3, 0.3, (3, 2, 120 * RATE)) for name in ("one", "two")}
    references, theirs = write(tmp_path / "references", long), write(tmp_path / "theirs", long)
    command = [sys.executable, "-m", "partita", "evaluate", references, theirs, "-j", "2", "-o", tmp_path / "out"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            children: list[str] = []
            while len(children) < 3 and process.poll() is None:  # two workers, and Python's tracker of resources
                assert time.monotonic() < deadline
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                time.sleep(0.02)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert "Traceback" not in err
    assert process.returncode == (130 if number == signal.SIGINT else -9)
    while alive(children):
        assert time.monotonic() < deadline
        time.sleep(0.02)
