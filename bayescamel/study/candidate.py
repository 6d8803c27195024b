"""A run that a study asks for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bayescamel.study.rows import StoredRun


@dataclass(frozen=True)
class Candidate:
    """A run to train.

    Parameters
    ----------
    run_id
        Its name, under which it is told.
    n_params, n_active_params, n_tokens
        Size (non-embedding; None: dense) and training tokens.
    mixture
        Weight by training domain.
    seed
        Of the run: 0, and up where runs share all else.
    flops
        What the study counts for it.
    """

    run_id: str
    n_params: float
    n_active_params: float | None
    n_tokens: float
    mixture: Mapping[str, float]
    seed: int
    flops: float

    @classmethod
    def of(cls, run: StoredRun) -> "Candidate":
        """From what is stored."""
        if run.n_tokens is None or run.flops is None:
            raise ValueError(f"run {run.run_id!r} was attached, not asked for")
        return cls(
            run_id=run.run_id,
            n_params=run.n_params,
            n_active_params=run.n_active_params,
            n_tokens=run.n_tokens,
            mixture=dict(run.mixture),
            seed=run.seed,
            flops=run.flops,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)
