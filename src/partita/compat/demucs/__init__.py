"""The interface of demucs 4.1.0 over partita's models and :class:`partita.Separator`.

A script runs with ``partita.compat.demucs`` in place of ``demucs`` in its imports::

    from partita.compat.demucs.api import Separator, save_audio  # from demucs.api import ...
    from partita.compat import demucs  # import demucs.api, import demucs.separate

``docs/migrating-from-demucs.md`` compares both, function by function. Everything but
:mod:`partita.compat.demucs.separate`, the command, needs torch, whose tensors are part of the interface.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

__version__ = "4.1.0"  # of the interface


def __getattr__(name: str) -> ModuleType:
    if name in {module.name for module in iter_modules(__path__)}:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
