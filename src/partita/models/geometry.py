"""The input length that a model needs for an output length: integer arithmetic, no torch."""

from __future__ import annotations

from dataclasses import dataclass

from partita.errors import ConfigError

__all__ = ["Geometry", "Rows", "StagedGeometry"]

_LONGEST = 2**23  # samples, three minutes at 44.1 kHz


@dataclass(frozen=True)
class Geometry:
    """The lengths that a model's core accepts, in samples.

    For every n >= 0 the core maps ``shortest_input + n * multiple`` input samples to
    ``shortest_output + n * multiple`` output samples, centred in the input. Shifting the
    input by a multiple of ``multiple`` shifts the output of the convolutions by the same number of samples.

    Attributes:
        multiple: Difference between two consecutive valid lengths (the product of all strides).
        shortest_input: The shortest valid input.
        shortest_output: The length of its output.
        edge: Samples at either end of the output that would change if the input were longer.
    """

    multiple: int
    shortest_input: int
    shortest_output: int
    edge: int = 0

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if the lengths are impossible, or longer than any window."""
        if self.multiple < 1 or not 1 <= self.shortest_output <= self.shortest_input or self.edge < 0:
            raise ConfigError(f"geometry: the lengths are impossible: {self}")
        if max(self.multiple, self.shortest_input, self.edge) > _LONGEST:
            raise ConfigError("geometry: the shortest input of the model is too long; use fewer or smaller strides")

    @property
    def left_context(self) -> int:
        """Input samples before the first output sample."""
        return (self.shortest_input - self.shortest_output) // 2

    @property
    def right_context(self) -> int:
        """Input samples after the last output sample."""
        return self.shortest_input - self.shortest_output - self.left_context

    def output_length(self, samples: int) -> int:
        """Return the shortest output length of the core that is at least ``samples``."""
        steps = -((self.shortest_output - samples) // self.multiple)
        return self.shortest_output + max(0, steps) * self.multiple

    def input_length(self, samples: int) -> int:
        """Return the input length whose output is ``output_length(samples)``."""
        return self.output_length(samples) + self.shortest_input - self.shortest_output


@dataclass(frozen=True)
class Rows:
    """Which rows of a signal belong to the frames between encoder and decoder.

    Attributes:
        rate: Rows of the signal per frame.
        before: Rows that are missing at the beginning; more than those of the frames if negative.
        after: The same at the end.
    """

    rate: int
    before: int = 0
    after: int = 0

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the first row and the row after the last one for frames ``first`` to ``last - 1``."""
        return first * self.rate + self.before, last * self.rate - self.after


@dataclass(frozen=True)
class StagedGeometry:
    """The lengths of a model in stages: outer and inner encoder, recurrence, inner and outer decoder.

    The outer stages hold one level of the model each way that is longer than all others together, so they run on
    shorter pieces than the inner ones. The outer decoder computes the outermost skip connection again from the mixture,
    which takes little time and saves most of the memory.

    Attributes:
        outer_encoder: Samples of the mixture that the outer encoder reads for its rows.
        inner_encoder: Rows of the outer encoder that the inner one reads for its frames.
        skips: Rows of each skip connection that the inner decoder reads for its frames; first come those of the outer
            encoder, last the frames themselves.
        inner_decoder: Rows that the inner decoder returns for its frames.
        outer_decoder: Samples of the mixture that the outer decoder reads for these rows.
        output: Samples that it returns for them. They depend on nothing else.
    """

    outer_encoder: Rows
    inner_encoder: Rows
    skips: tuple[Rows, ...]
    inner_decoder: Rows
    outer_decoder: Rows
    output: Rows

    @property
    def samples(self) -> int:
        """Samples of the mixture per frame."""
        return self.inner_decoder.rate * self.output.rate

    @property
    def lost_frames(self) -> int:
        """Frames at the end of a piece that the next one has to begin with."""
        first, last = self.output_span(0, 0)
        return -((last - first) // self.samples)

    @property
    def lost_rows(self) -> int:
        """The same for rows of the inner decoder."""
        return -(-(self.output.before + self.output.after) // self.output.rate)

    def encoder_span(self, first: int, last: int) -> tuple[int, int]:
        """Return the samples of the mixture that the encoder reads for frames ``first`` to ``last - 1``."""
        return self.outer_encoder.span(*self.inner_encoder.span(first, last))

    def decoder_span(self, first: int, last: int) -> tuple[int, int]:
        """Return the samples of the mixture that the decoder reads for these frames."""
        return self.outer_decoder.span(*self.inner_decoder.span(first, last))

    def output_span(self, first: int, last: int) -> tuple[int, int]:
        """Return the samples that the decoder returns for these frames."""
        return self.output.span(*self.inner_decoder.span(first, last))
