"""Optional dependencies: one wording for what is missing and how to install it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from partita.errors import ConfigError

__all__ = ["how_to_install", "missing_extra", "needs_extra"]


def how_to_install(extra: str) -> str:
    """Return the commands that install an extra, in a checkout and from a wheel.

    Args:
        extra: Name of an extra in ``pyproject.toml``, or several separated by commas.
    """
    from importlib.metadata import version  # slow to import

    wheel = f"partita-{version('partita')}-py3-none-any.whl"
    return f"pip install -e '.[{extra}]' in a checkout, or pip install '{wheel}[{extra}]' with a wheel"


def missing_extra(extra: str, module: str) -> str:
    """Return the sentence that says which module is missing and how to install it.

    Args:
        extra: Name of an extra in ``pyproject.toml``, or several separated by commas.
        module: Name of the missing module.
    """
    return f"this needs {module}, which the extra {extra!r} installs: {how_to_install(extra)}"


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Translate the failed import of an optional dependency into an error that says how to install it.

    ::

        with needs_extra("evaluate"):
            from scipy import stats

    Args:
        extra: Name of an extra in ``pyproject.toml``, or several separated by commas.

    Raises:
        ConfigError: A module imported in the block is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "a module").partition(".")[0]
        if module == "partita":
            raise
        raise ConfigError(missing_extra(extra, module)) from error
