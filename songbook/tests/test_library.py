from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partita.errors import AudioError, ConfigError
from partita_songbook import library as module
from partita_songbook.library import Library
from partita_songbook.recordings import licence, read_audio
from partita_songbook.soundfont import Soundfont
from partita_songbook.voices import SpeechVoice


@pytest.mark.usefixtures("bare")
def test_training_and_validation_share_no_source(material):
    train, valid = Library.open(material), Library.open(material, split="valid")
    assert [path.name for path, _ in train.grooves] == ["train.mid"]
    assert [path.name for path, _ in valid.grooves] == ["validation.mid"]
    assert [path.name for path in train.songs] == ["march.mid"]
    assert [path.name for path in valid.songs] == ["d_dm05.mid"]
    assert list(train.singers) == ["alto"]
    assert list(valid.singers) == ["vocadito_10"]
    assert not set(train.loops + train.phrases) & set(valid.loops + valid.phrases)


def test_what_is_installed_is_divided_too(monkeypatch):
    fonts = [Soundfont(Path(f"{name}.sf2"), drums_only=False) for name in ("FluidR3_GM", "TimGM6mb")]
    monkeypatch.setattr(module, "find_soundfonts", lambda: fonts)
    monkeypatch.setattr(module, "find_kits", lambda: [Path("a/VariBreaks"), Path("a/Audiophob")])
    monkeypatch.setattr(module, "find_voices", lambda: [SpeechVoice("flite", name) for name in ("slt", "rms")])
    monkeypatch.setattr(module.shutil, "which", lambda _: "/bin/fluidsynth")
    train, valid = (Library.open(None, split=split) for split in ("train", "valid"))
    assert [[font.path.stem for font in library.fonts] for library in (train, valid)] == [["FluidR3_GM"], ["TimGM6mb"]]
    assert [[kit.name for kit in library.kits] for library in (train, valid)] == [["Audiophob"], ["VariBreaks"]]
    assert [[voice.name for voice in library.voices] for library in (train, valid)] == [["slt"], ["rms"]]
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    assert Library.open(None).fonts == ()  # nothing could play them


@pytest.mark.usefixtures("bare")
def test_only_performances_in_four_are_used(material):
    assert all(bpm == 120 for _, bpm in Library.open(material).grooves)
    assert len(Library.open(material).grooves) == 1


def test_folders_without_material_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no material for the split 'train'"):
        Library.open(tmp_path)
    with pytest.raises(ConfigError, match="no such folder"):
        Library.open(tmp_path / "nowhere")


def test_audio_is_resampled_and_spread_to_both_channels(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(22_050, 0.5), 22_050)
    audio = read_audio(tmp_path / "a.wav")
    assert audio.shape == (2, 44_100)
    assert audio.dtype == np.float32
    assert audio[:, 10_000] == pytest.approx([0.5, 0.5], abs=1e-3)
    assert read_audio(tmp_path / "a.wav", channels=1).shape == (1, 44_100)


def test_unreadable_audio_is_named(tmp_path):
    (tmp_path / "b.ogg").write_text("no")
    with pytest.raises(AudioError, match=r"b\.ogg"):
        read_audio(tmp_path / "b.ogg")


def test_licences_are_read_from_beside_the_file_or_its_folder(tmp_path):
    for folder, expected in (("pjs_CC-BY-SA-4.0", "CC-BY-SA-4.0"), ("some_MIT", "MIT"), ("my_songs", "not stated")):
        (tmp_path / folder).mkdir()
        assert licence(tmp_path / folder / "a.ogg") == expected
    (tmp_path / "my_songs" / "metadata.json").write_text(json.dumps({"licence": "CC0-1.0"}))
    assert licence(tmp_path / "my_songs" / "a.ogg") == "CC0-1.0"


def test_the_licence_of_a_data_set_is_that_of_its_folders(tmp_path):
    assert licence(tmp_path / "groove_CC-BY-4.0" / "drummer1" / "session1" / "a.mid") == "CC-BY-4.0"
    assert licence(tmp_path / "groove_CC-BY-4.0" / "loops_CC0" / "a.ogg") == "CC0"


@pytest.mark.usefixtures("bare")
def test_midi_songs_are_found_wherever_they_lie(material, tmp_path):
    mine = tmp_path / "mine" / "album"
    mine.mkdir(parents=True)
    song = (material / "midi/songs/march.mid").read_bytes()
    for path in (mine.parent / "a.mid", mine / "b.MID", mine / "c.midi"):
        path.write_bytes(song)
    assert [path.name for path in Library.open(tmp_path / "mine").songs] == ["a.mid", "b.MID", "c.midi"]
    (material / "midi/drummer/session1").mkdir()
    (material / "midi/drummer/session1/fill.mid").write_bytes(song)  # a performance the table does not name
    assert [path.name for path in Library.open(material).songs] == ["march.mid"]
