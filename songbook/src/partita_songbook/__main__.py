"""``python -m partita_songbook``."""

from partita_songbook.cli import main

main()
