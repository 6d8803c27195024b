"""A small study: two domains, three sizes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayescamel.designs.space import Size, Space
from bayescamel.study import Study
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


def create(where: str | Path, **options: Any) -> Study:
    """A study of it in a new database."""
    given: dict[str, Any] = {"budget": 1e17, "fit": QUICK} | options
    return Study.create(where, given.pop("space", SPACE), TARGET, **given)


def elsewhere(n: int = 4) -> pd.DataFrame:
    """Runs that were not asked for, as a table."""
    rows = []
    for i in range(n):
        mixture = {"code": 0.1 + 0.2 * i, "web": 0.9 - 0.2 * i}
        row = {"run_id": f"e{i}", "n_params": 4e6, "n_tokens": 8e7}
        row |= {f"w_{name}": weight for name, weight in mixture.items()}
        row |= {f"loss_{name}": loss for name, loss in measure(mixture, 4e6).items()}
        rows.append(row)
    return pd.DataFrame(rows)


def record(run_id: str, share: float) -> dict[str, object]:
    """What a trainer writes of a run."""
    mixture = {"code": share, "web": 1 - share}
    return {
        "run_id": run_id,
        "n_params": 4e6,
        "n_tokens": 8e7,
        "mixture": mixture,
        "loss_nats_per_token": measure(mixture, 4e6),
        "benchmarks": {"quiz": {"accuracy": 0.3, "score": 0.28, "n_questions": 300}},
        "seconds": 3.0,
        "device": "cpu",
    }


def train(study: Study, n: int, seed: int = 0) -> list[str]:
    """Ask for runs and tell what they would measure."""
    rng = np.random.default_rng(seed)
    candidates = study.ask(n)
    for c in candidates:
        study.tell(c.run_id, measure(c.mixture, c.n_params, 0.003 * rng.normal()))
    return [c.run_id for c in candidates]
