from __future__ import annotations

import pytest

from partita.errors import ConfigError
from partita.models import configure
from partita.training.presets import find_config, list_presets


def test_every_preset_is_whole():
    presets = list_presets()
    assert {"demucs-2019", "demucs-2021", "conv-tasnet", "wave-u-net", "open-unmix"} <= presets.keys()
    for name, description in presets.items():
        assert description
        chosen = find_config(name)
        configure(chosen.model.architecture, **chosen.model.configuration)


def test_the_presets_are_the_papers():
    first, second, tasnet = (find_config(name) for name in ("demucs-2019", "demucs-2021", "conv-tasnet"))
    for config in (first, second, tasnet):
        assert (config.optim.learning_rate, config.optim.loss, config.optim.schedule) == (3e-4, "l1", "constant")
        assert (config.augment.shift, config.augment.remix_group, config.data.stride) == (1.0, 4, 1.0)
        assert config.data.batch_size == 64
    assert (first.optim.epochs, first.data.repeat, first.data.segment, first.augment.scale) == (120, 2, 10, None)
    assert (second.optim.epochs, second.augment.scale, second.augment.repitch) == (180, (0.25, 1.25), 0.2)
    assert second.model.configuration == {"channels": 64, "resample": True}
    assert tasnet.optim.epochs == 180


def test_a_word_is_a_preset_or_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("[optim]\nsteps = 3")
    assert find_config("mine.toml", ["run.name=other"]).run.name == "other"
    with pytest.raises(ConfigError, match=r"demucs-209: .*did you mean 'demucs-2019'"):
        find_config("demucs-209")
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        find_config("none.toml")
