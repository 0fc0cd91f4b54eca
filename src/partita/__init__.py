"""partita: music separated into its parts, in the waveform domain.

::

    import partita

    separator = partita.Separator()
    stems = separator.separate("song.mp3")
    stems["vocals"], stems.sample_rate
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from partita import audio, data, evaluation, models, separation, training, zoo
    from partita.errors import (
        AudioError,
        Cancelled,
        ConfigError,
        DivergenceError,
        ModelError,
        OutputError,
        PartitaError,
    )
    from partita.separation import Block, OutputOptions, Separator, Stems
    from partita.zoo import find_package as load_model
    from partita.zoo import list_packages as list_models

__all__ = [
    "AudioError",
    "Block",
    "Cancelled",
    "ConfigError",
    "DivergenceError",
    "ModelError",
    "OutputError",
    "OutputOptions",
    "PartitaError",
    "Separator",
    "Stems",
    "__version__",
    "audio",
    "data",
    "evaluation",
    "list_models",
    "load_model",
    "models",
    "separate",
    "separation",
    "training",
    "zoo",
]

# rooms and public names (module, name there) are imported when first used, so that `import partita` is instant
_ROOMS = ("audio", "data", "evaluation", "models", "separation", "training", "zoo")
_HOMES = {
    **{
        name: ("partita.errors", name)
        for name in (
            "AudioError",
            "Cancelled",
            "ConfigError",
            "DivergenceError",
            "ModelError",
            "OutputError",
            "PartitaError",
        )
    },
    **{name: ("partita.separation", name) for name in ("Block", "OutputOptions", "Separator", "Stems")},
    "list_models": ("partita.zoo", "list_packages"),
    "load_model": ("partita.zoo", "find_package"),
}


def separate(source: Any, model: str = "default", *, sample_rate: int | None = None, **options: Any) -> Stems:
    """Separate one track in memory.

    Args:
        source: A file, or samples ``(channels, samples)``.
        model: Name of a model, or the folder of a package.
        sample_rate: Of samples given as an array, in Hz.
        **options: Of :class:`Separator`.

    Returns:
        Stems by name, float32 ``(channels, samples)``, with their ``sample_rate``.

    Raises:
        PartitaError: The source cannot be read, or an option makes no sense.
    """
    from partita.separation import Separator

    return Separator(model, **options).separate(source, sample_rate)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("partita")
    if name in _ROOMS:
        return import_module(f"partita.{name}")
    if name in _HOMES:
        module, attribute = _HOMES[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module 'partita' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
