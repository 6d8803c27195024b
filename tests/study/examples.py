"""A small study: two domains, three sizes."""

from collections.abc import Mapping
from typing import Any

from bayescamel.designs.space import Size, Space
from bayescamel.study.settings import FitOptions, Settings
from bayescamel.targets import Target

SPACE = Space(
    domains=("code", "web"),
    sizes=(Size(1e6), Size(4e6), Size(16e6)),
    tokens_per_param=(20.0,),
)
TARGET = Target(n_params=64e6, n_tokens=64e6 * 20)
QUICK = FitOptions(chains=2, draws=100, tune=200)
SETTINGS = Settings(SPACE, TARGET, budget=1e17, fit=QUICK)


def column(share: float = 0.4, n_params: float = 1e6) -> dict[str, Any]:
    """A run to lease, as columns."""
    return {
        "n_params": n_params,
        "n_active_params": None,
        "n_tokens": 20 * n_params,
        "mixture": {"code": share, "web": 1 - share},
        "seed": 0,
        "flops": 120 * n_params**2,
    }


def measure(mixture: Mapping[str, float], n_params: float, noise: float = 0.0) -> dict[str, float]:
    """A smooth law of size and mixture: the losses of a run."""
    scale = (n_params / 4e6) ** -0.2
    return {
        name: 1.5 + 1.5 * scale * (0.2 + share) ** -0.1 + noise for name, share in mixture.items()
    }
