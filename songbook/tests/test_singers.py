from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from partita_songbook import singers
from partita_songbook.library import Library, MaterialFile, VowelFile
from partita_songbook.voices import SpeechVoice
from tones import RATE, sung


def test_a_recorded_singer_is_drawn_with_some_of_its_phrases(library, rng):
    singer = singers.recorded_singer(library, 1, rng)
    assert (singer.name, singer.licence, singer.files) == ("alto", "CC0", ["a.ogg"])
    assert len(singer.takes) == 1
    assert len(singers.recorded_singer(library, 5, rng).takes) == 2  # there are two phrases


def test_singers_with_many_takes_are_not_the_only_ones(library, monkeypatch, take):
    monkeypatch.setattr(singers, "analyse", lambda *_: (take,))
    files = tuple(MaterialFile(take.source[0], "CC0") for _ in range(100))
    both = replace(library, singers={"many": files, "one": files[:1]})
    rng = np.random.default_rng(0)
    drawn = [singers.recorded_singer(both, 1, rng).name for _ in range(400)]
    assert drawn.count("many") / 400 == pytest.approx(100**0.15 / (100**0.15 + 1), abs=0.06)


def test_without_recordings_voices_or_vowels_there_is_no_singer(tmp_path, rng):
    assert singers.recorded_singer(Library(), 1, rng) is None
    assert singers.spoken_singer(Library(cache=tmp_path), 1, rng) is None
    assert singers.spoken_singer(Library(voices=(SpeechVoice("flite", "slt"),)), 1, rng) is None  # nowhere to keep it
    assert singers.vowel_singer(Library(), choir=False) is None


def test_a_voice_speaks_the_lines_that_are_asked_for(tmp_path, rng, monkeypatch):
    def speak(voice, line, folder):
        path = folder / f"{voice.name}-{line}.wav"
        folder.mkdir(exist_ok=True)
        soundfile.write(path, sung(0.6, 57), RATE)
        return path

    monkeypatch.setattr(singers, "speak", speak)
    library = Library(voices=(SpeechVoice("flite", "slt", "BSD"),), cache=tmp_path)
    singer = singers.spoken_singer(library, 2, rng)
    assert (singer.name, singer.licence, len(singer.takes)) == ("flite slt", "BSD", 2)
    assert {take.source[0].parent for take in singer.takes} == {tmp_path / "speech"}


@pytest.mark.parametrize(
    ("choir", "female", "expected"),
    [(False, True, ["a"]), (False, False, ["b"]), (False, None, ["a", "b"]), (True, None, ["c"])],
)
def test_vowels_are_those_of_choirs_or_of_single_voices(tmp_path, choir, female, expected):
    files = []
    for name, many, woman in (("a", False, True), ("b", False, False), ("c", True, True)):
        soundfile.write(tmp_path / f"{name}.wav", sung(1.5, 57), RATE)
        files.append(VowelFile(tmp_path / f"{name}.wav", "CC0", "vowels", many, woman))
    singer = singers.vowel_singer(Library(vowels=tuple(files)), choir=choir, female=female)
    assert (singer.name, singer.licence) == ("vowels", "CC0")
    assert singer.files == [f"{name}.wav" for name in expected]


def test_the_centre_is_the_median_pitch(take):
    octave = replace(take, pitch=take.pitch * 2)
    assert singers.centre_pitch((take, take, octave)) == pytest.approx(57, abs=0.1)
