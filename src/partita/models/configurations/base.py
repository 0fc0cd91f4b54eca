"""What the configurations of all architectures have in common."""

from __future__ import annotations

from dataclasses import dataclass

from partita.errors import ConfigError
from partita.models.geometry import Geometry, StagedGeometry
from partita.system.names import check_plain_names

__all__ = ["ModelConfig"]

_LARGEST = 2**24  # of any number; larger ones would take more memory than there is, or endless time
_MOST = 64  # sources, channels, layers and the like
_COUNTED = (
    "audio_channels",
    "blocks",
    "branch_depth",
    "depth",
    "layers",
    "levels",
    "lstm_layers",
    "stacks",
    "transformer_layers",
)


@dataclass(frozen=True)
class ModelConfig:
    """The configuration of a model; each architecture adds fields of its own.

    Attributes:
        sources: Names of the stems.
        audio_channels: Channels of the mixture and of each stem.
        sample_rate: Sample rate in Hz.
    """

    sources: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    audio_channels: int = 2
    sample_rate: int = 44100

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        self._check_names_and_sizes()
        self._require_positive("audio_channels", "sample_rate")

    def _check_names_and_sizes(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        if not self.sources or len(set(self.sources)) != len(self.sources):
            raise ConfigError("sources: name at least one stem, each once")
        check_plain_names("sources", self.sources)
        for name, value in vars(self).items():
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, int | float) and not abs(number) <= _LARGEST:
                    raise ConfigError(f"{name}: must be at most {_LARGEST}, not {number}")
        self._require_at_most(_MOST, *_COUNTED)
        if len(self.sources) > _MOST:
            raise ConfigError(f"sources: at most {_MOST}, not {len(self.sources)}")

    def _require_positive(self, *fields: str) -> None:
        for field in fields:
            if getattr(self, field) < 1:
                raise ConfigError(f"{field}: must be at least 1, not {getattr(self, field)}")

    def _require_at_most(self, most: int, *fields: str) -> None:
        for field in fields:
            if vars(self).get(field, 0) > most:
                raise ConfigError(f"{field}: must be at most {most}, not {getattr(self, field)}")

    @property
    def geometry(self) -> Geometry:
        """The lengths that the model accepts."""
        raise NotImplementedError

    @property
    def stages(self) -> StagedGeometry | None:
        """The lengths of the model's stages, ``None`` if it has to run on whole windows."""
        return None
