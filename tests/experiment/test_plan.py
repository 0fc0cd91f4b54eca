from __future__ import annotations

import pytest

from partita.errors import ConfigError
from partita.experiment import Evaluation, load_experiment
from partita.options import DEFAULT_OVERLAP

from .conftest import PLAN


def test_systems_in_their_order_with_their_defaults(plan):
    experiment = load_experiment(plan)
    assert (experiment.title, experiment.seeds, experiment.folder) == ("Small and smaller", (1, 2), plan.parent)
    assert [system.name for system in experiment.systems] == ["floor", "ceiling", "demucs", "no-lstm"]
    assert experiment.evaluation == Evaluation(shifts=0, overlap=DEFAULT_OVERLAP, museval_silence=False)


def test_a_configuration_takes_the_changes_of_all_then_those_of_its_system(plan):
    plan.write_text(PLAN.replace("lstm_layers=0", 'lstm_layers=0", "optim.steps=7'))
    experiment = load_experiment(plan)
    config = experiment.config_of(experiment.systems[3], seed=2)
    assert config.model.configuration == {"channels": 4, "depth": 2, "sample_rate": 8000, "lstm_layers": 0}
    assert (config.optim.steps, config.run.name, config.run.seed) == (7, "no-lstm", 2)
    assert experiment.config_of(experiment.systems[2], seed=1).optim.steps == 3


def test_a_preset_by_its_name(plan):
    plan.write_text('title = "One"\n[[systems]]\nname = "paper"\nconfig = "demucs-2021"')
    experiment = load_experiment(plan)
    assert experiment.config_of(experiment.systems[0], seed=5).run.seed == 5


def test_an_oracle_has_no_configuration(plan):
    experiment = load_experiment(plan)
    with pytest.raises(ConfigError, match="floor: an oracle is not trained"):
        experiment.config_of(experiment.systems[0], seed=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("seeds", "seed"), "plan.toml: unknown field 'seed': did you mean 'seeds'?"),
        (lambda text: text.replace('oracle = "irm2"', 'oracle = "irm9"'), "'irm9' is not one of irm1"),
        (lambda text: text.replace('oracle = "irm2"', ""), "give either config or oracle"),
        (lambda text: text.replace('"no-lstm"', '"demucs"'), "two systems are called 'demucs'"),
        (lambda text: text.replace("lstm_layers", "lstm_layer"), "lstm_layer"),
        (lambda text: text.replace("optim.steps", "optim.step"), "optim.step"),
        (lambda text: text.replace('"base.toml"', '"demucs-2020"'), "did you mean 'demucs-20"),
        (lambda text: text + "\n[evaluation]\noverlap = 1.0", "evaluation.overlap"),
        (lambda text: text + "[", "plan.toml: not valid TOML"),
    ],
)
def test_an_invalid_plan_names_the_field(plan, change, message):
    plan.write_text(change(PLAN))
    with pytest.raises(ConfigError) as caught:
        load_experiment(plan)
    assert message in str(caught.value)


def test_a_plan_that_does_not_exist(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.toml: cannot be read"):
        load_experiment(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("name", ["paper", "small"])
def test_the_experiments_of_the_repository_are_whole(name, pytestconfig):
    plan = load_experiment(pytestconfig.rootpath / "experiments" / "paper" / f"{name}.toml")
    wanted = {"mixture", "irm2", "wave-u-net", "open-unmix", "conv-tasnet", "no-lstm", "mse"}
    assert wanted <= {system.name for system in plan.systems}
