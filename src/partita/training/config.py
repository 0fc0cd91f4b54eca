"""What a training run is made of, read from TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from partita.errors import ConfigError

__all__ = ["TrainingConfig", "load_config"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(_Section):
    """The model: an architecture and the fields of its configuration."""

    architecture: str = "demucs"
    configuration: dict[str, Any] = Field(default_factory=dict)


class DataSection(_Section):
    """Excerpts and batches."""

    segment: float = Field(10.0, gt=0, description="seconds the model separates of an excerpt, before its context")
    batch_size: int = Field(64, ge=1)
    emphasis: dict[str, float] = Field(
        default_factory=dict, description="start of a song's name -> how much likelier its seconds are"
    )


class AugmentSection(_Section):
    """The paper's augmentation, in its order (2021: shift, sign, channels, scale, remix)."""

    shift: float = Field(1.0, ge=0, description="seconds of room for the independent shifts of the stems")
    flip_sign: bool = True
    flip_channels: bool = True
    scale: tuple[float, float] | None = Field(None, description="gains are drawn between the two")
    remix_group: int = Field(4, ge=0, description="songs whose stems are mixed anew; 0 or 1 for none")


class OptimSection(_Section):
    """Loss, optimiser and schedule."""

    loss: Literal["l1", "mse"] = "l1"
    learning_rate: float = Field(3e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0, description="decoupled; 0 is plain Adam")
    warmup_steps: int = Field(0, ge=0)
    schedule: Literal["constant", "cosine"] = "constant"
    steps: int = Field(100_000, ge=1)
    gradient_clip: float | None = Field(None, gt=0, description="largest norm of the gradient")
    ema_decay: float | None = Field(None, gt=0, lt=1, description="decay of the averaged weights a step")


class RunSection(_Section):
    """Seeds, checkpoints, validation, and what the package will say."""

    seed: int = 42
    checkpoint_minutes: float = Field(5.0, gt=0)
    validate_every: int = Field(500, ge=1, description="steps")
    name: str = "model"
    window: float = Field(10.0, gt=0, description="seconds of a window when the package separates")
    licence: str = "unspecified"
    description: str = ""


class TrainingConfig(_Section):
    """A whole training run; the defaults are the paper's."""

    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    augment: AugmentSection = AugmentSection()
    optim: OptimSection = OptimSection()
    run: RunSection = RunSection()

    @model_validator(mode="after")
    def _groups_divide_batches(self) -> TrainingConfig:
        if self.augment.remix_group > 1 and self.data.batch_size % self.augment.remix_group:
            raise ValueError("augment.remix_group must divide data.batch_size")
        return self


def load_config(path: Path) -> TrainingConfig:
    """Read a training configuration.

    Raises:
        ConfigError: The file cannot be read, or a field is unknown or makes no sense; the message names it.
    """
    try:
        return TrainingConfig.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "configuration"
        raise ConfigError(f"{path}: {field}: {first['msg']}") from error
