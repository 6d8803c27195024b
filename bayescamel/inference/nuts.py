"""NUTS in whitened coordinates, one thread a chain, in short compiled stretches.

The chains move z in u = f(centre + root · z), where root is a square root of the posterior's
approximate covariance, so that an identity mass matrix fits from the first step, and f is the
identity but for what data tell by sums (`bayescamel.inference.straight`). Numbers beyond the
root's, a noise of each run, are nearly independent of each other and only scaled by a diagonal
mass, so that time grows with the runs and not their square.

A stretch of iterations is one compiled call; JAX lets go of the interpreter during it, so chains
run in parallel threads on one device, progress is shown between stretches and Ctrl-C is heard.
"""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Event
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer.hmc import hmc
from numpyro.infer.hmc_util import dual_averaging
from numpyro.infer.util import ParamInfo

from bayescamel.inference.straight import Rows, from_straight, moved
from bayescamel.laws.base import Array
from bayescamel.models.blocks import Arrow
from bayescamel.models.compiled import Density, value_and_gradient

STRETCH = 25
"""Iterations in a compiled call: short enough for progress and Ctrl-C, long enough to cost
nothing."""
DEPTHS = (7, 10)
"""Most doublings of a pilot's trajectory, and of one that is kept. In whitened coordinates 31 or 63
steps cross the posterior; where they are still rough, a pilot would spend far more. Few runs leave
posteriors that no whitening straightens."""


type Progress = Callable[[int, int], None]
"""Called with iterations done and divergences seen since the last call."""


class Chains(NamedTuple):
    """Draws after warm-up; axes (chain, draw, ...)."""

    unconstrained: np.ndarray
    """(chain, draw, dimension)."""
    stats: dict[str, np.ndarray]
    """ArviZ's names: diverging, n_steps, energy, acceptance_rate, lp, step_size."""
    root: np.ndarray | None = None
    """What the chains were whitened by, for a refit to start from."""


class Drawn(NamedTuple):
    """Draws of everything by one sampler, axes (chain, draw, ...)."""

    chains: Chains
    coefficients: np.ndarray
    """(chain, draw, validation, coefficient), in units of the reference loss."""
    size_effects: np.ndarray
    """(chain, draw, validation, scale); scales beyond the runs' are padding."""
    gaps: tuple[float, ...]
    """Log evidence of further modes relative to the one sampled."""


class DivergedError(Exception):
    """Chains were stopped at a divergence, for smaller steps than `step_size`."""

    def __init__(self, step_size: float) -> None:
        super().__init__(step_size)
        self.step_size = step_size


class Schedule(NamedTuple):
    """Arguments of the compiled program: what differs between pilots and chains that are kept."""

    tune: int
    """Iterations in which the step size is adapted."""
    target_accept: float
    """What it is adapted to."""
    pilot: bool
    """Which of `DEPTHS` holds."""


class Geometry(NamedTuple):
    """Where chains move: f⁻¹(u) = centre + root · z, and centre + z beyond the root's numbers."""

    centre: np.ndarray
    root: Any
    """(number, number) of those that are whitened; in a compiled program perhaps an `Arrow`."""
    step_size: float
    inverse_mass: np.ndarray
    apart: Sequence[np.ndarray] | None = None
    """Groups that the root keeps apart (`bayescamel.models.blocks.apart_root`), so that its zeros
    need not be multiplied."""
    rows: Rows = None
    """What f straightens."""


def placed(xp: Any, geometry: Geometry, z: Array) -> Array:
    """The unconstrained numbers (..., dimension) of positions of chains."""
    centre, root = geometry.centre, geometry.root
    if isinstance(root, Arrow):
        straight = centre + root.times(z)
    else:
        n = root.shape[-1]
        # Not z @ root.T: on the CPU JAX compiles that to much slower code.
        white = xp.concatenate([(root @ z[..., :n, None])[..., 0], z[..., n:]], axis=-1)
        straight = centre + white
    return from_straight(xp, straight, geometry.rows)


@lru_cache(maxsize=16)
def _kernels(density: Density, hierarchy: Hashable) -> tuple[Any, Any]:
    def potential(geometry: Geometry, problem: Any) -> Callable[[Array], Array]:
        return lambda z: -density(hierarchy, placed(jnp, geometry, z), problem)

    init, step = hmc(potential_fn_gen=potential, algo="NUTS")
    begin, update = dual_averaging()

    def start(key: Array, at: ParamInfo, geometry: Geometry) -> Any:
        state = init(
            at,
            1,  # NumPyro's warm-up, iteration 0, stands for pilots: it has a depth of its own
            step_size=geometry.step_size,
            inverse_mass_matrix=geometry.inverse_mass,
            adapt_step_size=False,
            adapt_mass_matrix=False,
            dense_mass=False,
            max_tree_depth=DEPTHS,
            # The potential and its gradient at the start are known: none is evaluated.
            model_args=(geometry, None),
            rng_key=key,
        )
        # Types that a stretch hands back, so that the second stretch is the program of the first.
        return jax.tree.map(
            lambda x: jnp.asarray(x, dtype=x.dtype),
            (state, begin(jnp.log(geometry.step_size)), jnp.zeros((), int)),
        )

    def settle(state: Any, averaging: Any, done: Array, schedule: Schedule) -> tuple[Any, Any]:
        """Adapt the step size by the last iteration's acceptance, until the warm-up is over."""
        after = update(schedule.target_accept - state.accept_prob, averaging)
        log_step = jnp.where(done < schedule.tune, after[0], after[1])
        adapted = state.adapt_state._replace(step_size=jnp.exp(log_step))
        warming = done <= schedule.tune
        adapted, averaging = jax.tree.map(
            lambda new, old: jnp.where(warming, new, old),
            (adapted, after),
            (state.adapt_state, averaging),
        )
        return state._replace(adapt_state=adapted), averaging

    def stretch(
        state: Any, geometry: Geometry, problem: Any, schedule: Schedule
    ) -> tuple[Any, dict[str, Array]]:
        def body(carry: Any, _: None) -> tuple[Any, dict[str, Array]]:
            state, averaging, done = carry
            state = state._replace(i=jnp.where(schedule.pilot, 0, 1).astype(int))
            state = step(state, (geometry, problem))
            record = {
                "z": state.z,
                "slope": -state.z_grad,
                "diverging": state.diverging,
                "n_steps": state.num_steps,
                "energy": state.energy,
                "acceptance_rate": state.accept_prob,
                "lp": -state.potential_energy,
            }
            return (*settle(state, averaging, done + 1, schedule), done + 1), record

        return jax.lax.scan(body, state, None, length=STRETCH)

    return jax.jit(start), jax.jit(stretch)


def run_chains(
    hierarchy: Hashable,
    problem: Any,
    geometry: Geometry,
    starts: np.ndarray,
    *,
    tune: int,
    draws: int,
    seed: int,
    target_accept: float,
    density: Density,
    on_progress: Progress,
    pilot: bool = False,
    until_divergence: bool = False,
) -> tuple[Chains, np.ndarray]:
    """Draw from a density by NUTS.

    The warm-up adapts the step size alone: the geometry is known. NumPyro's schedule also learns a
    mass, and begins the step size anew after it, for which a short warm-up leaves too little.

    Parameters
    ----------
    hierarchy, problem
        What the density is of: programs are compiled once for a hierarchy and take the problem's
        arrays as an argument.
    geometry
        Whitening, the diagonal mass, and the step size to start from.
    starts
        Whitened positions, shape (chain, dimension).
    on_progress
        Called from the chains' threads.
    pilot
        Whether the whitening may be rough: which of `DEPTHS` holds.
    until_divergence
        Stop all chains when a draw of one has diverged.

    Returns
    -------
    chains, slopes
        The draws; gradients of the log density there in whitened coordinates, of the same shape.

    Raises
    ------
    DivergedError
        When a draw diverged and the chains were to stop then.
    """
    start, stretch = _kernels(density, hierarchy)
    schedule = Schedule(tune, target_accept, pilot)
    stop = Event()
    keys = jax.random.split(jax.random.key(seed), len(starts))
    moving = geometry._replace(apart=None)
    if geometry.apart is not None:
        moving = moving._replace(root=Arrow.of(geometry.root, geometry.apart))

    def run(key: Array, z: np.ndarray) -> tuple[list[dict[str, np.ndarray]], float]:
        with jax.enable_x64(True):
            state = start(key, _known(density, hierarchy, geometry, z, problem), moving)
            stretches = []
            for first in range(0, tune + draws, STRETCH):
                if stop.is_set():
                    break
                state, record = stretch(state, moving, problem, schedule)
                stretches.append({name: np.asarray(v) for name, v in record.items()})
                sampled = stretches[-1]["diverging"][max(0, tune - first) :]
                on_progress(min(STRETCH, tune + draws - first), int(sampled.sum()))
                if until_divergence and sampled.any():
                    stop.set()
        return stretches, float(state[0].adapt_state.step_size)

    with ThreadPoolExecutor(len(starts)) as pool:
        futures = [pool.submit(run, key, z) for key, z in zip(keys, starts, strict=True)]
        try:
            results = [future.result() for future in futures]
            diverged = stop.is_set()
        finally:
            stop.set()
    step_sizes = np.array([step_size for _, step_size in results])
    if diverged:
        raise DivergedError(float(step_sizes.mean()))
    kept = {
        name: np.stack([np.concatenate([part[name] for part in parts]) for parts, _ in results])
        for name in results[0][0][0]
    }
    kept = {name: values[:, tune : tune + draws] for name, values in kept.items()}
    whitened, slopes = kept.pop("z"), kept.pop("slope")
    kept["step_size"] = np.broadcast_to(step_sizes[:, None], whitened.shape[:2]).copy()
    root = moved(from_straight, geometry.centre, geometry.root, geometry.rows)
    return Chains(placed(np, geometry, whitened), kept, root), slopes


def _known(
    density: Density,
    hierarchy: Hashable,
    geometry: Geometry,
    z: np.ndarray,
    problem: Any,
) -> ParamInfo:
    """A start with its potential and gradient, by the program that the modes were found with."""
    flat, back = jax.vjp(lambda z: placed(jnp, geometry, z), jnp.asarray(z))
    value, slope = value_and_gradient(density, hierarchy, flat, problem)
    return ParamInfo(z, -value, -back(slope)[0])
