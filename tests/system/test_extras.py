from __future__ import annotations

import sys
import tomllib

import pytest

from partita.errors import ConfigError
from partita.system.extras import missing_extra, needs_extra


def test_a_missing_module_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ConfigError) as caught, needs_extra("evaluate"):
        import scipy.linalg  # noqa: F401
    assert str(caught.value) == missing_extra("evaluate", "scipy")


def test_the_sentence_is_true_of_a_checkout_and_of_a_wheel(pytestconfig):
    project = tomllib.loads((pytestconfig.rootpath / "pyproject.toml").read_text())["project"]
    wheel = f"partita-{project['version']}-py3-none-any.whl"
    assert missing_extra("evaluate", "scipy") == (
        "this needs scipy, which the extra 'evaluate' installs: pip install -e '.[evaluate]' in a checkout, "
        f"or pip install '{wheel}[evaluate]' with a wheel"
    )


def test_a_missing_module_of_partita_is_a_bug_and_stays_one():
    with pytest.raises(ModuleNotFoundError, match=r"partita\.nonsense"), needs_extra("evaluate"):
        import partita.nonsense  # noqa: F401


def test_nothing_happens_where_nothing_is_missing():
    with needs_extra("evaluate"):
        import math
    assert math.pi > 3
