from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from partita.errors import ConfigError
from partita_songbook import soundfont
from partita_songbook.midi import Note, read_midi
from partita_songbook.soundfont import Soundfont

RATE = 44_100
FONT = Soundfont(Path("piano.sf2"), drums_only=False)
NOTES = (Note(0.0, 0.02, 60, 100),)


@pytest.fixture
def fluidsynth(tmp_path, monkeypatch):
    """A stand-in that writes a second of sound, and keeps what it was given."""
    program = tmp_path / "fluidsynth"
    sound = tmp_path / "sound.wav"
    soundfile.write(sound, np.full((RATE, 2), 0.25), RATE, subtype="FLOAT")
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != -F ]; do shift; done\n'
        f'cp {sound} "$2"; echo "$3" > {tmp_path}/font; cp "$4" {tmp_path}/score.mid\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(soundfont.shutil, "which", lambda _: str(program))
    return tmp_path


def test_soundfonts_are_found_once(tmp_path):
    for name in ("B.sf3", "A.sf2", "Kit_LV2.sf2"):
        (tmp_path / name).touch()
    (tmp_path / "default.sf2").symlink_to(tmp_path / "A.sf2")
    fonts = soundfont.find_soundfonts([tmp_path, tmp_path / "nowhere"], ("*_LV2",), {"A*": "MIT"})
    assert [(font.path.name, font.drums_only, font.licence) for font in fonts] == [
        ("A.sf2", False, "MIT"),
        ("B.sf3", False, "not stated"),
        ("Kit_LV2.sf2", True, "not stated"),
    ]


def test_missing_fluidsynth_names_the_package(monkeypatch):
    monkeypatch.setattr(soundfont.shutil, "which", lambda _: None)
    with pytest.raises(ConfigError, match="install the package fluidsynth"):
        soundfont.play(FONT, NOTES, RATE)


def test_nothing_to_play_is_silence_without_fluidsynth(monkeypatch):
    monkeypatch.setattr(soundfont.shutil, "which", lambda _: None)
    assert not soundfont.play(FONT, (), RATE).any()


@pytest.mark.parametrize("samples", [RATE // 2, 2 * RATE])
def test_sound_has_the_length_asked_for(fluidsynth, samples):
    audio = soundfont.play(FONT, NOTES, samples, 42)
    assert audio.shape == (2, samples)
    assert audio[:, : min(samples, RATE)] == pytest.approx(0.25)
    assert not audio[:, RATE:].any()
    (part,) = read_midi(fluidsynth / "score.mid")
    assert part.program == 42
    assert (fluidsynth / "font").read_text() == "piano.sf2\n"


def test_drums_ring_on_their_channel(fluidsynth):
    soundfont.play(FONT, NOTES, RATE, 25, drums=True)
    (part,) = read_midi(fluidsynth / "score.mid")
    assert part.is_drums
    assert part.notes[0].duration == pytest.approx(0.5, abs=1e-2)


def test_kits_of_their_own_are_played_as_an_instrument(fluidsynth):
    soundfont.play(Soundfont(Path("k.sf2"), drums_only=True), NOTES, RATE, 25, drums=True)
    (part,) = read_midi(fluidsynth / "score.mid")
    assert not part.is_drums
    assert part.program == 0


def test_failure_names_the_soundfont(fluidsynth):
    (fluidsynth / "fluidsynth").write_text("#!/bin/sh\necho broken >&2; exit 1\n")
    with pytest.raises(ConfigError, match=r"cannot play piano\.sf2: broken"):
        soundfont.play(FONT, NOTES, RATE)
