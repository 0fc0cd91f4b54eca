"""Models with the attributes of demucs' models, run by :class:`partita.Separator`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from partita.compat.demucs.repo import longest_segment
from partita.compat.demucs.torch_extra import torch
from partita.errors import ConfigError
from partita.separation import Separator
from partita.zoo import Package

__all__ = ["BagOfModels", "HDemucs", "HTDemucs", "Model", "wrap"]


class Model(torch.nn.Module):
    """A model package.

    :func:`partita.compat.demucs.apply.apply_model` runs the package. The torch module is only built for callers that
    use its parameters or call the model; changes of its weights have no effect on ``apply_model``.

    Args:
        package: The model.
        segment: Length of a window in seconds; by default the model's.

    Attributes:
        sources: Names of the stems, in the order of the output.
        samplerate: Hz.
        audio_channels: Channels of the mixture and of each stem.
        segment: Default length of a window in seconds.
        max_allowed_segment: The longest window in seconds that the model accepts.
    """

    def __init__(self, package: Package, segment: float | None = None) -> None:
        super().__init__()
        self.sources = list(package.card.sources)
        self.samplerate = package.card.sample_rate
        self.audio_channels = package.card.audio_channels
        self.max_allowed_segment = longest_segment(package)
        self.segment = min(segment or package.card.segment, self.max_allowed_segment)
        self._package = package
        self._separators: dict[tuple[object, ...], Separator] = {}

    def separator(self, device: torch.device, segment: float | None, overlap: float, shifts: int) -> Separator:
        """Return what runs the model; the last one is kept.

        Args:
            device: On ``cpu``, ONNX Runtime runs the model, elsewhere torch.
            segment: Length of a window in seconds; None for the model's.
            overlap: Fraction of a window that the next one covers too.
            shifts: Number of passes to average.
        """
        key = (str(device), segment or self.segment, overlap, shifts)
        if key not in self._separators:
            self._separators = {
                key: Separator(
                    self._package,
                    backend="onnx" if device.type == "cpu" else "torch",
                    device=str(device),
                    segment=segment or self.segment,
                    overlap=overlap,
                    shifts=shifts,
                )
            }
        return self._separators[key]

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate mixtures ``(batch, channels, samples)`` into ``(batch, sources, channels, samples)``."""
        stems: torch.Tensor = self._network().to(mix.device)(mix)
        return stems

    def named_modules(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, torch.nn.Module]]:
        """Return the modules, and so the parameters, as any module does."""
        self._network()
        yield from super().named_modules(*args, **kwargs)

    def _network(self) -> torch.nn.Module:
        if "network" not in self._modules:
            self.network = self._package.load_torch().train(self.training)
        return self.network


class HTDemucs(Model):
    """Hybrid Transformer Demucs."""


class HDemucs(Model):
    """Hybrid Demucs."""


def wrap(package: Package) -> Model:
    """Return a model of the class that demucs has for it."""
    classes = {"hybrid-transformer-demucs": HTDemucs, "hybrid-demucs": HDemucs}
    return classes.get(package.card.architecture, Model)(package)


class BagOfModels(torch.nn.Module):
    """Models whose stems are averaged; :func:`partita.compat.demucs.apply.apply_model` runs it.

    Args:
        models: The models.
        weights: For each model one weight for each source; by default all are 1.
        segment: Length of a window in seconds for all models, except that transformers keep theirs if it is shorter.

    Attributes:
        models: As above.
        weights: As above.
        sources: Names of the stems.
        samplerate: Hz.
        audio_channels: Channels of the mixture and of each stem.

    Raises:
        ConfigError: There is no model, the models differ in sources, sample rate or channels, or the weights do not
            fit them.
    """

    def __init__(
        self,
        models: Sequence[Model],
        weights: Sequence[Sequence[float]] | None = None,
        segment: float | None = None,
    ) -> None:
        super().__init__()
        kinds = {(tuple(model.sources), model.samplerate, model.audio_channels) for model in models}
        if len(kinds) != 1:
            raise ConfigError("models: give at least one, all with the same sources, sample rate and channels")
        self.sources = list(models[0].sources)
        self.samplerate = models[0].samplerate
        self.audio_channels = models[0].audio_channels
        self.models = torch.nn.ModuleList(models)
        self.weights = [list(row) for row in weights or [[1.0] * len(self.sources)] * len(models)]
        if len(self.weights) != len(models) or any(len(row) != len(self.sources) for row in self.weights):
            raise ConfigError("weights: give each model one weight for each source")
        for model in models:
            if segment is not None and segment <= model.max_allowed_segment:
                model.segment = segment

    @property
    def max_allowed_segment(self) -> float:
        """The longest window in seconds that all models accept; infinite without transformers."""
        return min(float(str(model.max_allowed_segment)) for model in self.models)

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Raise :class:`NotImplementedError`, as in demucs."""
        raise NotImplementedError("a bag is run by apply_model(bag, mix)")
