"""partita: music separated into its parts, in the waveform domain.

::

    import partita

    separator = partita.Separator()
    stems = separator.separate("song.mp3")
    stems["vocals"], stems.sample_rate
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Unpack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from partita import audio, data, evaluation, experiment, models, separation, training, zoo
    from partita.audio import SourceLike
    from partita.errors import (
        AudioError,
        Cancelled,
        ConfigError,
        DivergenceError,
        ModelError,
        OutputError,
        PartitaError,
    )
    from partita.separation import Block, OutputOptions, Separator, SeparatorFields, Stems
    from partita.system.allocator import keep_freed_memory
    from partita.zoo import Package, list_models, load_model

__all__ = [
    "AudioError",
    "Block",
    "Cancelled",
    "ConfigError",
    "DivergenceError",
    "ModelError",
    "OutputError",
    "OutputOptions",
    "Package",
    "PartitaError",
    "Separator",
    "SeparatorFields",
    "SourceLike",
    "Stems",
    "__version__",
    "audio",
    "data",
    "evaluation",
    "experiment",
    "keep_freed_memory",
    "list_models",
    "load_model",
    "models",
    "separate",
    "separation",
    "training",
    "zoo",
]

# rooms, and the homes (module, name there) of public names; they are imported on first use, so that `import partita`
# takes no time
_ROOMS = ("audio", "data", "evaluation", "experiment", "models", "separation", "training", "zoo")
_HOMES = {
    "AudioError": ("partita.errors", "AudioError"),
    "Block": ("partita.separation", "Block"),
    "Cancelled": ("partita.errors", "Cancelled"),
    "ConfigError": ("partita.errors", "ConfigError"),
    "DivergenceError": ("partita.errors", "DivergenceError"),
    "ModelError": ("partita.errors", "ModelError"),
    "OutputError": ("partita.errors", "OutputError"),
    "OutputOptions": ("partita.separation", "OutputOptions"),
    "Package": ("partita.zoo", "Package"),
    "PartitaError": ("partita.errors", "PartitaError"),
    "Separator": ("partita.separation", "Separator"),
    "SeparatorFields": ("partita.separation", "SeparatorFields"),
    "SourceLike": ("partita.audio", "SourceLike"),
    "Stems": ("partita.separation", "Stems"),
    "keep_freed_memory": ("partita.system.allocator", "keep_freed_memory"),
    "list_models": ("partita.zoo", "list_models"),
    "load_model": ("partita.zoo", "load_model"),
}


def separate(
    audio: SourceLike,
    model: str | PathLike[str] = "default",
    *,
    sample_rate: int | None = None,
    stems: Sequence[str] | None = None,
    **options: Unpack[SeparatorFields],
) -> Stems:
    """Separate one track in memory.

    Args:
        audio: A file (path, bytes or binary file object), samples ``(channels, samples)``, or a
            :class:`partita.audio.Source`.
        model: Name of a model, or the folder of a model package.
        sample_rate: Of samples, in Hz; the model's by default.
        stems: The stems to return; all by default. Of a bag of models, only those run that these stems need.
        **options: Options of :class:`Separator`.

    Returns:
        The stems by name, float32 ``(channels, samples)``, with their ``sample_rate``.

    Raises:
        PartitaError: The audio cannot be read, there is no such model, or an option is invalid.
    """
    from partita.separation import Separator

    return Separator(model, **options).separate(audio, sample_rate, stems=stems)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("partita")
    if name in _ROOMS:
        return import_module(f"partita.{name}")
    if name in _HOMES:
        module, attribute = _HOMES[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module 'partita' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
