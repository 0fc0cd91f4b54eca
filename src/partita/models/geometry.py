"""The input length that a model needs for an output length: integer arithmetic, no torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Geometry"]


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
