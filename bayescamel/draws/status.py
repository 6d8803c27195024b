"""Whether the chains converged, and the remedy where they did not."""

import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from bayescamel.exceptions import ConvergenceWarning

RHAT_MAX = 1.01
ESS_MIN = 400
EBFMI_MIN = 0.3
"""Thresholds of Vehtari et al. 2021 (rank-normalised R-hat, ESS) and Betancourt 2016 (energy)."""


@dataclass(frozen=True)
class Status:
    """Diagnostics of a fit, in words and numbers.

    Parameters
    ----------
    rhat_max
        Largest rank-normalised split R-hat over all sampled quantities.
    ess_bulk_min, ess_tail_min
        Smallest effective sample sizes.
    divergences
        Number of divergent transitions after warm-up.
    ebfmi_min
        Smallest energy Bayesian fraction of missing information over chains.
    seconds
        Wall time of the fit, compilation included.
    modes
        Log evidence of further modes relative to the one sampled, nats (negative: worse).
    """

    rhat_max: float
    ess_bulk_min: float
    ess_tail_min: float
    divergences: int
    ebfmi_min: float
    seconds: float
    modes: tuple[float, ...] = field(default=())

    @property
    def failed(self) -> tuple[str, ...]:
        """Which diagnostics failed, of ``rhat, ess, divergences, energy``."""
        checks = {
            "rhat": self.rhat_max <= RHAT_MAX,
            "ess": min(self.ess_bulk_min, self.ess_tail_min) >= ESS_MIN,
            "divergences": self.divergences == 0,
            "energy": self.ebfmi_min >= EBFMI_MIN,
        }
        # Written so that a NaN, which compares false, fails its check.
        return tuple(name for name, passed in checks.items() if not passed)

    @property
    def converged(self) -> bool:
        """Whether every diagnostic passed."""
        return not self.failed

    @property
    def remedies(self) -> tuple[str, ...]:
        """What to do about each failed diagnostic."""
        words = {
            "rhat": f"chains disagree (R-hat {self.rhat_max:.3f} > {RHAT_MAX}): double tune and "
            "draws (--tune, --draws); if it stays, the runs leave several modes open: add runs",
            "ess": f"too few effective draws ({min(self.ess_bulk_min, self.ess_tail_min):.0f} < "
            f"{ESS_MIN}): raise draws (--draws)",
            "divergences": f"{self.divergences} divergences (the default engine has tried "
            "smaller steps): leave out what the law fits worst, a validation domain or a "
            "benchmark, or fit a simpler law",
            "energy": f"energy moves slowly (E-BFMI {self.ebfmi_min:.2f} < {EBFMI_MIN}): "
            "raise tune (--tune)",
        }
        return tuple(words[name] for name in self.failed)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the draws cannot be used, in one line; nothing where they converged."""
        return () if self.converged else (f"{self._head}: {'; '.join(self.remedies)}",)

    @property
    def _head(self) -> str:
        return "converged" if self.converged else f"not converged ({', '.join(self.failed)})"

    def __str__(self) -> str:
        text = (
            f"{self._head}: R-hat ≤ {self.rhat_max:.3f}, ESS ≥ {self.ess_bulk_min:.0f} (bulk) and "
            f"{self.ess_tail_min:.0f} (tail), {self.divergences} divergences, "
            f"E-BFMI ≥ {self.ebfmi_min:.2f}, {self.seconds:.0f} s"
        )
        if self.modes:
            gaps = ", ".join(f"{gap:+.0f}" for gap in self.modes)
            text += f"; other modes at {gaps} nats"
        return "\n".join([text, *(f"  remedy: {remedy}" for remedy in self.remedies)])

    def to_dict(self) -> dict[str, object]:
        """For a file: `Status` takes it back."""
        return asdict(self)


def warn_of(doubts: Iterable[str], category: type[Warning] = ConvergenceWarning) -> None:
    """A warning each, at the line of the caller's that asked for the answer."""
    package = str(Path(__file__).parents[1])
    for doubt in doubts:
        warnings.warn(doubt, category, skip_file_prefixes=(package,))


def diagnose(
    draws: xr.Dataset,
    diverging: np.ndarray,
    energy: np.ndarray,
    seconds: float,
    modes: tuple[float, ...] = (),
) -> Status:
    """Compute the diagnostics of draws with dims (chain, draw, ...)."""
    import arviz_stats as az  # here: a second to load

    def extreme(table: xr.Dataset, worst: str) -> float:
        values = np.concatenate([table[name].to_numpy().ravel() for name in table.data_vars])
        return float(np.max(values) if worst == "max" else np.min(values))

    change = np.mean(np.diff(energy, axis=1) ** 2, axis=1)
    return Status(
        rhat_max=extreme(az.rhat(draws), "max"),
        ess_bulk_min=extreme(az.ess(draws, method="bulk"), "min"),
        ess_tail_min=extreme(az.ess(draws, method="tail"), "min"),
        divergences=int(diverging.sum()),
        ebfmi_min=float(np.min(change / np.var(energy, axis=1))),
        seconds=seconds,
        modes=modes,
    )
