"""The result of a decision: the recommendation, how sure it is, and what it rests on."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayescamel.draws.summary import interval90
from bayescamel.notebook import as_html
from bayescamel.targets import Target


@dataclass(frozen=True, eq=False)
class Comparison:
    """How much better a recommendation is than another mixture.

    Parameters
    ----------
    name
        What the other mixture is.
    mixture
        Dims (domain,).
    gain
        Its objective minus the recommendation's, draw by draw: dims (sample,). What the law
        misses of either mixture is part of it (`bayescamel.draws.residuals`).
    """

    name: str
    mixture: xr.DataArray
    gain: xr.DataArray

    @property
    def expected(self) -> float:
        """Posterior mean of the gain."""
        return float(self.gain.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval of the gain."""
        low, high = interval90(self.gain.to_numpy())
        return float(low), float(high)

    @property
    def probability(self) -> float:
        """Probability that the recommendation is better."""
        return float((self.gain > 0).mean())

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"better than {self.name} with probability {self.probability:.2f}, by "
            f"{self.expected:.4f} ({low:.4f} to {high:.4f})"
        )


@dataclass(frozen=True, eq=False)
class OptimalMixture:
    """A decision and how sure it is.

    Parameters
    ----------
    recommended
        The mixture to train, dims (domain,), and `why`: the optimum, unless `tied`.
    optimum
        The mixture of least risk, dims (domain,).
    optimum_interval
        Dims (domain, bound): 90 % of the draws' optima lie between ``lower90`` and ``upper90``,
        weight by weight. It is about the optimum: the recommendation may lie outside of it.
    expected
        Posterior mean of the objective at the recommendation.
    regret
        Expected regret: by how much a draw's optimum beats the recommendation in that draw,
        on average. It is about the law's curve; what the law misses of single mixtures is not in
        it, and is in the comparisons.
    draws
        Each draw's optimum, dims (sample, domain): the posterior of the best mixture.
    values, regrets
        The objective at the recommendation, and the regret, draw by draw: dims (sample,).
    tied
        The posterior cannot tell the optimum from the near mixture, so that the recommendation is
        the near one.
    against_near
        The optimum compared with the near mixture: the reference where one was given, else the mean
        of the measured mixtures; brought within the constraints.
    against_reference
        The recommendation compared with the reference as it was given; None without one.
    extrapolation
        How far outside the runs the recommendation lies; see `bayescamel.draws.prediction`.
    distance, reach
        Total variation from the recommendation to the nearest measured mixture, and the distance
        that measured mixtures have among themselves.
    gain_extrapolated
        Share of the expected gain over the near mixture that no mixture within reach of the
        measured ones, on the way to the recommendation, would bring; NaN when there is no gain.
    binding
        The constraints that the recommendation meets with equality.
    target, unit
        What it is for, and the objective's unit.
    doubts
        What is to be said against losses that the law puts there; they came as a warning too.
    worth
        What repeated tokens are taken to be worth, and who says so; None where none may be.
    """

    recommended: xr.DataArray
    optimum: xr.DataArray
    optimum_interval: xr.DataArray
    expected: float
    regret: float
    draws: xr.DataArray
    values: xr.DataArray
    regrets: xr.DataArray
    tied: bool
    against_near: Comparison
    against_reference: Comparison | None
    extrapolation: float
    distance: float
    reach: float
    gain_extrapolated: float
    binding: tuple[str, ...]
    target: Target
    unit: str
    doubts: tuple[str, ...] = ()
    worth: str | None = None

    def regret_quantile(self, level: float | list[float]) -> np.ndarray:
        """Quantiles of the regret."""
        return np.quantile(self.regrets, level)

    @property
    def regret_in_words(self) -> str:
        """The expected regret, and of what: a law that is wrong knows nothing of it."""
        limit = float(self.regret_quantile(0.9))
        return (
            f"expected regret if the law is right {self.regret:.4f}, below {limit:.4f} with "
            "probability 0.9"
        )

    @property
    def why(self) -> str:
        """Why the recommendation is what it is, in one sentence."""
        if self.tied:
            return (
                f"the optimum cannot be told from {self.against_near.name}, which is recommended "
                f"for being near: the optimum is {self.against_near}"
            )
        return f"the optimum is recommended: it is {self.against_near}"

    @property
    def columns(self) -> list[str]:
        """What `shares` are, for the head of a table."""
        return ["recommended", "optimum"] if self.tied else ["recommended"]

    def shares(self, domain: str) -> list[float]:
        """The recommended weight of a training domain and, where it is another, the optimum's.

        The draws' optima lie around the latter.
        """
        shown = [self.recommended, self.optimum] if self.tied else [self.recommended]
        return [float(mixture.sel(domain=domain)) for mixture in shown]

    def density(self, bins: int = 40) -> xr.DataArray:
        """Histogram density of each weight's optimum: dims (domain, weight), over bin centres.

        A histogram, because optima pile up where a weight is 0 or meets a constraint.
        """
        counts = [
            np.histogram(column, bins, (0.0, 1.0), density=True)[0]
            for column in self.draws.transpose("domain", "sample").to_numpy()
        ]
        centres = (np.arange(bins) + 0.5) / bins
        coords = {"domain": self.draws["domain"].to_numpy(), "weight": centres}
        return xr.DataArray(np.array(counts), coords, ("domain", "weight"), "density")

    def __repr__(self) -> str:
        lines = [
            f"OptimalMixture at {self.target.n_params:.3g} parameters: expected objective "
            f"{self.expected:.4f} {self.unit}",
            f"  {self.regret_in_words}",
        ]
        names = [str(name) for name in self.recommended["domain"].to_numpy()]
        width = max(len(name) for name in names)
        for name in names:
            low, high = self.optimum_interval.sel(domain=name).to_numpy()
            shares = "  ".join(f"{share:.3f}" for share in self.shares(name))
            lines.append(f"  {name:<{width}}  {shares}  ({low:.3f} to {high:.3f})")
        lines.append(f"  {', '.join(self.columns)} (90 % of the draws' optima)")
        lines += [f"  {line}" for line in self.notes()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The recommendation with its intervals, and what it is worth."""
        rows = []
        for name in map(str, self.recommended["domain"].to_numpy()):
            low, high = self.optimum_interval.sel(domain=name).to_numpy()
            shares = [f"{share:.3f}" for share in self.shares(name)]
            rows.append([name, *shares, f"{low:.3f} to {high:.3f}"])
        header = ["training domain", *self.columns, "90 % of the optima"]
        lines = [
            f"expected objective {self.expected:.4f} {self.unit}; {self.regret_in_words}",
            *self.notes(),
        ]
        title = f"Recommended mixture for {self.target.n_params:.3g} parameters"
        return as_html(title, lines, (), header, rows)

    def notes(self) -> list[str]:
        """What a reader should know beside the numbers, a line each."""
        notes = [self.why]
        if self.against_reference is not None and self.against_reference is not self.against_near:
            notes.append(str(self.against_reference))
        inside = self.distance <= self.reach
        notes.append(
            f"{self.distance:.2f} from the nearest measured mixture (total variation; they are "
            f"{self.reach:.2f} apart)"
            + (
                ""
                if inside or np.isnan(self.gain_extrapolated)
                else f": {self.gain_extrapolated:.0%} of the gain rests on extrapolation"
            )
        )
        if self.binding:
            notes.append("binding: " + "; ".join(self.binding))
        if self.worth is not None:
            notes.append(self.worth)
        return notes
