from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from partita.errors import AudioError, ConfigError, OutputError
from partita.separation import OutputOptions, Separator, find_inputs, plan_jobs

SOURCES = ("drums", "bass", "other", "vocals")


@pytest.fixture(scope="module")
def separator(convolutional):
    return Separator(convolutional)


def read(path):
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


def test_files_are_laid_out_by_model_and_track(separator, song, tmp_path):
    written = separator.separate_file(song, tmp_path / "out")
    assert written == {stem: tmp_path / "out" / "convolutional" / "song" / f"{stem}.wav" for stem in SOURCES}
    for path in written.values():
        info = soundfile.info(path)
        assert (info.samplerate, info.frames, info.channels, info.subtype) == (44100, 132300, 2, "PCM_16")
    assert {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()} == {f"{s}.wav" for s in SOURCES}


def test_float_files_hold_the_stems_exactly(separator, song, tmp_path):
    written = separator.separate_file(song, tmp_path, bits="32f")
    stems = separator.separate(song)
    for source in SOURCES:
        np.testing.assert_array_equal(read(written[source]), stems[source])


@pytest.mark.parametrize(
    ("rate", "format", "bits"), [(44100, "wav", "32f"), (48000, "wav", "32f"), (44100, "flac", "24")]
)
def test_stems_and_residual_are_the_mixture(separator, tmp_path, rate, format, bits):
    mixture = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 70000)).astype(np.float32)
    soundfile.write(tmp_path / "song.wav", mixture.T, rate, subtype="FLOAT")
    written = separator.separate_file(tmp_path / "song.wav", tmp_path, residual=True, format=format, bits=bits)
    total = sum(read(path).astype(np.float64) for path in written.values())
    tolerance = 1e-6 if bits == "32f" else 5 * 2**-23 * 2
    np.testing.assert_allclose(total, mixture, atol=tolerance)


def test_two_stems_are_the_mixture(separator, song, noise, tmp_path):
    written = separator.separate_file(song, tmp_path, two_stems="vocals", bits="32f")
    assert list(written) == ["vocals", "no_vocals"]
    np.testing.assert_allclose(sum(read(path) for path in written.values()), noise, atol=1e-6)


def test_only_the_wanted_stems_are_written(separator, song, tmp_path):
    assert list(separator.separate_file(song, tmp_path, stems=("vocals", "drums"))) == ["vocals", "drums"]


class Loud:
    """A separator whose first stem is three times full scale at one moment."""

    def __init__(self, separator):
        self._separator = separator

    def __getattr__(self, name):
        return getattr(self._separator, name)

    def stream(self, *args, **kwargs):
        for block in self._separator.stream(*args, **kwargs):
            block.stems[...] = 0.5
            block.stems[0, 0, 0] = 3.0
            yield block


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_one_gain_for_all_stems_when_one_would_clip(separator, song, tmp_path, format):
    from partita.separation.files import run_job

    options = OutputOptions(format=format)
    (job,) = plan_jobs([(song, Path("song.wav"))], tmp_path, "m", SOURCES, options)
    result = run_job(Loud(separator), job, options)
    assert result.gain == pytest.approx(1 / 3)
    assert read(result.outputs["drums"]).max() == pytest.approx(1, abs=1e-4)
    for source in SOURCES[1:]:
        np.testing.assert_allclose(read(result.outputs[source]), 0.5 / 3, atol=1e-4)


def test_floats_are_never_turned_down(separator, song, tmp_path):
    from partita.separation.files import run_job

    options = OutputOptions(bits="32f")
    (job,) = plan_jobs([(song, Path("song.wav"))], tmp_path, "m", SOURCES, options)
    result = run_job(Loud(separator), job, options)
    assert result.gain == 1
    assert read(result.outputs["drums"]).max() == 3


@pytest.mark.parametrize(("format", "rate"), [("opus", 48000), ("ogg", 44100), ("mp3", 44100), ("flac", 44100)])
def test_every_format(separator, song, tmp_path, format, rate):
    written = separator.separate_file(song, tmp_path, format=format, stems=("drums",))
    info = soundfile.info(written["drums"])
    assert info.samplerate == rate
    assert info.duration == pytest.approx(3, abs=0.1)


def test_a_sample_rate_of_choice(separator, song, tmp_path):
    info = soundfile.info(separator.separate_file(song, tmp_path, sample_rate=22050)["bass"])
    assert (info.samplerate, info.frames) == (22050, 66150)


def test_an_older_file_is_replaced_and_a_failure_leaves_it(separator, song, tmp_path):
    written = separator.separate_file(song, tmp_path, stems=("drums",))["drums"]
    written.write_text("older")
    song.write_bytes(b"not audio any more")
    with pytest.raises(AudioError):
        separator.separate_file(song, tmp_path, stems=("drums",))
    assert written.read_text() == "older"


def test_a_full_disk_leaves_nothing(convolutional, song, tmp_path):
    """In a process that may write files of 100 kB at most."""
    code = f"""
        import resource, signal
        from partita import OutputError, Separator
        separator = Separator({str(convolutional.folder)!r})
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for bits in ("16", "32f"):
            try:
                separator.separate_file({str(song)!r}, {str(tmp_path / "out")!r}, bits=bits)
            except OutputError as error:
                print(error)
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert len(result.stdout.splitlines()) == 2, result
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_too_little_room_is_said_before_the_work(separator, song, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OutputError, match="disk is full"):
        separator.separate_file(song, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_stopping_leaves_nothing(separator, song, tmp_path):
    def stop(fraction, _left):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        separator.separate_file(song, tmp_path / "out", progress=stop)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_folder_that_cannot_be_made(separator, song, tmp_path):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(OutputError, match="out"):
        separator.separate_file(song, tmp_path / "out")


def names(paths, **options):
    return [item if isinstance(item, AudioError) else item[1].as_posix() for item in find_inputs(paths, **options)]


def test_folders_give_their_audio_files(tmp_path):
    for name in ("b.mp3", "a.flac", "cover.jpg", ".hidden.wav", "deep/c.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names([tmp_path]) == ["a.flac", "b.mp3"]
    assert names([tmp_path], recursive=True) == ["a.flac", "b.mp3", "deep/c.wav"]
    assert names([tmp_path / "notes.txt"]) == ["notes.txt"]  # a file that is named is tried


def test_a_folder_without_audio_is_an_error(tmp_path):
    (error,) = names([tmp_path])
    assert "no audio file" in str(error)


def plan(*paths, folder=Path("/out"), **options):
    return plan_jobs([(Path(p), Path(Path(p).name)) for p in paths], folder, "m", SOURCES, OutputOptions(**options))


@pytest.mark.parametrize(
    ("name", "track"),
    [
        ("song.mp3", "song"),
        ("a.b.c.flac", "a.b.c"),
        ("-o.wav", "-o"),
        ("🎸 naïve.ogg", "🎸 naïve"),
        ("...mp3", "_.."),
        ("..wav", "_."),
        ("{stem}.wav", "{stem}"),
    ],
)
def test_tracks_are_named_after_their_files(name, track):
    (job,) = plan(f"/in/{name}")
    path = job.outputs["drums"]
    assert path.parts[:3] == ("/", "out", "m")
    assert path.parts[3] == track


@pytest.mark.parametrize(
    "paths", [("/a/song.mp3", "/b/song.mp3"), ("/a/song.mp3", "/a/song.wav"), ("/a/é.wav", "/b/e\u0301.wav")]
)
def test_two_inputs_for_one_output_are_refused(paths):
    with pytest.raises(ConfigError, match="would both become"):
        plan(*paths)


def test_inputs_told_apart_by_suffix():
    assert len(plan("/a/song.mp3", "/a/song.wav", filename="{track}.{trackext}/{stem}.{ext}")) == 2


def test_the_same_input_twice_is_one_job():
    assert len(plan("/a/song.mp3", "/a/song.mp3")) == 1


def test_an_output_never_replaces_an_input():
    with pytest.raises(ConfigError, match="replace an input"):
        plan("/m/song/drums.wav", folder=Path("/"), filename="m/song/{stem}.{ext}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "aiff"}, "format"),
        ({"bits": "8"}, "bits"),
        ({"format": "flac", "bits": "32f"}, "bits"),
        ({"stems": ("drums",), "two_stems": "drums"}, "two_stems"),
        ({"sample_rate": 1}, "sample_rate"),
        ({"filename": "{track}.{ext}"}, "stem"),
        ({"filename": "{artist}/{stem}"}, "filename"),
        ({"filename": "{0}{stem}"}, "filename"),
        ({"filename": "/{stem}"}, "below"),
        ({"filename": "../{stem}"}, "below"),
    ],
)
def test_options_that_make_no_sense_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        OutputOptions(**options)


def test_a_stem_the_model_does_not_have():
    with pytest.raises(ConfigError, match="not 'guitar'"):
        plan("/a/song.mp3", stems=("guitar",))
