"""From the name of an architecture to a model."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from partita.errors import ConfigError, ModelError, nearest
from partita.system.extras import missing_extra

if TYPE_CHECKING:
    from partita.models.base import ModelConfig, WaveformModel

__all__ = ["ARCHITECTURES", "build", "configure"]

# name -> (module, class of the model, class of its configuration); imported on first use
ARCHITECTURES = {
    "conv-tasnet": ("partita.models.conv_tasnet", "ConvTasNet", "ConvTasNetConfig"),
    "demucs": ("partita.models.demucs", "Demucs", "DemucsConfig"),
    "hybrid-demucs": ("partita.models.hybrid_demucs", "HybridDemucs", "HybridDemucsConfig"),
    "hybrid-transformer-demucs": (
        "partita.models.hybrid_transformer_demucs",
        "HybridTransformerDemucs",
        "HybridTransformerDemucsConfig",
    ),
    "open-unmix": ("partita.models.open_unmix", "OpenUnmix", "OpenUnmixConfig"),
    "residual-demucs": ("partita.models.residual_demucs", "ResidualDemucs", "ResidualDemucsConfig"),
    "spectrogram-unet": ("partita.models.spectrogram_unet", "SpectrogramUNet", "SpectrogramUNetConfig"),
    "wave-unet": ("partita.models.wave_unet", "WaveUNet", "WaveUNetConfig"),
}


def configure(name: str, **configuration: Any) -> ModelConfig:
    """Build and check the configuration of an architecture.

    Args:
        name: A key of :data:`ARCHITECTURES`.
        **configuration: Fields of its configuration class; all others have their defaults.

    Raises:
        ConfigError: The name or a field is unknown, or a value is invalid.
        ModelError: torch is not installed.
    """
    module, _, config_name = _load(name)
    config_class = getattr(module, config_name)
    known = [field.name for field in fields(config_class)]
    for field in configuration:
        if field not in known:
            raise ConfigError(f"{name} has no field {field!r}{nearest(field, known)}")
    chosen: ModelConfig = config_class(**configuration)
    return chosen


def build(name: str, **configuration: Any) -> WaveformModel:
    """Build a model with fresh weights.

    Args:
        name: A key of :data:`ARCHITECTURES`.
        **configuration: Fields of its configuration class, as of :func:`configure`.

    Raises:
        ConfigError: The name or a field is unknown, or a value is invalid.
        ModelError: torch is not installed.
    """
    module, model_name, _ = _load(name)
    model: WaveformModel = getattr(module, model_name)(configure(name, **configuration))
    return model


def _load(name: str) -> tuple[ModuleType, str, str]:
    if name not in ARCHITECTURES:
        raise ConfigError(f"unknown architecture {name!r}{nearest(name, ARCHITECTURES)}")
    module_name, model_name, config_name = ARCHITECTURES[name]
    try:
        return import_module(module_name), model_name, config_name
    except ModuleNotFoundError as error:
        raise ModelError(missing_extra("torch", error.name or "torch")) from error
