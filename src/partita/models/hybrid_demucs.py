"""Hybrid Demucs: the spectrogram and the waveform U-Net share their innermost layers.

Hybrid Spectrogram and Waveform Source Separation (Defossez, 2021), the model that won the Music Demixing Challenge.
"""

from __future__ import annotations

from partita.models.configurations.hybrid import HybridDemucsConfig
from partita.models.hybrid import HybridModel

__all__ = ["HybridDemucs", "HybridDemucsConfig"]


class HybridDemucs(HybridModel):
    """The paper's model.

    Five layers reduce the 2048 frequencies of the spectrogram to one, while five layers over the waveform reduce its
    samples to as many steps as there are frames; there the two are added, and a sixth layer follows. The decoders
    mirror this. The published models were trained on 11 seconds and separate windows of 44 seconds.
    """

    architecture = "hybrid-demucs"
