"""The plan of an experiment: the systems it compares, read from TOML."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from partita.errors import ConfigError
from partita.evaluation.oracles import ORACLES
from partita.models import configure
from partita.options import DEFAULT_OVERLAP
from partita.system.toml import explain_invalid, read_toml
from partita.training.config import TrainingConfig
from partita.training.presets import find_config

__all__ = ["Evaluation", "Experiment", "System", "load_experiment"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class System(_Table):
    """One row of the table: a training configuration, or an oracle.

    Attributes:
        name: Name, unique in the experiment.
        config: Name of a preset, or a TOML file relative to the folder of the experiment's file.
        oracle: Name of an oracle, instead of ``config``.
        set: Changes to the configuration, ``section.field=value``, applied after those of the experiment.
        paper: SDR in the paper, on MUSDB18 in dB: of each source, and ``all``.
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
            raise ValueError(f"oracle: {self.oracle!r} is not one of {', '.join(ORACLES)}")
        return self


class Evaluation(_Table):
    """How systems separate the test songs and are scored.

    Attributes:
        shifts: Number of passes to average.
        overlap: Fraction of a window that the next one covers too.
        museval_silence: Treat silence as museval does, for figures to be compared with published ones.
    """

    shifts: int = Field(0, ge=0)
    overlap: float = Field(DEFAULT_OVERLAP, ge=0, lt=1)
    museval_silence: bool = False


class Experiment(_Table):
    """Systems to compare.

    Attributes:
        title: Title of the table.
        seeds: Seeds; each trained system has one run a seed.
        set: Changes to all training configurations, ``section.field=value``.
        evaluation: How the systems are scored.
        systems: The systems, in the order of the table.
        folder: Folder of the experiment's file.
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
        """Return the training configuration of one run of a system.

        Raises:
            ConfigError: The system is an oracle, its configuration cannot be read, or a change is invalid.
        """
        if system.config is None:
            raise ConfigError(f"{system.name}: an oracle is not trained")
        beside = self.folder / system.config
        word = str(beside) if beside.is_file() else system.config
        return find_config(word, [*self.set, *system.set, f'run.name="{system.name}"', f"run.seed={seed}"])


def load_experiment(path: Path) -> Experiment:
    """Read an experiment and check the configurations of all its systems.

    Raises:
        ConfigError: The file cannot be read, or a field is invalid; the message names it.
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
