"""The configuration of a training run, read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from partita.errors import ConfigError
from partita.system.names import check_plain_name
from partita.system.toml import explain_invalid, parse_toml, read_toml

__all__ = [
    "AugmentSection",
    "DataSection",
    "ModelSection",
    "OptimSection",
    "RunSection",
    "TrainerSection",
    "TrainingConfig",
    "dump_config",
    "load_config",
    "parse_config",
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(_Section):
    """The model: an architecture and the fields of its configuration."""

    architecture: str = "demucs"
    configuration: dict[str, Any] = Field(default_factory=dict)
    init: str | None = Field(None, description="name or folder of the package whose weights the run starts from")


class DataSection(_Section):
    """Excerpts and batches."""

    segment: float = Field(10.0, gt=0, description="seconds of an excerpt, not counting the model's context")
    batch_size: int = Field(64, ge=1, description="excerpts per step, over all devices and accumulated parts")
    stride: float | None = Field(
        None, gt=0, description="seconds from one window to the next; without it, excerpts start at random positions"
    )
    repeat: int = Field(1, ge=1, description="passes over the windows per epoch")
    workers: int = Field(0, ge=0, description="processes that load excerpts; 0 loads them between steps")


class AugmentSection(_Section):
    """The augmentation of the paper (2021), in its order: repitch, shift, sign, channels, scale, remix."""

    repitch: float = Field(0.0, ge=0, le=1, description="probability of changing the pitch and tempo of an excerpt")
    shift: float = Field(1.0, ge=0, description="largest random shift of each stem, in seconds")
    flip_sign: bool = True
    flip_channels: bool = True
    scale: tuple[float, float] | None = Field(None, description="lowest and highest gain of a stem")
    remix_group: int = Field(4, ge=0, description="number of excerpts whose stems are remixed; 0 or 1 for none")


class OptimSection(_Section):
    """Loss, optimiser and schedule. The run ends after ``steps`` or ``epochs``, whichever comes first."""

    loss: Literal["l1", "mse"] = "l1"
    optimizer: Literal["adam", "adamw", "muon"] = Field(
        "adam", description="adamw decouples weight decay from the gradient; muon takes orthogonal steps"
    )
    learning_rate: float = Field(3e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup_steps: int = Field(0, ge=0)
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    cooldown_steps: int = Field(0, ge=0, description="constant: number of last steps in which the rate falls to 0")
    patience: int = Field(20, ge=1, description="plateau: validations without improvement before the rate falls")
    factor: float = Field(0.1, gt=0, lt=1, description="plateau: factor by which the rate falls")
    early_stop: int | None = Field(None, ge=1, description="validations without improvement before the run ends")
    steps: int | None = Field(None, ge=1)
    epochs: int | None = Field(None, ge=1, description="epochs of data.repeat passes over the windows")
    accumulate: int = Field(1, ge=1, description="number of parts in which a batch is computed, to save memory")
    gradient_clip: float | None = Field(None, gt=0, description="largest norm of the gradient")
    ema_decay: float | None = Field(None, gt=0, lt=1, description="decay per step of the averaged weights")


class RunSection(_Section):
    """Seed, checkpoints, validation, and the text of the package's card."""

    seed: int = 42
    checkpoint_minutes: float = Field(5.0, gt=0)
    validate_every: int | None = Field(None, ge=1, description="steps between validations; by default an epoch, or 500")
    name: str = "model"
    window: float = Field(10.0, gt=0, le=3600, description="seconds of a window in validation and separation")
    licence: str = "unspecified"
    description: str = ""

    @field_validator("name")
    @classmethod
    def _is_plain(cls, name: str) -> str:
        try:
            check_plain_name("name", name)
        except ConfigError as error:
            raise ValueError(str(error).removeprefix("name: ")) from error
        return name


class TrainerSection(_Section):
    """Devices and precision; the values are those of Lightning's ``Trainer``."""

    accelerator: str = "auto"
    devices: int | Literal["auto"] = "auto"
    nodes: int = Field(1, ge=1)
    strategy: str = "auto"
    precision: Literal["auto", "32", "16-mixed", "bf16-mixed"] = Field(
        "32", description="auto: mixed on a CUDA device, else 32"
    )
    sync_batchnorm: bool = False


class TrainingConfig(_Section):
    """A training run. The defaults are the paper's; ``optim.steps`` or ``optim.epochs`` must be set."""

    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    augment: AugmentSection = AugmentSection()
    optim: OptimSection = OptimSection()
    run: RunSection = RunSection()
    trainer: TrainerSection = TrainerSection()

    @model_validator(mode="after")
    def _fields_agree(self) -> TrainingConfig:
        data, augment, optim = self.data, self.augment, self.optim
        if optim.steps is None and optim.epochs is None:
            raise ValueError("set optim.steps or optim.epochs, so that the run ends")
        if data.stride is None and (optim.epochs is not None or data.repeat > 1):
            field = "data.repeat" if optim.epochs is None else "optim.epochs"
            raise ValueError(f"{field} counts passes over windows and needs data.stride")
        if data.batch_size % optim.accumulate:
            raise ValueError("optim.accumulate must divide data.batch_size")
        if augment.remix_group > 1 and data.batch_size // optim.accumulate % augment.remix_group:
            parts = "data.batch_size" if optim.accumulate == 1 else "data.batch_size / optim.accumulate"
            raise ValueError(f"augment.remix_group must divide {parts}")
        if augment.scale is not None and augment.scale[0] > augment.scale[1]:
            raise ValueError("augment.scale must be two gains, the lower first")
        if optim.schedule == "plateau" and optim.warmup_steps:
            raise ValueError("optim.warmup_steps cannot be combined with optim.schedule = 'plateau'")
        if optim.schedule != "constant" and optim.cooldown_steps:
            raise ValueError(f"optim.cooldown_steps cannot be combined with optim.schedule = {optim.schedule!r}")
        if optim.steps is not None and optim.cooldown_steps > optim.steps:
            raise ValueError("optim.cooldown_steps is more than optim.steps")
        return self


def load_config(path: Path, overrides: Iterable[str] = ()) -> TrainingConfig:
    """Read a training configuration.

    Args:
        path: A TOML file.
        overrides: Changes to fields, as of :func:`parse_config`.

    Raises:
        ConfigError: The file cannot be read, or a field is unknown or invalid; the message names it.
    """
    return _validate(read_toml(path), str(path), overrides)


def parse_config(text: str, origin: str, overrides: Iterable[str] = ()) -> TrainingConfig:
    """Read a training configuration from TOML.

    Args:
        text: The TOML.
        origin: Name of the configuration in messages.
        overrides: Changes to fields, each ``section.field=value``. The value is TOML; anything else is a string.

    Raises:
        ConfigError: A field is unknown, invalid or contradicts another; the message names it.
    """
    return _validate(parse_toml(text, origin), origin, overrides)


def _validate(table: dict[str, Any], origin: str, overrides: Iterable[str]) -> TrainingConfig:
    for override in overrides:
        _override(table, override)
    try:
        return TrainingConfig.model_validate(table)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {explain_invalid(error, TrainingConfig)}") from error


def dump_config(config: TrainingConfig) -> str:
    """Return a configuration as TOML, with all fields that have a value, defaults included."""
    return tomli_w.dumps(config.model_dump(exclude_none=True))


def _override(table: dict[str, Any], override: str) -> None:
    """Set a field of nested tables from ``section.field=value``."""
    path, equals, text = override.partition("=")
    *sections, field = (part.strip() for part in path.split("."))
    if not equals or not sections:
        raise ConfigError(f"--set {override}: write section.field=value")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {override}: {section} is a field, not a section")
    try:
        table[field] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[field] = text
