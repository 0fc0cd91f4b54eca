from __future__ import annotations

from partita_songbook import patterns
from partita_songbook.styles.genres import GENRES


def test_genres_name_what_exists():
    from partita_songbook.composer import BASS_LINES
    from partita_songbook.machines import KICKS
    from partita_songbook.patches import ROLES

    for genre in GENRES.values():
        assert set(genre.patterns) <= patterns.PATTERNS.keys()
        assert set(genre.basses) <= BASS_LINES.keys()
        assert set(genre.kicks) <= KICKS.keys()
        assert set(genre.layers) <= {*ROLES, "sparse", "instrument", "guitar", "bed"}
    for roles, _, _ in BASS_LINES.values():
        assert set(roles) <= ROLES.keys()
