"""The simplex over the training domains: forms, transforms, constraints and sets of mixtures."""

from bayescamel.mixtures.forms import Mixtures, as_mixtures
from bayescamel.mixtures.polytope import Polytope, Row
from bayescamel.mixtures.sets import (
    centroid,
    corners,
    dirichlet,
    space_filling,
)
from bayescamel.mixtures.transforms import (
    from_ilr,
    ilr,
    kl_divergence,
    softmax,
    to_logits,
    total_variation,
)

__all__ = [
    "Mixtures",
    "Polytope",
    "Row",
    "as_mixtures",
    "centroid",
    "corners",
    "dirichlet",
    "from_ilr",
    "ilr",
    "kl_divergence",
    "softmax",
    "space_filling",
    "to_logits",
    "total_variation",
]
