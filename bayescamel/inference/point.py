"""Point fits as other authors make them: Huber loss, L-BFGS, many starts, no priors.

For comparison, and for those who want it. The loss function is Huber's on the error of the log
loss with δ = 10⁻³, as Hoffmann et al. 2022 (arXiv:2203.15556, section 3.3) fit theirs and the
mixture laws after them. Positive parameters and all coefficients are kept positive by a logarithm,
and everything within a wide box. Priors enter only as where the starts scatter, as the scale of a
step and of the box. A law whose parameters all belong to a validation domain is fitted to each by
itself, as its authors do.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from bayescamel.inference.lbfgs import minimise
from bayescamel.laws.base import Array, Law
from bayescamel.models.hierarchy import Block, Hierarchy
from bayescamel.models.problem import Problem, hierarchy_for

DELTA = 1e-3
"""Where Huber's loss turns from a parabola to a line, in log loss."""
STARTS = 32
START_SCATTER = 0.7
"""Spread of the starts, in prior standard deviations."""
COEFFICIENT_SD = 0.3
"""What counts as one standard deviation of a coefficient's logarithm."""
BOX, PAIR_BOX = 3.0, 6.0
"""Half widths of the box, in prior standard deviations: of coefficients and of parameters (α in
0.1 to 0.9), and of the effects of training on validation domains, which may be next to nothing.
Without it two sizes leave α and E to chance: α = 3.5 and the like."""
LANES = (16, 128)
"""Problems in one compiled call: two programs serve any number of them."""


class Batch(NamedTuple):
    """Problems side by side: what differs between them. Axis 0 is the problem."""

    loss: np.ndarray
    """(B, run, validation), in units of the reference loss; 1 where not measured."""
    weight: np.ndarray
    """(B, run, validation), 0 where not measured."""
    own: np.ndarray
    """(B, validation, domain)."""


@dataclass(frozen=True)
class Coordinates:
    """What the optimiser moves for a law: standardised unconstrained parameters, log coefficients.

    Frozen and hashable, so that compiled functions are kept by it.
    """

    hierarchy: Hierarchy

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The law's parameters, each with a prior of constants."""
        n = len(self.hierarchy.parameters())
        return self.hierarchy.blocks()[:n]

    @property
    def dimension(self) -> int:
        """Numbers to move."""
        sizes = [int(np.prod(self.hierarchy.shape(block.dims))) for block in self.blocks]
        return sum(sizes) + len(self.hierarchy.law.coefficients) * self.hierarchy.n_validation

    def box(self) -> np.ndarray:
        """Half width of the box by coordinate."""
        widths = [PAIR_BOX if len(block.dims) == 2 else BOX for block in self.blocks]
        sizes = [int(np.prod(self.hierarchy.shape(block.dims))) for block in self.blocks]
        inside = np.repeat(widths, sizes)
        return np.concatenate([inside, np.full(self.dimension - len(inside), BOX)])

    def constrained(self, xp: Any, flat: Array, own: Array) -> tuple[dict[str, Array], Array]:
        """Parameters in their own units, and coefficients (validation, coefficient)."""
        box = self.box()
        flat = box * xp.tanh(flat / box)
        values: dict[str, Array] = {}
        start = 0
        for block in self.blocks:
            shape = self.hierarchy.shape(block.dims)
            stop = start + int(np.prod(shape))
            location, scale = block.prior(xp, values, own)
            values[block.name] = location + scale * flat[start:stop].reshape(shape)
            start = stop
        means = np.array([c.mean for c in self.hierarchy.law.coefficients])
        logs = COEFFICIENT_SD * flat[start:].reshape(self.hierarchy.n_validation, len(means))
        return self.hierarchy.constrained(xp, values, own), means * xp.exp(logs)


@partial(jax.jit, static_argnums=0)
def _values_and_gradients(
    coordinates: Coordinates, flats: Array, problem: Problem, batch: Batch
) -> tuple[Array, Array]:
    hierarchy = coordinates.hierarchy

    def objective(flat: Array, one: Batch) -> Array:
        parameters, coefficients = coordinates.constrained(jnp, flat, one.own)
        inputs = problem.inputs()._replace(own=one.own[:, None])
        total = hierarchy.curve(jnp, parameters, coefficients, inputs)
        error = jnp.abs(jnp.log(total.T) - jnp.log(one.loss))
        huber = jnp.where(error < DELTA, 0.5 * error**2 / DELTA, error - 0.5 * DELTA)
        return jnp.sum(one.weight * huber)

    values, gradients = jax.vmap(jax.value_and_grad(objective))(flats, batch)
    return values, gradients


def optimise(
    coordinates: Coordinates, problem: Problem, batch: Batch, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Optima and their objective from the starts: shapes (B, dimension) and (B,)."""

    def evaluate(x: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, gradients = np.empty(len(x)), np.empty(x.shape)
        lanes = LANES[len(x) > LANES[0]]
        for first in range(0, len(x), lanes):
            rows = np.arange(first, min(first + lanes, len(x)))
            padded = np.resize(rows, lanes)
            part = Batch(*(field[which[padded]] for field in batch))
            value, gradient = _values_and_gradients(coordinates, x[padded], problem, part)
            values[rows] = np.asarray(value)[: len(rows)]
            gradients[rows] = np.asarray(gradient)[: len(rows)]
        return values, gradients

    with jax.enable_x64(True):
        return minimise(evaluate, starts)


class Layout(NamedTuple):
    """Which validation domains make a problem of their own."""

    coordinates: Coordinates
    groups: tuple[slice, ...]

    @classmethod
    def of(cls, runs: xr.Dataset, law: Law) -> "Layout":
        """One problem a validation domain, or one for all where they share a parameter."""
        hierarchy = hierarchy_for(runs, law, "none")
        n = runs.sizes["validation"]
        if any("validation" not in p.dims for p in hierarchy.parameters()):
            return cls(Coordinates(hierarchy), (slice(0, n),))
        single = hierarchy_for(runs.isel(validation=slice(0, 1)), law, "none")
        return cls(Coordinates(single), tuple(slice(v, v + 1) for v in range(n)))

    def batch(self, problem: Problem, counts: np.ndarray) -> Batch:
        """Problems in the order (replicate, group); `counts` (replicate, run) weigh the runs."""
        loss = np.where(problem.measured > 0, problem.loss, 1.0)
        weight = counts[:, :, None] * problem.measured
        rows = [
            (loss[:, group], replicate[:, group], problem.own[group])
            for replicate in weight
            for group in self.groups
        ]
        return Batch(*(np.stack(values) for values in zip(*rows, strict=True)))

    def starts(self, n: int, seed: int) -> np.ndarray:
        """Scattered by the prior: shape (start, group, dimension)."""
        rng = np.random.default_rng(seed)
        shape = (n, len(self.groups), self.coordinates.dimension)
        return START_SCATTER * rng.normal(size=shape)

    def named(self, problem: Problem, flats: np.ndarray) -> dict[str, np.ndarray]:
        """Parameters and coefficients by name from (draw, group, dimension): draws in front."""
        hierarchy = self.coordinates.hierarchy
        draws: list[dict[str, np.ndarray]] = []
        for flat in flats:
            parts = []
            for group, part in zip(self.groups, flat, strict=True):
                values, coefficients = self.coordinates.constrained(np, part, problem.own[group])
                by_name = zip(hierarchy.law.coefficients, coefficients.T, strict=True)
                parts.append({**values, **{c.name: column for c, column in by_name}})
            draws.append(
                # A parameter that belongs to no validation domain makes for a single group.
                {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
                if len(parts) > 1
                else parts[0]
            )
        return {name: np.stack([draw[name] for draw in draws]) for name in draws[0]}
