"""The interface of demucs 4.1.0 over partita's models and :class:`partita.Separator`.

A script runs with ``partita.compat.demucs`` in place of ``demucs`` in its imports::

    from partita.compat.demucs.api import Separator, save_audio

``docs/migrating-from-demucs.md`` compares both, function by function. Everything but
:mod:`partita.compat.demucs.separate`, the command, needs torch, whose tensors are part of the interface.
"""

from __future__ import annotations

__version__ = "4.1.0"  # of the interface
