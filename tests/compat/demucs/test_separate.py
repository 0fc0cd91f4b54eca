from __future__ import annotations

import numpy as np
import pytest
import soundfile

from partita import Separator
from partita.compat.demucs.separate import get_parser, main, run
from partita.errors import ConfigError, ModelError

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def demucs(convolutional, tmp_path, monkeypatch):
    """Run the command with a small model in ``tmp_path``; returns the written files."""
    monkeypatch.chdir(tmp_path)

    def call(*options):
        main(["-n", str(convolutional.folder), *map(str, options)])
        return {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} - {"song.wav"}

    return call


def stems_of(package, noise, **options):
    return Separator(package, device="cpu", **options).separate(noise)


def test_defaults(demucs, song, convolutional, noise, capsys):
    files = demucs(song)
    assert files == {f"separated/convolutional/song/{stem}.wav" for stem in ("drums", "bass", "other", "vocals")}
    for name, stem in stems_of(convolutional, noise).items():
        found, rate = soundfile.read(f"separated/convolutional/song/{name}.wav", dtype="float32")
        assert rate == 44100
        np.testing.assert_allclose(found.T, stem / max(1.01 * np.abs(stem).max(), 1), atol=1e-4)
    assert f"Separating track {song}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--two-stems", "vocals"], ["vocals", "no_vocals"]),
        (["--two-stems=vocals", "--other-method", "minus"], ["vocals", "minus_vocals"]),
        (["--two-stems", "vocals", "--other-method=none"], ["vocals"]),
    ],
)
def test_two_stems(demucs, song, convolutional, noise, options, names):
    files = demucs(*options, "--float32", "--clip-mode", "none", song)
    assert files == {f"separated/convolutional/song/{name}.wav" for name in names}
    stems = stems_of(convolutional, noise)
    expected = {
        "vocals": stems["vocals"],
        "no_vocals": stems["drums"] + stems["bass"] + stems["other"],
        "minus_vocals": noise - stems["vocals"],
    }
    for name in names:
        found, _ = soundfile.read(f"separated/convolutional/song/{name}.wav", dtype="float32")
        np.testing.assert_allclose(found.T, expected[name], atol=1e-6)


def test_options_of_the_separation(demucs, song, recurrent, noise):
    demucs("-n", recurrent.folder, "--shifts", 2, "--overlap", 0.5, "--segment", 2, "--float32", "-d", "cpu", song)
    found, _ = soundfile.read("separated/recurrent/song/bass.wav", dtype="float32")
    np.testing.assert_array_equal(found.T, stems_of(recurrent, noise, shifts=2, overlap=0.5, segment=2)["bass"])
    demucs("-n", recurrent.folder, "--no-split", "-d", "cpu", "--float32", "-j", 2, "-v", song)
    found, _ = soundfile.read("separated/recurrent/song/bass.wav", dtype="float32")
    np.testing.assert_array_equal(found.T, stems_of(recurrent, noise, segment=3.0)["bass"])


@pytest.mark.parametrize(
    ("options", "suffix", "subtype"),
    [
        (["--int24"], "wav", "PCM_24"),
        (["--float32"], "wav", "FLOAT"),
        (["--flac"], "flac", "PCM_16"),
        (["--flac", "--int24"], "flac", "PCM_24"),
        (["--mp3", "--mp3-bitrate", "128", "--mp3-preset", "7"], "mp3", "MPEG_LAYER_III"),
    ],
)
def test_formats(demucs, song, options, suffix, subtype):
    demucs(*options, "-o", "out", "--filename", "{stem}/{track}-{trackext}.{ext}", song)
    assert soundfile.info(f"out/convolutional/bass/song-wav.{suffix}").subtype == subtype


def test_mono_and_other_rates_become_those_of_the_model(demucs, tmp_path):
    soundfile.write(tmp_path / "a.b.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 24000), 48000)
    demucs("a.b.wav")
    info = soundfile.info("separated/convolutional/a.b/drums.wav")
    assert (info.samplerate, info.channels, info.frames) == (44100, 2, 22050)


def test_a_track_that_fails_does_not_stop_the_others(demucs, song, tmp_path, capsys):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 2)), 44100)
    with pytest.raises(SystemExit) as caught:
        demucs("missing.wav", tmp_path / "broken.wav", tmp_path / "empty.wav", song)
    assert caught.value.code == 1
    assert (tmp_path / "separated/convolutional/song/vocals.wav").is_file()
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(".wav")[0].rpartition("/")[2] for line in lines] == ["missing", "broken", "empty"]


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--unknown", "x"],
        ["--int24", "--float32", "x"],
        ["--no-split", "--segment", "7", "x"],
        ["--mp3-preset", "9", "x"],
    ],
)
def test_wrong_usage(demucs, options, capsys):
    with pytest.raises(SystemExit) as caught:
        demucs(*options)
    assert caught.value.code == 2
    assert "usage: demucs" in capsys.readouterr().err


def test_invalid_values(demucs, song, bag, tmp_path):
    with pytest.raises(ConfigError, match="--two-stems: 'guitar' is not one of drums, bass, other, vocals"):
        demucs("--two-stems", "guitar", song)
    with pytest.raises(ConfigError, match="--two-stems: 'guitar' is not one of"):
        demucs("-n", bag, "--two-stems", "guitar", song)
    with pytest.raises(ConfigError, match=r"--filename: '\{title\}' is invalid: 'title'"):
        demucs("--filename", "{title}", song)
    with pytest.raises(ConfigError, match=r"bitrate: mp3 at 44100 Hz supports 64, .* kbit/s, not 99"):
        demucs("--mp3", "--mp3-bitrate", 99, song)
    assert not (tmp_path / "separated").exists()
    with pytest.raises(ModelError, match="no model 'nothing'"):
        demucs("-n", "nothing", song)


def test_transformers_limit_the_segment(demucs, song, monkeypatch):
    monkeypatch.setattr("partita.compat.demucs.separate.longest_segment", lambda _: 7.8)
    with pytest.raises(ConfigError, match=r"--segment: this model accepts at most 7.8 s, not 8 s"):
        demucs("--segment", 8, song)


def test_only_the_wanted_stems_of_a_model_are_asked_for(convolutional, song, tmp_path):
    asked = []

    def obtain(name, stems):
        asked.append((name, stems(("drums", "vocals"))))
        return convolutional

    options = ["--two-stems", "vocals", "--other-method", "minus", "-o", str(tmp_path), str(song)]
    assert run(options, obtain=obtain) == 0
    assert run(["-s", "955717e8", "-o", str(tmp_path), str(song)], obtain=obtain) == 0
    assert asked == [("htdemucs", ("vocals",)), ("955717e8", ("drums", "vocals"))]


def test_a_folder_of_checkpoints(repo, song, tmp_path):
    main(["--repo", str(repo), "-n", "both", "--segment", "1", "-o", str(tmp_path / "out"), str(song)])
    assert (tmp_path / "out/both/song/vocals.wav").is_file()


def test_models_are_listed(repo, capsys):
    main(["--list-models"])
    out = capsys.readouterr().out
    assert "\n    htdemucs_ft\n" in out
    assert "\n    955717e8\n" in out
    main(["--list-models", "--repo", str(repo)])
    assert capsys.readouterr().out == "Bag of models:\n    both\nSingle models:\n    11111111\n    22222222\n"


def test_defaults_are_those_of_demucs():
    defaults = vars(get_parser().parse_args([]))
    assert {name: str(value) for name, value in defaults.items()} == {
        "tracks": "[]",
        "sig": "None",
        "name": "htdemucs",
        "repo": "None",
        "list_models": "False",
        "verbose": "False",
        "out": "separated",
        "filename": "{track}/{stem}.{ext}",
        "device": "None",
        "shifts": "1",
        "overlap": "0.25",
        "split": "True",
        "segment": "None",
        "stem": "None",
        "other_method": "add",
        "int24": "False",
        "float32": "False",
        "clip_mode": "rescale",
        "flac": "False",
        "mp3": "False",
        "mp3_bitrate": "320",
        "mp3_preset": "2",
        "jobs": "0",
    }
