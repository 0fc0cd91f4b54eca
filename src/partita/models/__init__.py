"""Architectures: one file each, pure torch modules built from a typed configuration."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from partita.errors import ConfigError, ModelError, nearest

if TYPE_CHECKING:
    from partita.models.base import WaveformModel

__all__ = ["ARCHITECTURES", "build"]

# name -> (module, class of the model, class of its configuration); imported when first built
ARCHITECTURES = {
    "conv-tasnet": ("partita.models.conv_tasnet", "ConvTasNet", "ConvTasNetConfig"),
    "demucs": ("partita.models.demucs", "Demucs", "DemucsConfig"),
    "open-unmix": ("partita.models.open_unmix", "OpenUnmix", "OpenUnmixConfig"),
    "spectrogram-unet": ("partita.models.spectrogram_unet", "SpectrogramUNet", "SpectrogramUNetConfig"),
    "wave-unet": ("partita.models.wave_unet", "WaveUNet", "WaveUNetConfig"),
}


def build(name: str, **configuration: Any) -> WaveformModel:
    """Build a model with fresh weights.

    Args:
        name: An architecture of :data:`ARCHITECTURES`.
        **configuration: Fields of its configuration class; the rest keep their defaults.

    Raises:
        ConfigError: The name or a field is unknown, or a value makes no sense.
        ModelError: torch is not installed.
    """
    if name not in ARCHITECTURES:
        raise ConfigError(f"unknown architecture {name!r}{nearest(name, ARCHITECTURES)}")
    module_name, model_class, config_class = ARCHITECTURES[name]
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        raise ModelError(f"{error.name} is not installed: pip install 'partita[torch]' brings it") from error
    known = [field.name for field in fields(getattr(module, config_class))]
    for field in configuration:
        if field not in known:
            raise ConfigError(f"{name} has no field {field!r}{nearest(field, known)}")
    model: WaveformModel = getattr(module, model_class)(getattr(module, config_class)(**configuration))
    return model
