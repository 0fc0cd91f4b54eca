from __future__ import annotations

import numpy as np
import pytest
import soundfile

from partita.data.songbook.library import Library, read_audio
from partita.errors import AudioError, ConfigError


def test_training_and_held_out_share_no_source(material):
    train, held = Library.open(material), Library.open(material, held_out=True)
    assert [path.name for path, _ in train.grooves] == ["train.mid"]
    assert [path.name for path, _ in held.grooves] == ["validation.mid"]
    assert [path.name for path in train.songs] == ["march.mid"]
    assert [path.name for path in held.songs] == ["d_dm05.mid"]
    assert list(train.singers) == ["alto"]
    assert list(held.singers) == ["vocadito_10"]


def test_only_performances_in_four_are_used(material):
    assert all(bpm == 120 for _, bpm in Library.open(material).grooves)
    assert len(Library.open(material).grooves) == 1


def test_a_folder_without_material_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="needs drum performances"):
        Library.open(tmp_path)


def test_audio_is_resampled_and_spread_to_both_channels(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(22_050, 0.5), 22_050)
    audio = read_audio(tmp_path / "a.wav")
    assert audio.shape == (2, 44_100)
    assert audio.dtype == np.float32
    assert audio[:, 10_000] == pytest.approx([0.5, 0.5], abs=1e-3)
    assert read_audio(tmp_path / "a.wav", channels=1).shape == (1, 44_100)


def test_unreadable_audio_is_named(tmp_path):
    (tmp_path / "b.ogg").write_text("no")
    with pytest.raises(AudioError, match=r"b\.ogg cannot be read"):
        read_audio(tmp_path / "b.ogg")
