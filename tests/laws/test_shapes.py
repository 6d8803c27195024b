"""The shapes that laws declare, read by jaxtyping and checked by beartype."""

from collections.abc import Callable
from typing import Any, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import jaxtyped

from bayescamel.laws import LAWS, Inputs, Law, base, parts
from tests.laws.cases import DOMAINS, VALIDATIONS, inputs, prior_draw
from tests.shapes import checked, is_of, readable


@pytest.fixture(autouse=True)
def _shapes_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    readable(monkeypatch, base)


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("draws", [0, 4])
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_what_goes_in_and_what_comes_out(law: Law, draws: int, xp: Any) -> None:
    rng = np.random.default_rng(1)
    values = prior_draw(law, rng)
    if draws:
        several = [prior_draw(law, rng) for _ in range(draws)]
        stacked = {name: np.stack([draw[name] for draw in several]) for name in values}
        values = stacked
    values = {
        p.name: xp.asarray(p.beside_runs(values[p.name]), dtype=xp.float32) for p in law.parameters
    }
    where = jax.tree.map(lambda value: xp.asarray(value, dtype=xp.float32), inputs())
    terms = law.terms(xp, where, **values)
    with jaxtyped("context"):
        for name, shape in get_type_hints(Inputs).items():
            if name != "unique":  # at which no law looks
                assert is_of(getattr(where, name), shape), name
        for parameter in law.parameters:
            by_domain = parameter.dims[-1:] == ("domain",)
            shape = base.PerDomain if by_domain else base.PerPlace
            assert is_of(values[parameter.name], shape), parameter.name
        for name, term in {"fixed": terms.fixed, **terms.basis}.items():
            assert isinstance(term, float) or is_of(term, base.PerPlace), name


PARTS: dict[str, Callable[[np.ndarray, Inputs], Any]] = {
    "tilted": lambda array, where: checked(parts.tilted)(np, array, where),
    "log_share": lambda array, where: checked(parts.log_share)(np, array, where),
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())
def test_parts_take_one_row_a_validation_domain(part: Callable[..., Any]) -> None:
    affinity = np.random.default_rng(0).uniform(0.1, 1.0, (VALIDATIONS, 1, DOMAINS))
    where = inputs()
    assert part(affinity, where).shape == (VALIDATIONS, len(where.log_total))


def test_an_array_of_another_shape_is_told() -> None:
    """Else the suite above would pass whatever the shapes are."""
    with jaxtyped("context"):
        assert is_of(np.ones((5, VALIDATIONS)), base.PerPlace)
        assert is_of(np.ones((1, VALIDATIONS)), base.PerPlace)
        assert not is_of(np.ones((VALIDATIONS, 5)), base.PerPlace)
        assert is_of(np.ones((5, 1, DOMAINS)), base.PerDomain)
        assert not is_of(np.ones((5, 1, DOMAINS + 1)), base.PerDomain)
        assert not is_of(np.ones((5, 1), int), base.PerPlace)
