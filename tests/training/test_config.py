from __future__ import annotations

import pytest

from partita.errors import ConfigError
from partita.training.config import dump_config, load_config, parse_config
from tests.training.runs import CONFIG


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[data]\nbatch = 3", "unknown field 'data.batch': did you mean 'data.batch_size'"),
        ("[optim]\nspeed_of_learning = 3", "unknown field 'optim.speed_of_learning'"),
        ("[optimizer]\nlearning_rate = 3", "unknown field 'optimizer': did you mean 'optim'"),
        ("[model]\nchannels = 3", "unknown field 'model.channels'; known are model.architecture, model.configuration"),
        ("[optim]\nlearning_rate = -1\nsteps = 1", "optim.learning_rate: .*greater than 0"),
        ("[optim]\nschedule = 'cosinus'\nsteps = 1", "optim.schedule: .*'cosine'"),
        ("[optim]\nlearning_rate = 1e-3", "optim.steps or optim.epochs"),
        ("[optim]\nepochs = 3", "optim.epochs .* needs data.stride"),
        ("[optim]\nsteps = 3\n[data]\nrepeat = 2", "data.repeat .* needs data.stride"),
        ("[optim]\nsteps = 3\n[augment]\nremix_group = 5", "remix_group must divide data.batch_size"),
        ("[optim]\nsteps = 3\naccumulate = 3", "optim.accumulate must divide data.batch_size"),
        ("[optim]\nsteps = 3\naccumulate = 32", "remix_group must divide data.batch_size / optim.accumulate"),
        ("[optim]\nsteps = 3\nschedule = 'plateau'\nwarmup_steps = 5", "optim.warmup_steps cannot be combined with"),
        ("[optim]\nsteps = 3\nschedule = 'cosine'\ncooldown_steps = 2", "optim.cooldown_steps cannot be combined with"),
        ("[optim]\nsteps = 3\ncooldown_steps = 4", "optim.cooldown_steps is more than optim.steps"),
        ("[optim]\nsteps = 3\n[augment]\nscale = [2, 1]", "augment.scale"),
        ("[optim]\nsteps = 3\n[run]\nname = '../x'", r"run\.name: '../x' is not a plain name"),
        ("[data", "Expected ']'"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path, text, message):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"config\.toml: .*{message}"):
        load_config(path)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "noise.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"noise\.toml: is not a text file"):
        load_config(tmp_path / "noise.toml")


@pytest.mark.parametrize(
    ("override", "section", "field", "value"),
    [
        ("optim.learning_rate=3e-4", "optim", "learning_rate", 3e-4),
        ("optim.loss=mse", "optim", "loss", "mse"),
        ("optim.loss='mse'", "optim", "loss", "mse"),
        ("augment.scale = [0.5, 2]", "augment", "scale", (0.5, 2)),
        ("augment.flip_sign=false", "augment", "flip_sign", False),
        ("model.configuration.channels=12", "model", "configuration", {"channels": 12, "depth": 2}),
        ("run.name=a=b", "run", "name", "a=b"),
    ],
)
def test_fields_are_set_from_words(override, section, field, value):
    assert getattr(getattr(parse_config(CONFIG, "", [override]), section), field) == value


@pytest.mark.parametrize("override", ["optim.loss", "loss=mse", "optim.loss.kind=l1"])
def test_words_that_set_nothing_are_named(override):
    with pytest.raises(ConfigError, match=override):
        parse_config("[optim]\nloss = 'l1'", "", [override])


def test_a_configuration_survives_being_written():
    config = parse_config(CONFIG, "")
    assert parse_config(dump_config(config), "") == config
