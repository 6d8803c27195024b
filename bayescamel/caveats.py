"""What a posterior that converged may still get wrong, said in words."""

from typing import TYPE_CHECKING

import numpy as np

from bayescamel.hierarchy import SIZE_EFFECT_SD

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior

FAR = 3.0
"""Prior standard deviations beyond which the scale of the size effects says that the law misses
how the losses depend on size, and not that each size was tuned a little better or worse."""


def caveats(posterior: "Posterior") -> tuple[str, ...]:
    """What the data say against the law; empty where nothing does.

    Effects shared by all runs of a size can stand in for the law's dependence on size. Then the
    curve fits and says little of a size that was not fitted: on RegMix (1M and 60M parameters) they
    grow to 6 % of the loss, where 0.3 % is usual, because its mixtures' effects do not fade with
    size as the loss does.
    """
    draws = posterior.tree["posterior"].to_dataset()
    if "size_effect_scale" not in draws:
        return ()
    scale = float(draws["size_effect_scale"].median())
    usual = posterior.hierarchy.noise.size_effect
    if scale <= usual * np.exp(FAR * SIZE_EFFECT_SD):
        return ()
    return (
        f"law {posterior.law.name!r} does not describe how these losses depend on size: sizes lie "
        f"{scale:.1%} off its curve, where {usual:.1%} is usual. Compare laws "
        "(bayescamel backtest) before you trust it at a larger size",
    )
