"""Synthetic multitrack songs for training: rendered from MIDI files, recordings, instruments and synthesis."""
