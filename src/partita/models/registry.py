"""From the name of an architecture to a model."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from partita.errors import ConfigError, ModelError, nearest
from partita.system.extras import missing_extra
from partita.system.schema import build_checked

if TYPE_CHECKING:
    from partita.models.base import WaveformModel
    from partita.models.configurations.base import ModelConfig

__all__ = ["ARCHITECTURES", "build", "configure"]

# name -> (module, class of the model, module and class of its configuration); imported on first use
ARCHITECTURES = {
    "conv-tasnet": ("conv_tasnet", "ConvTasNet", "conv_tasnet", "ConvTasNetConfig"),
    "demucs": ("demucs", "Demucs", "demucs", "DemucsConfig"),
    "hybrid-demucs": ("hybrid_demucs", "HybridDemucs", "hybrid", "HybridDemucsConfig"),
    "hybrid-transformer-demucs": (
        "hybrid_transformer_demucs",
        "HybridTransformerDemucs",
        "hybrid",
        "HybridTransformerDemucsConfig",
    ),
    "open-unmix": ("open_unmix", "OpenUnmix", "open_unmix", "OpenUnmixConfig"),
    "residual-demucs": ("residual_demucs", "ResidualDemucs", "residual_demucs", "ResidualDemucsConfig"),
    "spectrogram-unet": ("spectrogram_unet", "SpectrogramUNet", "spectrogram_unet", "SpectrogramUNetConfig"),
    "wave-unet": ("wave_unet", "WaveUNet", "wave_unet", "WaveUNetConfig"),
}


def configure(name: str, **configuration: Any) -> ModelConfig:
    """Build and check the configuration of an architecture; this needs no torch.

    Args:
        name: A key of :data:`ARCHITECTURES`.
        **configuration: Fields of its configuration class; all others have their defaults.

    Raises:
        ConfigError: The name or a field is unknown, or a value is invalid.
    """
    *_, module, config_name = _names(name)
    config_class: type[ModelConfig] = getattr(import_module(f"{__package__}.configurations.{module}"), config_name)
    known = [field.name for field in fields(config_class)]
    for field in configuration:
        if field not in known:
            raise ConfigError(f"{name} has no field {field!r}{nearest(field, known)}")
    return build_checked(config_class, configuration)


def build(name: str, **configuration: Any) -> WaveformModel:
    """Build a model with fresh weights.

    Args:
        name: A key of :data:`ARCHITECTURES`.
        **configuration: Fields of its configuration class, as of :func:`configure`.

    Raises:
        ConfigError: The name or a field is unknown, or a value is invalid.
        ModelError: torch is not installed.
    """
    module, model_name, *_ = _names(name)
    config = configure(name, **configuration)
    try:
        model: WaveformModel = getattr(import_module(f"{__package__}.{module}"), model_name)(config)
    except ModuleNotFoundError as error:
        raise ModelError(missing_extra("torch", error.name or "torch")) from error
    return model


def _names(name: str) -> tuple[str, str, str, str]:
    if name not in ARCHITECTURES:
        raise ConfigError(f"unknown architecture {name!r}{nearest(name, ARCHITECTURES)}")
    return ARCHITECTURES[name]
