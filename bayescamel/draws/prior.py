"""One draw of a law's prior."""

import numpy as np

from bayescamel.models.hierarchy import Hierarchy


def draw_prior(
    hierarchy: Hierarchy, own: np.ndarray, rng: np.random.Generator, n_run: int = 0
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Values of the blocks by name, and coefficients (validation, coefficient).

    Parameters
    ----------
    own
        (validation, domain): 1 where a validation domain is a training domain too.
    n_run
        Runs of which each has a noise.
    """
    values: dict[str, np.ndarray] = {}
    for block in hierarchy.blocks():
        location, spread = block.prior(np, values, own)
        shape = hierarchy.shape(block.dims, n_run)
        values[block.name] = location + spread * rng.normal(size=shape)
    coefficients = []
    locations, spreads = hierarchy.coefficient_prior(values)
    for coefficient, location, spread in zip(
        hierarchy.law.coefficients, locations, spreads, strict=True
    ):
        value = location + spread * rng.normal(size=hierarchy.n_validation)
        while coefficient.positive and spread > 0 and (value <= 0).any():
            again = location + spread * rng.normal(size=hierarchy.n_validation)
            value = np.where(value <= 0, again, value)
        coefficients.append(value)
    return values, np.stack(coefficients, axis=-1)
