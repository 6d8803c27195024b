"""The laws of the benchmark step: one set of lines for NumPy and JAX, bounds, coordinates."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bayescamel.benchmarks.laws import (
    BENCHMARK_LAWS,
    BenchmarkLaw,
    BenchmarkParameter,
    get_benchmark_law,
)
from bayescamel.benchmarks.laws.anchored import ANCHORED
from bayescamel.exceptions import BenchmarkError

SIGNAL = np.linspace(0.5, 1.6, 23)[:, None]
CHANCE = np.array([0.0, 0.25, 0.5])


def random_parameters(law: BenchmarkLaw, seed: int) -> dict[str, np.ndarray]:
    """Three benchmarks, from twice the prior's width."""
    rng = np.random.default_rng(seed)
    return {
        p.name: p.constrain(np, p.unconstrain(p.typical) + 2 * p.spread * rng.normal(size=3))
        for p in law.parameters
    }


@pytest.mark.parametrize("law", BENCHMARK_LAWS.values(), ids=BENCHMARK_LAWS)
@pytest.mark.parametrize("seed", range(3))
def test_numpy_and_jax_agree(law: BenchmarkLaw, seed: int) -> None:
    parameters = random_parameters(law, seed)
    with jax.enable_x64(True):
        by_jax = law.curve(jnp, jnp.asarray(SIGNAL), jnp.asarray(CHANCE), **parameters)
    np.testing.assert_allclose(
        law.curve(np, SIGNAL, CHANCE, **parameters), by_jax, rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("law", BENCHMARK_LAWS.values(), ids=BENCHMARK_LAWS)
@pytest.mark.parametrize("seed", range(3))
def test_less_loss_is_never_worse(law: BenchmarkLaw, seed: int) -> None:
    accuracy = law.curve(np, SIGNAL, CHANCE, **random_parameters(law, seed))
    assert (np.diff(accuracy, axis=0) <= 0).all()
    assert (accuracy[0] > accuracy[-1]).all()


@pytest.mark.parametrize("law", [law for law in BENCHMARK_LAWS.values() if law.bounded])
@pytest.mark.parametrize("seed", range(3))
def test_bounded_laws_stay_between_chance_and_their_ceiling(law: BenchmarkLaw, seed: int) -> None:
    parameters = random_parameters(law, seed)
    accuracy = law.curve(np, np.linspace(-0.5, 5, 200)[:, None], CHANCE, **parameters)
    assert (accuracy >= CHANCE).all()
    assert (accuracy <= CHANCE + (1 - CHANCE) * parameters["ceiling"] + 1e-12).all()


def test_the_exponential_is_gadres() -> None:
    # Err = ε - k exp(-γ L), written around a reference loss of 3.
    epsilon, k, gamma, reference = 0.75, 2.0, 0.9, 3.0
    loss = np.array([2.0, 3.0, 4.0])
    law = get_benchmark_law("exponential")
    accuracy = law.curve(
        np,
        loss / reference,
        0.25,
        floor=1 - epsilon,
        gain=k * np.exp(-gamma * reference),
        rate=gamma * reference,
    )
    np.testing.assert_allclose(1 - accuracy, epsilon - k * np.exp(-gamma * loss))


def test_the_sigmoid_is_the_ladders() -> None:
    # Acc = a / (1 + exp(-k (L - L₀))) + b
    a, k, middle, b, reference = 0.6, -2.5, 2.7, 0.25, 3.0
    loss = np.array([2.0, 2.7, 4.0])
    accuracy = get_benchmark_law("sigmoid").curve(
        np,
        loss / reference,
        0.25,
        floor=b,
        ceiling=a / (1 - b),
        slope=-k * reference,
        midpoint=middle / reference - 1,
    )
    np.testing.assert_allclose(accuracy, a / (1 + np.exp(-k * (loss - middle))) + b)


def test_coordinates_return_and_their_volume_is_the_jacobians() -> None:
    raw = {
        "slope": np.array([1.5, 2.3]),
        "midpoint": np.array([-0.6, 0.4]),
        "ceiling": np.array([-1.0, 2.5]),
    }
    with jax.enable_x64(True):
        sampled = ANCHORED.from_raw(jnp, raw)
        back, volume = ANCHORED.to_raw(jnp, sampled)
        for name, value in raw.items():
            np.testing.assert_allclose(back[name], value, rtol=1e-10)

        def flat(x: jax.Array) -> jax.Array:
            named = dict(zip(raw, x, strict=True))
            return jnp.stack(list(ANCHORED.to_raw(jnp, named)[0].values()))

        for b in range(2):
            jacobian = jax.jacobian(flat)(jnp.stack([sampled[name][b] for name in raw]))
            assert volume[b] == pytest.approx(float(jnp.linalg.slogdet(jacobian)[1]), rel=1e-9)


def test_an_unknown_law_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BenchmarkError, match=r"'logistic'.*exponential, sigmoid, simplex"):
        get_benchmark_law("logistic")


def test_a_law_whose_priors_do_not_fit_its_curve_is_refused() -> None:
    def curve(xp: Any, signal: Any, chance: Any, *, gain: Any) -> Any:
        return gain * signal

    with pytest.raises(
        TypeError, match=r"takes \['gain'\] but priors are declared for \['other'\]"
    ):
        BenchmarkLaw(
            name="x",
            title="x",
            listening="single",
            parameters=(BenchmarkParameter("other", "real", 0.0, 1.0, 1.0),),
            curve=curve,
            bounded=False,
        )
