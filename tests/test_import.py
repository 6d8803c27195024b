import subprocess
import sys

import pytest

import bayescamel

PROBE = """
import sys, time
start = time.perf_counter()
import bayescamel as bc
seconds = time.perf_counter() - start
heavy = sorted({"jax", "torch", "pymc", "numpyro", "matplotlib", "arviz"} & set(sys.modules))
print(seconds, *heavy)
"""


def probe() -> tuple[float, list[str]]:
    answer = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True
    ).stdout.split()
    return float(answer[0]), answer[1:]


def test_import_is_quick_and_loads_nothing_heavy() -> None:
    answers = [probe() for _ in range(3)]
    assert [heavy for _, heavy in answers] == [[], [], []]
    # The best of three: another process on the machine must not fail the test.
    assert min(seconds for seconds, _ in answers) < 0.5


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bayescamel.nonsense  # noqa: B018


@pytest.mark.parametrize("name", bayescamel.__all__)
def test_every_public_name_is_there(name: str) -> None:
    found = getattr(bayescamel, name)
    named = getattr(found, "__name__", None)
    assert found if named is None else named.rpartition(".")[2] == name


def test_pictures_are_reached_through_the_package() -> None:
    assert all(callable(getattr(bayescamel.plots, name)) for name in bayescamel.plots.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bayescamel.plots.nonsense  # type: ignore[attr-defined] # noqa: B018
