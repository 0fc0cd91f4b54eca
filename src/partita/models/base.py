"""What every model of partita is: a torch module from mixtures to stems."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.geometry import Geometry

__all__ = ["Distance", "WaveformModel"]

Distance = Callable[[Tensor, Tensor], Tensor]
"""Compares estimates with references of the same shape and returns a scalar, such as :func:`F.l1_loss`."""


class WaveformModel(nn.Module):
    """A model from waveforms to waveforms.

    A subclass calls ``super().__init__`` with what it separates and implements :meth:`core`
    for the lengths its :class:`Geometry` names; padding and trimming live here, once.

    Attributes:
        sources: Names of the stems, in the order of the output.
        audio_channels: Channels of the mixture and of each stem.
        sample_rate: Sample rate of both, in Hz.
        geometry: The lengths :meth:`core` accepts.
        configuration: The fields the model was built from, as plain values.
    """

    architecture: str

    def __init__(
        self,
        *,
        sources: tuple[str, ...],
        audio_channels: int,
        sample_rate: int,
        geometry: Geometry,
        configuration: dict[str, Any],
    ) -> None:
        super().__init__()
        self.sources = sources
        self.audio_channels = audio_channels
        self.sample_rate = sample_rate
        self.geometry = geometry
        self.configuration = configuration

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
            ``(batch, sources, channels, samples)``; outside the input the mixture counts as silence.
        """
        samples = mixture.shape[-1]
        edge = self.geometry.edge
        left = self.geometry.left_context + edge
        right = self.geometry.input_length(samples + 2 * edge) - samples - left
        stems: Tensor = self.core(F.pad(mixture, (left, right)))
        return stems[..., edge : edge + samples]

    def loss(self, mixture: Tensor, stems: Tensor, distance: Distance) -> Tensor:
        """Return what training makes small: here, the distance of the separated waveforms from the stems.

        Models of spectrograms compare magnitudes instead.

        Args:
            mixture: ``(batch, channels, geometry.input_length(samples))``.
            stems: ``(batch, sources, channels, the same length)``, context included.
            distance: Of two tensors of the same shape.

        Returns:
            A scalar.
        """
        estimates = self.core(mixture).float()
        left = self.geometry.left_context
        return distance(estimates, stems[..., left : left + estimates.shape[-1]])

    def calibrate(self, mixtures: Iterable[Tensor]) -> None:
        """Set what the model takes from the statistics of its data, before the first step of training.

        Nothing, for most models; the mixtures are not read then.

        Args:
            mixtures: Examples ``(batch, channels, samples)`` of what it will separate.
        """

    def parameter_count(self) -> int:
        """Return the number of trained parameters."""
        return sum(parameter.numel() for parameter in self.parameters())

    @torch.no_grad()
    def check_finite(self) -> bool:
        """Return whether all weights are finite numbers."""
        return all(bool(torch.isfinite(parameter).all()) for parameter in self.parameters())
