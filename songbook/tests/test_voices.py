from __future__ import annotations

import pytest
import soundfile

from partita.errors import ConfigError
from partita_songbook import voices
from partita_songbook.voices import SpeechVoice
from tones import RATE, sung


@pytest.fixture
def flite(tmp_path, monkeypatch):
    """A stand-in for the program, which speaks a second of a tone."""
    folder = tmp_path / "bin"
    folder.mkdir()
    soundfile.write(tmp_path / "tone.wav", sung(1.0, 57)[::2], RATE // 2)
    for name, script in (("flite", f'cp {tmp_path}/tone.wav "$6"'), ("espeak-ng", "echo no voice >&2; exit 1")):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.mark.usefixtures("flite")
def test_a_line_is_spoken_once(tmp_path):
    voice = SpeechVoice("flite", "slt")
    path = voices.speak(voice, 0, tmp_path / "speech")
    written = path.stat().st_mtime_ns
    assert soundfile.info(path).duration == pytest.approx(1.0)
    assert voices.speak(voice, 0, tmp_path / "speech").stat().st_mtime_ns == written
    assert [file.name for file in (tmp_path / "speech").iterdir()] == [path.name]


@pytest.mark.usefixtures("flite")
def test_a_synthesiser_that_fails_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"espeak-ng cannot speak as f1 \(no voice\)"):
        voices.speak(SpeechVoice("espeak-ng", "f1"), 0, tmp_path / "speech")
    assert not list((tmp_path / "speech").iterdir())


def test_only_installed_synthesisers_have_voices(flite, monkeypatch):
    monkeypatch.setenv("PATH", str(flite))
    assert voices.find_voices("flite", ("b", "a"), "BSD") == [SpeechVoice("flite", name, "BSD") for name in ("b", "a")]
    assert voices.find_voices("text2wave", ("a",)) == []
    assert voices.find_voices("flite", ("a",), requires=flite / "nowhere") == []
    assert voices.find_voices("flite", ("a",), requires=flite) == [SpeechVoice("flite", "a")]
