from __future__ import annotations

import ctypes
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partita.separation import Separator

STEMS = {"drums.wav", "bass.wav", "other.wav", "vocals.wav"}


@pytest.fixture
def partita(convolutional, command_line):
    """Run `partita separate` with a small model; returns exit code, stdout and stderr."""

    def run(*arguments, model=True):
        return command_line("separate", *(["-m", convolutional.folder] if model else []), *arguments)

    return run


def write(path, seconds=0.5, rate=44100, channels=2, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, (round(seconds * rate), channels))
    soundfile.write(path, samples, rate, **options)
    return path


def files(folder):
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}


def outputs(track):
    return {f"convolutional/{track}/{stem}" for stem in STEMS}


def test_a_song_becomes_four_stems(partita, tmp_path):
    write(tmp_path / "song.wav")
    code, out, err = partita("song.wav")
    assert code == 0
    assert files("separated") == outputs("song")
    assert "song.wav: 0:00 in" in err
    assert "separated/convolutional/song" in err
    assert out == ""


def test_the_default_model_needs_no_name(partita, tmp_path):
    write(tmp_path / "song.wav")
    assert partita("song.wav", model=False)[0] == 0
    assert files("separated") == {f"default/song/{stem}" for stem in STEMS}


def test_a_folder_is_mirrored(partita, tmp_path):
    for name in ("in/a.wav", "in/deep/b.flac", "in/deep/a.wav"):
        write(tmp_path / name)
    code, _, err = partita("in", "--recursive", "--stems", "vocals,drums", "-o", "out")
    assert code == 0
    assert files("out") == {
        f"convolutional/{track}/{stem}.wav" for track in ("a", "deep/a", "deep/b") for stem in ("vocals", "drums")
    }
    assert "3 of 3 songs separated" in err
    for name in ("in/a.wav", "in/deep/a.wav", "in/deep/b.flac"):
        assert err.count(f"{name}: ") == 1


def test_a_second_run_does_not_separate_stems(partita, tmp_path):
    for name in ("a.wav", "album/b.wav"):
        write(tmp_path / name)
    assert partita(".", "-r")[0] == 0
    _, out, _ = partita(".", "-r", "--skip-existing", "--json")
    assert [json.loads(line)["state"] for line in out.splitlines()] == ["skipped", "skipped"]
    _, out, err = partita(".", "-r", "-o", "again", "--json")
    assert len(out.splitlines()) == 2
    assert files("again") == outputs("a") | outputs("album/b")
    _, _, err = partita("again/../", "-r", "--overwrite")
    assert "left out 8 stems that an earlier run wrote" in err
    assert "2 of 2 songs separated" in err


def test_inputs_of_one_name_do_not_overwrite_each_other(partita, tmp_path):
    for name in ("song.wav", "song.flac"):
        write(tmp_path / name)
    assert partita("song.wav")[0] == 0
    before = (tmp_path / "separated/convolutional/song/drums.wav").read_bytes()
    code, _, err = partita("song.flac")
    assert code == 1
    assert "drums.wav: exists already" in err
    assert "--overwrite" in err
    assert (tmp_path / "separated/convolutional/song/drums.wav").read_bytes() == before
    assert partita("song.flac", "--overwrite")[0] == 0


def test_missing_inputs_are_known_before_the_first_song(partita, tmp_path):
    write(tmp_path / "song.wav")
    code, _, err = partita("song.wav", "missing.wav")
    assert code == 1
    assert err.index("missing.wav: no such file") < err.index("song.wav: 0:00")


def test_quiet_prints_nothing_but_errors(partita, tmp_path):
    write(tmp_path / "a.wav")
    write(tmp_path / "b.wav")
    assert partita("a.wav", "b.wav", "--quiet") == (0, "", "")
    code, out, err = partita("a.wav", "b.wav", "c.wav", "--quiet", "--overwrite")
    assert (code, out, len(err.splitlines())) == (1, "", 1)


def test_a_part_of_a_song(partita, tmp_path):
    write(tmp_path / "song.wav", 2)
    _, out, _ = partita("song.wav", "--start", "0.5", "--duration", "1", "--json")
    assert json.loads(out)["seconds"] == 1


def test_options_reach_the_separator(partita, tmp_path, monkeypatch):
    write(tmp_path / "song.wav")
    separators = []

    class Kept(Separator):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            separators.append(options)

    monkeypatch.setattr("partita.separation.Separator", Kept)
    assert partita("song.wav", "--threads", 3, "--quality", "best", "--overlap", 0.5)[0] == 0
    assert partita("song.wav", "--overwrite")[0] == 0
    names = ("threads", "quality", "overlap", "shifts")
    assert [tuple(options[name] for name in names) for options in separators] == [
        (3, "best", 0.5, None),
        (None, "balanced", None, None),
    ]


def test_a_bit_rate(partita, tmp_path):
    write(tmp_path / "song.wav", 4)
    sizes = {}
    for rate in ("64", "256"):
        options = ["--format", "mp3", "--bitrate", rate, "--stems", "drums", "--overwrite", "--json"]
        _, out, _ = partita("song.wav", *options)
        sizes[rate] = Path(json.loads(out)["outputs"]["drums"]).stat().st_size
    assert sizes["64"] == pytest.approx(64000 / 8 * 4, rel=0.15)
    assert sizes["256"] == pytest.approx(256000 / 8 * 4, rel=0.15)


def test_standard_input_and_output(convolutional, tmp_path):
    content = write(tmp_path / "song.flac").read_bytes()
    result = subprocess.run(
        [sys.executable, "-m", "partita", "separate", "-", "-o", "-", "--stems", "vocals", "-m", convolutional.folder],
        cwd=tmp_path, input=content, capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    samples, rate = soundfile.read(io.BytesIO(result.stdout))
    assert (samples.shape, rate) == ((22050, 2), 44100)
    assert files(tmp_path) == {"song.flac"}
    subprocess.run(
        [sys.executable, "-m", "partita", "separate", "-", "-m", convolutional.folder],
        cwd=tmp_path, input=content, check=True, timeout=120,
    )  # fmt: skip
    assert outputs("stdin") == {path.removeprefix("separated/") for path in files(tmp_path) - {"song.flac"}}


@pytest.mark.parametrize("arguments", [["--stems=drums,bass"], ["--stems=drums", "--json"], ["b.wav", "--stems=drums"]])
def test_standard_output_takes_one_stem_of_one_input(partita, tmp_path, arguments):
    write(tmp_path / "a.wav")
    code, out, err = partita("a.wav", "-o", "-", *arguments)
    assert (code, out) == (2, "")
    assert "one stem" in err


def test_json_is_one_object_a_track(partita, tmp_path):
    write(tmp_path / "song.wav")
    code, out, _ = partita("song.wav", "missing.wav", "--json", "--two-stems", "vocals", "--residual")
    failed, done = (json.loads(line) for line in out.splitlines())
    assert code == 1
    assert (done["state"], failed["state"]) == ("done", "failed")
    assert set(done["outputs"]) == {"vocals", "no_vocals", "residual"}
    assert all(Path(path).is_file() for path in done["outputs"].values())
    assert done["sample_rate"] == 44100
    assert "missing.wav" in failed["error"]


def test_existing_tracks_are_skipped_on_demand(partita, tmp_path):
    write(tmp_path / "song.wav")
    partita("song.wav")
    before = (tmp_path / "separated/convolutional/song/drums.wav").stat().st_mtime_ns
    _, out, _ = partita("song.wav", "--skip-existing", "--json")
    assert json.loads(out)["state"] == "skipped"
    assert (tmp_path / "separated/convolutional/song/drums.wav").stat().st_mtime_ns == before
    (tmp_path / "separated/convolutional/song/drums.wav").unlink()
    _, out, _ = partita("song.wav", "--skip-existing", "--json")
    assert json.loads(out)["state"] == "done"


def bad_inputs(folder):
    """One input of every bad kind, and a word its error must say."""
    good = write(folder / "good.flac", 2).read_bytes()
    (folder / "empty.wav").touch()
    (folder / "text.mp3").write_text("these are words\n" * 100)
    (folder / "hollow").mkdir()
    nan = np.zeros((4410, 2), np.float32)
    nan[3000, 1] = np.nan
    soundfile.write(folder / "nan.wav", nan, 44100, subtype="FLOAT")
    nan[3000, 1] = np.inf
    soundfile.write(folder / "inf.wav", nan, 44100, subtype="FLOAT")
    (folder / "header.flac").write_bytes(good[:60])
    return {
        "missing.wav": "no such file|not exist|not found",
        "empty.wav": "empty",
        "text.mp3": "audio",
        "hollow": "no audio",
        "nan.wav": "NaN|infinit|not finite",
        "inf.wav": "NaN|infinit|not finite",
        "header.flac": "header.flac",
    }


def test_bad_inputs_are_one_line_each_and_stop_no_other(partita, tmp_path):
    bad = bad_inputs(tmp_path)
    write(tmp_path / "last.wav")
    code, _, err = partita(*bad, "last.wav")
    assert code == 1
    errors = [line for line in err.splitlines() if line.startswith("error:")]
    assert len(errors) == len(bad)
    for line, (name, word) in zip(
        sorted(errors, key=lambda e: [n in e for n in bad], reverse=True), bad.items(), strict=True
    ):
        assert name in line
        assert re.search(word, line), line
    assert files("separated") == outputs("last")


@pytest.mark.parametrize("name", ["cut.mp3", "cut.flac", "cut.wav", "cut.ogg"])
def test_what_decodes_of_a_truncated_file_is_separated(partita, tmp_path, name):
    path = write(tmp_path / name, 4)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    code, out, err = partita(name, "--json")
    result = json.loads(out)
    assert code == 0
    assert 1 < result["seconds"] < 3
    if name != "cut.ogg":  # an ogg that ends between two pages says nothing of its length
        assert any(name in text for text in result["warnings"])
        assert "warning:" in err


@pytest.mark.parametrize(
    "name",
    [
        "🎸 e\u0301 naïve.wav",
        "-dash.wav",
        "a.b.c.wav",
        "...wav",
        "[bold]red.wav",
        "a\nb.wav",
        "x" * 251 + ".wav",
        "'\"$&.wav",
    ],
)
def test_odd_names(partita, tmp_path, name):
    write(tmp_path / "plain.wav").rename(tmp_path / name)
    code, out, _ = partita("--json", "--stems", "drums", "--", name)
    assert code == 0
    (path,) = json.loads(out)["outputs"].values()
    assert Path(path).is_file()
    assert len(files("separated")) == 1


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (192000, 2), (48000, 6)])
def test_rates_and_channels(partita, tmp_path, rate, channels):
    write(tmp_path / "song.wav", 0.5, rate, channels)
    code, out, _ = partita("song.wav", "--json")
    info = soundfile.info(json.loads(out)["outputs"]["vocals"])
    assert (code, info.samplerate, info.frames, info.channels) == (0, rate, rate // 2, min(channels, 2))


@pytest.mark.parametrize("samples", [0, 1])
def test_hardly_any_samples(partita, tmp_path, samples):
    soundfile.write(tmp_path / "song.wav", np.full((samples, 2), 0.5), 44100)
    code, out, _ = partita("song.wav", "--json")
    assert code == 0
    assert soundfile.info(json.loads(out)["outputs"]["bass"]).frames == samples


def without_privileges():
    """Let even root be bound by permissions: drop CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH for good."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="drops privileges as Linux does")
@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["sealed"], "sealed"), (["sealed.wav"], "sealed.wav"), (["song.wav", "-o", "full"], "full")],
)
def test_what_may_not_be_read_or_written(tmp_path, arguments, word):
    write(tmp_path / "song.wav", 0.1)
    write(tmp_path / "sealed.wav", 0.1).chmod(0o000)
    for name, mode in (("sealed", 0o000), ("full", 0o500)):
        (tmp_path / name).mkdir(mode=mode)
    result = subprocess.run(
        [sys.executable, "-m", "partita", "separate", *arguments], cwd=tmp_path, capture_output=True, text=True,
        preexec_fn=without_privileges,
    )  # fmt: skip
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error:")
    assert word in line
    assert re.search("ermission", line), line


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="drops privileges as Linux does")
@pytest.mark.parametrize("arguments", [["sealed/song.wav", "good/song.wav"], ["-r", "."]])
def test_a_sealed_folder_stops_no_other_input(tmp_path, arguments):
    write(tmp_path / "sealed" / "song.wav", 0.1)
    write(tmp_path / "good" / "song.wav", 0.1)
    arguments = [*arguments, "--filename", "{track}/{stem}.{ext}", "-o", "out"]
    if "-r" not in arguments:
        arguments[0:2] = ["sealed/song.wav", str((tmp_path / "good" / "song.wav").rename(tmp_path / "other.wav"))]
    (tmp_path / "sealed").chmod(0o000)
    result = subprocess.run(
        [sys.executable, "-m", "partita", "separate", *arguments], cwd=tmp_path, capture_output=True, text=True,
        preexec_fn=without_privileges,
    )  # fmt: skip
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert re.search("sealed.*ermission", line), line
    assert len(files(tmp_path / "out")) == 4


def test_names_that_cannot_be(partita, tmp_path):
    write(tmp_path / "song.wav", 0.1)
    code, _, err = partita("x" * 300 + ".wav", "song.wav")
    assert code == 1
    assert err.count("error:") == 1
    assert files("separated") == outputs("song")
    code, _, err = partita("song.wav", "--skip-existing", "--filename", "x" * 300 + "{stem}")
    assert code == 1
    assert err.count("error:") == 1


def test_an_output_folder_in_the_way(partita, tmp_path):
    write(tmp_path / "song.wav")
    (tmp_path / "out").touch()
    code, _, err = partita("song.wav", "-o", "out")
    assert code == 1
    assert "out" in err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["song.wav", "--stems", "guitar"], "guitar"),
        (["song.wav", "--stems", "vocals,,drums"], "--stems"),
        (["song.wav", "--overlap", "1"], "overlap"),
        (["song.wav", "--threads", "0"], "threads"),
        (["song.wav", "--quality", "good"], "quality"),
        (["song.wav", "--format", "ogg", "--vbr", "11"], "vbr"),
        (["song.wav", "--sample-rate", "fast"], "sample_rate"),
        (["song.wav", "--format", "flac", "--bits", "32f"], "bits"),
        (["song.wav", "--filename", "{stem"], "filename"),
        (["song.wav", "--format", "wma"], "wma"),
        (["a/song.wav", "b/song.wav"], "both become"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_refused_before_work(partita, tmp_path, arguments, word):
    for name in ("song.wav", "a/song.wav", "b/song.wav"):
        write(tmp_path / name, 0.1)
    code, _, err = partita(*arguments)
    assert code == 2
    assert word in err
    assert not Path("separated").exists()


def test_an_unknown_model_is_an_error(partita, tmp_path):
    write(tmp_path / "song.wav")
    code, _, err = partita("song.wav", "-m", "defalt", model=False)
    assert code == 1
    assert "did you mean 'default'" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_in_the_middle(tmp_path, number):
    """A real process, a real signal: the songs before are whole, the one in work leaves nothing."""
    write(tmp_path / "a.wav", 1)
    write(tmp_path / "b.wav", 1200, 8000, 1)
    process = subprocess.Popen(
        [sys.executable, "-m", "partita", "separate", "a.wav", "b.wav", "--json"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert json.loads(process.stdout.readline())["state"] == "done"
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob(".partita-*/files/vocals.wav")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("error: stopped; nothing was written for b.wav")
    assert "Traceback" not in err
    assert files(tmp_path / "separated") == {f"default/a/{stem}" for stem in STEMS}
