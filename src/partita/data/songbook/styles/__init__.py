"""The styles of the songbook's songs: bands, electronic music, and finished stems completed with vocals."""
