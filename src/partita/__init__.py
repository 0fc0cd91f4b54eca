"""partita: music separated into its parts, in the waveform domain."""
