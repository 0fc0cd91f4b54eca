from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from partita.errors import AudioError, ConfigError
from partita_songbook.recordings import folder_name, licence, read_audio


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


def test_a_broken_metadata_file_is_named(tmp_path):
    (tmp_path / "metadata.json").write_text("{no")
    with pytest.raises(ConfigError, match=r"metadata\.json: cannot be read as JSON"):
        licence(tmp_path / "a.ogg")


def test_the_name_of_a_folder_does_not_include_its_licence(tmp_path):
    assert folder_name(tmp_path / "my_voice_CC0") == "my_voice"
    assert folder_name(tmp_path / "my_voice") == "my_voice"
