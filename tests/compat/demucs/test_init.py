from __future__ import annotations

import pytest

from partita.compat import demucs


def test_modules_are_imported_when_they_are_named():
    assert demucs.api.Separator.__module__ == "partita.compat.demucs.api"
    assert demucs.separate.main.__module__ == "partita.compat.demucs.separate"
    with pytest.raises(AttributeError, match=r"module 'partita\.compat\.demucs' has no attribute 'train'"):
        _ = demucs.train
