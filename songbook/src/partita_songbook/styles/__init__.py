"""Styles: bands, electronic music, and finished stems completed with vocals."""
