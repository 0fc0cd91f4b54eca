"""The input length that a model needs for an output length: integer arithmetic, no torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Geometry", "Rows", "StagedGeometry"]


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
    """The lengths of a model that is cut into encoder, recurrence and decoder.

    Attributes:
        encoded: Samples of the mixture that the encoder reads for its frames.
        skips: Rows of each skip connection that the decoder reads for its frames, beginning with the second level; the
            last are the frames themselves.
        decoded: Samples of the mixture that the decoder reads for its frames, to compute the outermost skip connection
            again: it is larger than all the others together.
        output: Samples that the decoder returns for its frames. They depend on nothing outside the frames.
    """

    encoded: Rows
    skips: tuple[Rows, ...]
    decoded: Rows
    output: Rows

    @property
    def fewest(self) -> int:
        """The smallest number of frames that the decoder accepts: one more than it loses."""
        lost = self.output.before + self.output.after
        return -(-lost // self.output.rate) + 1
