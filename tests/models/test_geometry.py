from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from partita.models.geometry import Geometry

GEOMETRIES = st.builds(
    lambda multiple, output, context: Geometry(multiple, output + context, output),
    st.integers(1, 100),
    st.integers(1, 100),
    st.integers(0, 100),
)


@given(GEOMETRIES, st.integers(0, 10_000))
def test_the_output_is_the_shortest_that_suffices(geometry, samples):
    length = geometry.output_length(samples)
    assert length >= samples
    assert (length - geometry.shortest_output) % geometry.multiple == 0
    assert length == geometry.shortest_output or length - geometry.multiple < samples
    assert geometry.input_length(samples) == length + geometry.left_context + geometry.right_context
    assert 0 <= geometry.right_context - geometry.left_context <= 1
