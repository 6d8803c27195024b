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
    recommended, why
        The mixture to train the target on, and why that; None before there is a posterior.
    optimum, optimum_interval
        The mixture of least risk, which is recommended unless a nearer one cannot be told from it,
        and the 90 % of the draws' optima around it; None before there is a posterior.
    converged, caveats
        Whether the posterior's draws can be used, and what they may still get wrong; None and
        nothing before there is one.
    note
        Why there is no posterior, or to which part of the runs it was fitted; None: to all.
    """

    told: int
    pending: int
    failed: int
    flops_spent: float
    flops_left: float
    expected_regret: float | None
    recommended: dict[str, float] | None = None
    why: str | None = None
    optimum: dict[str, float] | None = None
    optimum_interval: dict[str, tuple[float, float]] | None = None
    converged: bool | None = None
    caveats: tuple[str, ...] = ()
    note: str | None = None

    @classmethod
    def of(cls, seen: Snapshot, settings: Settings, outlook: Outlook | None) -> "Status":
        """From all that is stored, and what the told runs say of the target."""
        note = in_words(seen, settings)
        if outlook is not None and note is not None:
            note += f"; this one took {outlook.seconds:.0f} s"
        return cls(
            told=len(seen.told()),
            pending=len(seen.pending()),
            failed=sum(run.state == "failed" for run in seen.runs),
            flops_spent=seen.spent(),
            flops_left=settings.budget - seen.spent(),
            expected_regret=None if outlook is None else outlook.best.regret,
            **({} if outlook is None else outlook.decided()),
            note=note,
        )

    @property
    def _lines(self) -> list[str]:
        lines = [
            f"{self.told} runs told, {self.pending} pending, {self.failed} failed",
            f"{self.flops_spent:.3g} FLOPs spent, {self.flops_left:.3g} left",
        ]
        if self.recommended is None:
            return [*lines, f"no recommendation: {self.note}"]
        lines += [] if self.note is None else [self.note]
        return [*lines, f"expected regret {self.expected_regret:.2g} nats per token", str(self.why)]

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows: the recommendation, the optimum where it is another, its interval."""
        if self.recommended is None or self.optimum is None or self.optimum_interval is None:
            return [], []
        shown = [self.recommended]
        if self.optimum != self.recommended:
            shown.append(self.optimum)
        rows = [
            [name, *(f"{weights[name]:.3f}" for weights in shown), f"{low:.3f} to {high:.3f}"]
            for name, (low, high) in self.optimum_interval.items()
        ]
        heads = ["recommended", "optimum"][: len(shown)]
        return ["training domain", *heads, "90 % of the optima"], rows

    def __str__(self) -> str:
        head, rows = self._table()
        table = [f"  {'  '.join(row)}" for row in ([head, *rows] if rows else [])]
        return "\n".join([*self._lines, *table])

    def _repr_html_(self) -> str:
        """Runs, budget and the recommendation, and what speaks against it."""
        return as_html("Study", self._lines, self.caveats, *self._table())
