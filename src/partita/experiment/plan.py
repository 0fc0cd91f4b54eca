"""What an experiment compares, read from TOML."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from partita.errors import ConfigError
from partita.models import configure
from partita.system.toml import explain_invalid, read_toml
from partita.training.config import TrainingConfig
from partita.training.presets import find_config
from partita.zoo import ORACLES

__all__ = ["Evaluation", "Experiment", "System", "load_experiment"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class System(_Table):
    """One row of the table: a training configuration, or an oracle.

    Attributes:
        name: Its name, unique in the experiment.
        config: A preset, or a TOML file relative to the experiment's.
        oracle: Name of an oracle instead.
        set: Changes to the configuration, ``section.field=value``, after those for all systems.
        paper: The paper's SDR on MUSDB18 in dB: of each source, and ``all``.
    """

    name: str = Field(pattern=r"^[\w.+-]+$")
    config: str | None = None
    oracle: str | None = None
    set: tuple[str, ...] = ()
    paper: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_one_of_two(self) -> System:
        if (self.config is None) == (self.oracle is None):
            raise ValueError("give either config or oracle")
        if self.oracle is not None and self.oracle not in ORACLES:
            raise ValueError(f"oracle: {self.oracle!r} is none of {', '.join(ORACLES)}")
        return self


class Evaluation(_Table):
    """How systems separate and are scored."""

    shifts: int = Field(0, ge=0, description="passes to average")
    overlap: float = Field(0.25, ge=0, lt=1)
    museval_silence: bool = Field(False, description="as published on MUSDB18")


class Experiment(_Table):
    """Systems to compare.

    Attributes:
        title: Of the table.
        seeds: One run of each trained system for each.
        set: Changes to all training configurations.
        evaluation: How they are scored.
        systems: In the order of the table.
        folder: Where its file is.
    """

    title: str
    seeds: tuple[int, ...] = (42,)
    set: tuple[str, ...] = ()
    evaluation: Evaluation = Evaluation()
    systems: tuple[System, ...]
    folder: Path = Field(Path(), exclude=True)

    @model_validator(mode="after")
    def _names_differ(self) -> Experiment:
        names = [system.name for system in self.systems]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two systems are called {min(twice)!r}")
        return self

    def config_of(self, system: System, seed: int) -> TrainingConfig:
        """Return the training configuration of a system.

        Raises:
            ConfigError: It cannot be read, or a change makes no sense.
        """
        if system.config is None:
            raise ConfigError(f"{system.name}: an oracle is not trained")
        beside = self.folder / system.config
        word = str(beside) if beside.is_file() else system.config
        return find_config(word, [*self.set, *system.set, f'run.name="{system.name}"', f"run.seed={seed}"])


def load_experiment(path: Path) -> Experiment:
    """Read an experiment and check the configurations of all its systems.

    Raises:
        ConfigError: The file cannot be read, or a field makes no sense; the message names it.
    """
    try:
        experiment = Experiment.model_validate({**read_toml(path), "folder": path.parent})
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain_invalid(error, Experiment)}") from error
    for system in experiment.systems:
        if system.config is not None:
            model = experiment.config_of(system, experiment.seeds[0]).model
            try:
                configure(model.architecture, **model.configuration)
            except ConfigError as error:
                raise ConfigError(f"{path}: {system.name}: {error}") from error
    return experiment
