"""Where a study stands: runs, budget, recommendation."""

from dataclasses import dataclass

from bayescamel.notebook import as_html
from bayescamel.study.outlook import Outlook, in_words
from bayescamel.study.rows import Snapshot
from bayescamel.study.settings import Settings


@dataclass(frozen=True)
class Status:
    """Where a study stands.

    Parameters
    ----------
    told, pending, failed
        Numbers of runs.
    flops_spent, flops_left
        Of the budget, by runs that ended; pending runs are in neither.
    expected_regret
        Of the recommended mixture, nats; None before there is a posterior.
    best_mixture
        Recommended for the target; None before there is a posterior.
    note
        Why there is no posterior, or to which part of the runs it was fitted; None: to all.
    """

    told: int
    pending: int
    failed: int
    flops_spent: float
    flops_left: float
    expected_regret: float | None
    best_mixture: dict[str, float] | None
    note: str | None = None

    @classmethod
    def of(cls, seen: Snapshot, settings: Settings, outlook: Outlook | None) -> "Status":
        """From all that is stored, and what the told runs say of the target."""
        regret = mixture = None
        note = in_words(seen, settings)
        if outlook is not None:
            weights = map(float, outlook.best.mixture)
            mixture = dict(zip(outlook.predictive.domains, weights, strict=True))
            regret = outlook.best.regret
            if note is not None:
                note += f"; this one took {outlook.seconds:.0f} s"
        return cls(
            told=len(seen.told()),
            pending=len(seen.pending()),
            failed=sum(run.state == "failed" for run in seen.runs),
            flops_spent=seen.spent(),
            flops_left=settings.budget - seen.spent(),
            expected_regret=regret,
            best_mixture=mixture,
            note=note,
        )

    def _repr_html_(self) -> str:
        """Runs, budget and the recommendation."""
        lines = [
            f"{self.told} runs told, {self.pending} pending, {self.failed} failed",
            f"{self.flops_spent:.3g} FLOPs spent, {self.flops_left:.3g} left",
        ]
        if self.best_mixture is None:
            return as_html("Study", [*lines, "too few runs for a recommendation"])
        lines.append(f"expected regret {self.expected_regret:.2g} nats per token")
        if self.note is not None:
            lines.append(self.note)
        rows = [[name, f"{weight:.3f}"] for name, weight in self.best_mixture.items()]
        return as_html("Study", lines, (), ["training domain", "weight"], rows)
