"""Synthetic multitrack songs: reproducible training material from MIDI files and short recordings."""
