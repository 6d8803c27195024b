"""Shapes of the ladder: one dial gives a model, dense or Mixture-of-Experts.

Widths lie on a grid of 8 (of 64 from 30 million parameters on), the head width is fixed by the band
of widths, the SwiGLU ratio is 8/3, and depth grows as the square root of width: 3 layers at width
32, 24 at 2,048.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from operator import itemgetter

from bayescamel.exceptions import BayesCamelError

VOCABULARY = 256
"""The byte values."""
CONTEXT = 128
GRID = 8
"""Step of widths and SwiGLU widths: 8 numbers of 2 bytes, as grouped kernels need them."""
HEAD_WIDTHS = ((448, 32), (2048, 64), (6144, 128))
"""Below which width which head width, and which step of widths from the second band on."""
SWIGLU_RATIO = 8 / 3
SMALLEST_DIAL = 5_000
NEARBY = 3.0
"""Shapes of a size within this factor of the dial are compared."""
TOP_K = 3
"""Routed experts a token; with the shared one as wide as the SwiGLU layer that they replace."""

PAPER_LADDER = {
    "590M-A12M": (12e6, 590e6),
    "7B-A150M": (150e6, 7e9),
    "55B-A1.2B": (1.2e9, 55e9),
}
"""Sizes of CAMEL's Mixture-of-Experts models that are known: active and total parameters."""


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a model.

    Parameters
    ----------
    depth, width
        Layers and residual width.
    n_heads, head_width
        Attention heads; their product need not be the width.
    hidden
        SwiGLU width of a dense layer.
    context, vocabulary
        Positions and token values.
    tied
        Whether the head is the embedding.
    n_experts, expert_hidden, top_k
        Routed experts of a layer, the SwiGLU width of each (and of the shared one), and how many a
        token takes. 0 experts: a dense model. The first layer is dense always.
    """

    depth: int
    width: int
    n_heads: int
    hidden: int
    head_width: int = 32
    context: int = CONTEXT
    vocabulary: int = VOCABULARY
    tied: bool = False
    n_experts: int = 0
    expert_hidden: int = 0
    top_k: int = TOP_K

    def __post_init__(self) -> None:
        if self.head_width % 2:
            raise BayesCamelError(
                f"head width {self.head_width}: rotary positions need an even one"
            )
        if self.n_experts and not (self.top_k <= self.n_experts and self.expert_hidden > 0):
            raise BayesCamelError(
                f"{self.n_experts} experts of width {self.expert_hidden}: a token takes "
                f"{self.top_k}, so give as many at least, and a width"
            )
        if self.n_experts and (self.width % GRID or self.expert_hidden % GRID):
            raise BayesCamelError(
                f"experts of {self.width} × {self.expert_hidden}: multiples of {GRID} are needed"
            )

    @classmethod
    def from_dial(cls, n_params: float, context: int = CONTEXT) -> ModelConfig:
        """The dense shape of the ladder for about ``n_params`` non-embedding parameters.

        A size that a shape has gives that shape; any other the shape whose size and depth are
        nearest to what was asked for and to the ladder's depth, both in logarithms.
        """
        _check_dial(n_params)
        found = min(_nearby(n_params), key=lambda shape: _distance(shape, n_params, n_params))
        return replace(found, context=context)

    @classmethod
    def sparse(cls, n_active: float, n_params: float, context: int = CONTEXT) -> ModelConfig:
        """The Mixture-of-Experts shape for about so many active and total parameters.

        Raises
        ------
        BayesCamelError
            When no shape comes within a quarter of both: twice ``TOP_K`` experts are the fewest.
        """
        _check_dial(n_active)
        shapes = [with_experts(dense, n_params) for dense in _nearby(n_active)]
        found = min(shapes, key=lambda shape: _distance(shape, n_active, n_params))
        ratios = (found.n_params / n_params, found.n_active_params / n_active)
        if max(abs(math.log(ratio)) for ratio in ratios) > math.log(1.25):
            raise BayesCamelError(
                f"no Mixture-of-Experts of {n_active:g} active and {n_params:g} parameters: the "
                f"nearest has {found.n_active_params} and {found.n_params}; ask for twice the "
                "active parameters or more"
            )
        return replace(found, context=context)

    @property
    def n_sparse_layers(self) -> int:
        """Layers with experts: all but the first."""
        return self.depth - 1 if self.n_experts else 0

    @property
    def inner(self) -> int:
        """Width of all heads together."""
        return self.n_heads * self.head_width

    def counts(self) -> dict[str, int]:
        """Parameters by group; a tied head has none of its own."""
        expert = 3 * self.width * self.expert_hidden
        sparse = self.n_sparse_layers
        return {
            "embedding": self.vocabulary * self.width,
            "attention": 4 * self.depth * self.width * self.inner,
            "mlp": 3 * (self.depth - sparse) * self.width * self.hidden,
            "router": sparse * self.width * self.n_experts,
            "experts": sparse * self.n_experts * expert,
            "shared": sparse * expert,
            "norm": (2 * self.depth + 1) * self.width + 2 * self.depth * self.head_width,
            "head": 0 if self.tied else self.vocabulary * self.width,
        }

    @property
    def n_params(self) -> int:
        """Non-embedding parameters: all but embedding and head."""
        counts = self.counts()
        return sum(counts.values()) - counts["embedding"] - counts["head"]

    @property
    def n_active_params(self) -> int:
        """Non-embedding parameters that a token uses."""
        idle = self.n_experts - self.top_k if self.n_experts else 0
        return self.n_params - self.n_sparse_layers * idle * 3 * self.width * self.expert_hidden


def preset(name: str) -> ModelConfig:
    """A model of the paper's ladder by its name, see ``PAPER_LADDER``."""
    if name not in PAPER_LADDER:
        raise BayesCamelError(f"no preset {name!r}; there are: {', '.join(PAPER_LADDER)}")
    return ModelConfig.sparse(*PAPER_LADDER[name], context=4096)


def ladder_depth(width: int) -> float:
    """Depth of the ladder at a width, before rounding."""
    return 3 * math.sqrt(width / 32)


@cache
def dense_shapes() -> tuple[tuple[int, ModelConfig], ...]:
    """Every dense shape of the ladder with its size, rising; depths are around the ladder's."""
    shapes = [
        ModelConfig(depth, width, max(1, round(width / head)), hidden, head)
        for width, head in _widths()
        for hidden in (GRID * round(SWIGLU_RATIO * width / GRID),)
        for depth in range(2, 2 * math.ceil(ladder_depth(width)))
    ]
    return tuple(sorted(((shape.n_params, shape) for shape in shapes), key=itemgetter(0)))


def _nearby(n_params: float) -> list[ModelConfig]:
    """The shapes whose size is within ``NEARBY`` of a dial, and in any case the nearest."""
    sized = dense_shapes()
    first = bisect_left(sized, n_params / NEARBY, key=itemgetter(0))
    last = bisect_right(sized, n_params * NEARBY, key=itemgetter(0))
    return [shape for _, shape in sized[first:last]] or [sized[0 if first == 0 else -1][1]]


def _widths() -> Iterator[tuple[int, int]]:
    first = 2 * GRID
    for end, head in HEAD_WIDTHS:
        step = GRID if head == HEAD_WIDTHS[0][1] else head
        yield from ((width, head) for width in range(first, end, step))
        first = end


def with_experts(dense: ModelConfig, n_params: float) -> ModelConfig:
    """A dense shape with so many experts that the total comes near ``n_params``."""
    expert_hidden = max(GRID, GRID * round(dense.hidden / (TOP_K + 1) / GRID))
    least = replace(dense, n_experts=2 * TOP_K, expert_hidden=expert_hidden)
    cost = least.n_sparse_layers * dense.width * (3 * expert_hidden + 1)
    more = max(0, round((n_params - least.n_params) / cost))
    return replace(least, n_experts=least.n_experts + more)


def _distance(shape: ModelConfig, n_active: float, n_params: float) -> float:
    if (shape.n_active_params, shape.n_params) == (n_active, n_params):
        return -1.0
    return (
        abs(math.log(shape.n_active_params / n_active))
        + abs(math.log(shape.n_params / n_params))
        + abs(math.log(shape.depth / ladder_depth(shape.width)))
    )


def _check_dial(n_params: float) -> None:
    if not math.isfinite(n_params) or n_params < SMALLEST_DIAL:
        raise BayesCamelError(f"a model of {n_params} parameters: give {SMALLEST_DIAL} or more")
