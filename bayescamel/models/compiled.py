"""Compiled functions of a hierarchy, made once and kept.

Everything is compiled for a `Hierarchy` (the law and the sizes of its blocks) and takes the
runs as an argument, so a refit with more runs in the same bucket of rows compiles nothing.
"""

import logging
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import jax

from bayescamel.exceptions import StorageError
from bayescamel.laws.base import Array
from bayescamel.models.density import draw_effects
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import Problem
from bayescamel.output import cache_folder, private_folder

log = logging.getLogger(__name__)

type Density = Callable[[Any, Array, Any], Array]
"""Log density of (hierarchy, unconstrained numbers, problem), in JAX."""

jit_single = partial(jax.jit, compiler_options={"xla_cpu_experimental_ynn_fusion_type": ""})
"""For programs in single precision. One kind of fusion that XLA makes of them on the CPU reads
outside of its arrays since jaxlib 0.10.2 (jax-ml/jax#39257, #40412): NaN, or the process ends."""


@partial(jax.jit, static_argnums=(0, 1))
def value_and_gradient(
    density: Density, hierarchy: Hashable, flat: Array, problem: Any
) -> tuple[Array, Array]:
    """A log density and its gradient."""
    value, gradient = jax.value_and_grad(lambda u: density(hierarchy, u, problem))(flat)
    return value, gradient


@partial(jax.jit, static_argnums=(0, 1))
def log_densities(density: Density, hierarchy: Hashable, flats: Array, problem: Any) -> Array:
    """Log densities (draw,) of a batch of draws (draw, number)."""
    return jax.lax.map(lambda flat: density(hierarchy, flat, problem), flats)


@partial(jax.jit, static_argnums=0)
def effects(
    hierarchy: Hierarchy, flats: Array, problem: Problem, keys: Array
) -> tuple[Array, Array]:
    """Exact draws of the integrated-out effects for a batch of draws."""
    coefficients, size_effects = jax.lax.map(
        lambda pair: draw_effects(hierarchy, pair[0], problem, pair[1]), (flats, keys)
    )
    return coefficients, size_effects


def use_cache() -> None:
    """Keep compiled programs between processes, unless the user has chosen a folder for it.

    Whoever can write there can have us run what they like, so it is the user's alone; where that
    cannot be, nothing is kept.
    """
    if jax.config.jax_compilation_cache_dir is None:
        try:
            folder = private_folder(cache_folder() / "jax")
        except StorageError as error:
            log.warning("compiled programs are not kept: %s", error)
            return
        update: Callable[[str, object], None] = jax.config.update
        update("jax_compilation_cache_dir", str(folder))
        update("jax_persistent_cache_min_compile_time_secs", 0.2)
