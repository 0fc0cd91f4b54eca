"""Comparisons of systems: what is trained, on what, how it scores, and the table of it beside the paper's."""
