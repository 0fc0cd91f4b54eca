"""Synthetic multitrack songs: endless, reproducible training material from MIDI files and short recordings."""
