from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from partita.errors import AudioError, OutputError
from partita.separation import OutputOptions, Separator, plan_jobs
from partita.separation.output import Encoding, write_lanes

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
        assert (info.samplerate, info.frames, info.channels, info.subtype) == (44100, 132300, 2, "FLOAT")
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


class Loud(Separator):
    """A separator whose first stem is three times full scale at one moment."""

    def stream(self, *args, **kwargs):
        for block in super().stream(*args, **kwargs):
            block.stems[...] = 0.5
            block.stems[0, 0, 0] = 3.0
            yield block


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_one_gain_for_all_stems_if_one_would_clip(convolutional, song, tmp_path, format):
    options = OutputOptions(format=format, bits="16")
    (job,) = plan_jobs([(song, Path("song.wav"))], tmp_path, "m", SOURCES, options)
    result = Loud(convolutional).run(job, options)
    assert result.gain == pytest.approx(1 / 3)
    assert read(result.outputs["drums"]).max() == pytest.approx(1, abs=1e-4)
    for source in SOURCES[1:]:
        np.testing.assert_allclose(read(result.outputs[source]), 0.5 / 3, atol=1e-4)


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_a_late_peak_attenuates_what_was_written_before_it(tmp_path, format):
    quiet, loud = np.random.default_rng(0).uniform(-0.9, 0.9, (2, 2, 2, 5000)).astype(np.float32)
    loud[1, 0, 4000] = 2

    def write(folder, blocks):
        paths = [tmp_path / folder / f"{name}.{format}" for name in "ab"]
        shape = {"sample_rate": 44100, "channels": 2, "samples": 10000}
        written = write_lanes(iter(blocks), paths, encoding=Encoding(format), tags=[None, None], **shape)
        return written.gain, [path.read_bytes() for path in paths]

    gain, found = write("gain", [quiet, loud])
    assert gain == 0.5
    assert found == write("none", [quiet / 2, loud / 2])[1]


def test_floats_are_never_attenuated(convolutional, song, tmp_path):
    options = OutputOptions(bits="32f")
    (job,) = plan_jobs([(song, Path("song.wav"))], tmp_path, "m", SOURCES, options)
    result = Loud(convolutional).run(job, options)
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
    before, first = song.read_bytes(), read(written)
    written.write_text("older")
    song.write_bytes(b"not audio any more")
    with pytest.raises(AudioError):
        separator.separate_file(song, tmp_path, stems=("drums",), overwrite=True)
    assert written.read_text() == "older"
    song.write_bytes(before)
    separator.separate_file(song, tmp_path, stems=("drums",), overwrite=True)
    np.testing.assert_array_equal(read(written), first)


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
        separator.separate_file(song, tmp_path / "out", bits="16")
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


def test_existing_files_are_refused_before_the_work(separator, song, tmp_path):
    written = separator.separate_file(song, tmp_path / "out")
    written["vocals"].write_text("older")
    with pytest.raises(OutputError, match=r"drums\.wav: exists already"):
        separator.separate_file(song, tmp_path / "out", progress=lambda *_: pytest.fail("work began"))
    assert written["vocals"].read_text() == "older"


@pytest.mark.parametrize(
    ("subtype", "format", "expected"),
    [
        ("PCM_16", "wav", "PCM_16"),
        ("PCM_24", "wav", "PCM_24"),
        ("PCM_24", "flac", "PCM_24"),
        ("FLOAT", "flac", "PCM_24"),
    ],
)
def test_the_bits_of_the_input_are_kept(separator, tmp_path, noise, subtype, format, expected):
    soundfile.write(tmp_path / "song.wav", noise.T, 44100, subtype=subtype)
    written = separator.separate_file(tmp_path / "song.wav", tmp_path, stems=("drums",), format=format)
    assert soundfile.info(written["drums"]).subtype == expected


def test_mono_stays_mono(separator, tmp_path, noise):
    soundfile.write(tmp_path / "song.wav", noise[0], 44100)
    written = separator.separate_file(tmp_path / "song.wav", tmp_path)
    assert {soundfile.info(path).channels for path in written.values()} == {1}


def test_a_part_of_a_song(separator, song, noise, tmp_path):
    written = separator.separate_file(song, tmp_path, start=0.5, duration=1.0, two_stems="drums", bits="32f")
    total = sum(read(path) for path in written.values())
    np.testing.assert_allclose(total, noise[:, 22050 : 22050 + 44100], atol=1e-6)


def test_tags_are_copied_with_the_stem_in_the_title(separator, tmp_path, noise):
    with soundfile.SoundFile(tmp_path / "song.flac", "w", 44100, 2) as file:
        file.title, file.artist = "Aria", "Bach"
        file.write(noise.T)
    written = separator.separate_file(tmp_path / "song.flac", tmp_path, format="flac")
    with soundfile.SoundFile(written["vocals"]) as file:
        assert (file.title, file.artist) == ("Aria (vocals)", "Bach")
    plain = separator.separate_file(tmp_path / "song.flac", tmp_path / "plain", format="flac", tags=False)
    with soundfile.SoundFile(plain["vocals"]) as file:
        assert not file.title


def test_a_silent_residual_is_reported(convolutional, consistent, song, tmp_path):
    options = OutputOptions(residual=True)
    for package, expected in ((convolutional, 0), (consistent, 1)):
        (job,) = plan_jobs([(song, Path("song.wav"))], tmp_path, package.card.name, SOURCES, options)
        warnings = Separator(package).run(job, options).warnings
        assert sum("residual is silent" in text for text in warnings) == expected
