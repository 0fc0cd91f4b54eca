from __future__ import annotations

import numpy as np
import pytest
import soundfile

from partita.errors import ConfigError
from partita_songbook import drums
from partita_songbook.midi import Note
from tones import RATE

KIT = """<drumkit_info xmlns="http://www.hydrogen-music.org/drumkit"><name>Test</name><instrumentList>
<instrument><id>0</id><name>Kick Low</name><volume>0.5</volume>
  <layer><filename>soft.flac</filename><min>0</min><max>0.5</max></layer>
  <layer><filename>hard.flac</filename><min>0.5</min><max>1</max></layer></instrument>
<instrument><id>1</id><name>Snare Rock</name><filename>snare.flac</filename><volume>1</volume></instrument>
<instrument><id>2</id><name>Closed HH</name><filename>snare.flac</filename></instrument>
<instrument><id>3</id><name>Open HH</name><filename>long.flac</filename></instrument>
<instrument><id>4</id><name>Snare Roll</name><filename>long.flac</filename></instrument>
<instrument><id>5</id><name>Crash</name><filename>missing.flac</filename></instrument>
</instrumentList></drumkit_info>"""


@pytest.fixture
def folder(tmp_path):
    kit = tmp_path / "kits" / "Test"
    kit.mkdir(parents=True)
    (kit / "drumkit.xml").write_text(KIT)
    for name, level, seconds in (("soft", 0.2, 0.1), ("hard", 0.8, 0.1), ("snare", 0.5, 0.1), ("long", 0.4, 1.0)):
        soundfile.write(kit / f"{name}.flac", np.full(int(seconds * RATE), level), RATE)
    return kit


def test_kits_are_found(folder):
    assert drums.find_kits([folder.parent]) == [folder]
    assert drums.find_kits([folder.parent / "nowhere"]) == []


def test_a_kit_maps_names_to_keys(folder, rng):
    kit = drums.load_kit(folder, rng)
    assert {36, 38, 42, 46} <= kit.shots.keys()
    assert 49 not in kit.shots  # its file is missing
    assert [top for top, _ in kit.shots[36]] == [0.5, 1.0]
    assert kit.shots[36][1][1].max() == pytest.approx(0.4, abs=1e-3)  # volume 0.5
    assert kit.shots[38][0][1].shape[-1] == RATE // 10  # the snare, not the roll


def test_velocity_chooses_the_layer(folder, rng):
    kit = drums.load_kit(folder, rng)
    out = drums.strike(kit, (Note(0, 0.1, 36, 40), Note(1, 0.1, 35, 127)), 2 * RATE, rng)
    soft, hard = out[:, :RATE].max(), out[:, RATE:].max()
    assert soft == pytest.approx(0.5 * 0.2 * (40 / 127) ** 0.6, rel=0.07)
    assert hard == pytest.approx(0.5 * 0.8, rel=0.07)


def test_closed_hats_choke_open_ones(folder, rng):
    kit = drums.load_kit(folder, rng)
    open_hat, closed = Note(0, 0.1, 46, 100), Note(0.4, 0.1, 42, 100)
    free = drums.strike(kit, (open_hat,), 2 * RATE, rng)
    choked = drums.strike(kit, (open_hat, closed), 2 * RATE, rng)
    assert free[:, int(0.8 * RATE)].all()
    assert not choked[:, int(0.8 * RATE)].any()


def test_keys_the_kit_lacks_and_hits_after_the_end_are_left_out(folder, rng):
    kit = drums.load_kit(folder, rng)
    assert not drums.strike(kit, (Note(0, 0.1, 56, 100), Note(5, 0.1, 36, 100)), RATE, rng).any()


@pytest.mark.parametrize("content", ["<no", "<drumkit_info/>"])
def test_broken_kits_are_refused_by_name(tmp_path, rng, content):
    (tmp_path / "drumkit.xml").write_text(content)
    with pytest.raises(ConfigError, match=str(tmp_path)):
        drums.load_kit(tmp_path, rng)


def test_electronic_sets_are_mapped_to_general_midi():
    notes = drums.general_midi(tuple(Note(0, 0.1, key, 90) for key in (22, 26, 58, 36)))
    assert [note.pitch for note in notes] == [42, 46, 43, 36]


def test_a_kit_states_its_licence(folder):
    assert "package" in drums.kit_licence(folder)
    (folder / "drumkit.xml").write_text(KIT.replace("<name>Test</name>", "<license> CC BY 4.0\n</license>"))
    assert drums.kit_licence(folder) == "CC BY 4.0"
