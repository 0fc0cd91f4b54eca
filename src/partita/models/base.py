"""The base of every model: a torch module from mixtures to stems."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.configurations.base import ModelConfig

__all__ = ["Distance", "ModelConfig", "WaveformModel"]

Distance = Callable[[Tensor, Tensor], Tensor]
"""Compares estimates with references of the same shape and returns a scalar, such as :func:`F.l1_loss`."""


class WaveformModel(nn.Module):
    """A model from waveforms to waveforms.

    A subclass calls ``super().__init__`` with its configuration and implements :meth:`core` for the lengths of its
    :class:`Geometry`. Padding and trimming are implemented here.

    Attributes:
        sources: Names of the stems, in the order of the output.
        audio_channels: Channels of the mixture and of each stem.
        sample_rate: Sample rate of both, in Hz.
        geometry: The lengths that :meth:`core` accepts.
        stages: The lengths of its stages, ``None`` if it has to run on whole windows.
        configuration: The fields of its configuration, as plain values.
    """

    architecture: str

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.sources = config.sources
        self.audio_channels = config.audio_channels
        self.sample_rate = config.sample_rate
        self.geometry = config.geometry
        self.stages = config.stages
        fields = asdict(config).items()
        self.configuration = {name: list(value) if isinstance(value, tuple) else value for name, value in fields}

    def core(self, mixture: Tensor) -> Tensor:
        """Separate an input of a valid length, context included.

        Args:
            mixture: ``(batch, channels, geometry.input_length(samples))``.

        Returns:
            ``(batch, sources, channels, geometry.output_length(samples))``.
        """
        raise NotImplementedError

    def forward(self, mixture: Tensor) -> Tensor:
        """Separate mixtures of any length of at least one sample.

        Args:
            mixture: ``(batch, channels, samples)``, float.

        Returns:
            ``(batch, sources, channels, samples)``; the mixture is taken to be silent outside the input.
        """
        samples = mixture.shape[-1]
        edge = self.geometry.edge
        left = self.geometry.left_context + edge
        right = self.geometry.input_length(samples + 2 * edge) - samples - left
        stems: Tensor = self.core(F.pad(mixture, (left, right)))
        return stems[..., edge : edge + samples]

    def loss(self, mixture: Tensor, stems: Tensor, distance: Distance) -> Tensor:
        """Return the training loss: by default the distance between the estimated waveforms and the stems.

        Spectrogram models compare magnitudes instead.

        Args:
            mixture: ``(batch, channels, geometry.input_length(samples))``.
            stems: ``(batch, sources, channels, the same length)``, context included.
            distance: Compares two tensors of the same shape.

        Returns:
            A scalar.
        """
        estimates = self.core(mixture).float()
        left = self.geometry.left_context
        return distance(estimates, stems[..., left : left + estimates.shape[-1]])

    def calibrate(self, mixtures: Iterable[Tensor]) -> None:
        """Set parameters from statistics of the training data, before the first step.

        Most models have none and do not read the mixtures.

        Args:
            mixtures: Examples of training mixtures, each ``(batch, channels, samples)``.
        """

    def parameter_count(self) -> int:
        """Return the number of trained parameters."""
        return sum(parameter.numel() for parameter in self.parameters())

    @torch.no_grad()
    def check_finite(self) -> bool:
        """Return whether all weights are finite."""
        return all(bool(torch.isfinite(parameter).all()) for parameter in self.parameters())
