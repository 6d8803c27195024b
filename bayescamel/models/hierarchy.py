"""How law parameters are pooled over validation domains: the prior, as normal blocks.

Every sampled quantity is a block of unconstrained numbers with a normal prior whose location and
scale are constants or earlier blocks. One list of blocks serves all programs: the sampler's log
density, the NumPyro and the PyMC program. Pooling scales are log-normal and the parameters
centred, which samples without the divergences of half-normal scales.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bayescamel.laws.base import Array, Inputs, Law, Parameter, Terms
from bayescamel.laws.population import SCATTER
from bayescamel.laws.repetition import REPETITION, as_fresh
from bayescamel.mixtures.transforms import variation

type Pooling = Literal["none", "partial", "full"]
POOLINGS: tuple[Pooling, ...] = ("none", "partial", "full")

LOG_SCALE_SD = 0.4
"""Prior sd of the logarithm of a pooling scale: within a factor of two of its median."""

LOG_NOISE_SD, LOG_NOISE_SPREAD = 1.0, 0.5
"""Prior sds of the logarithm of the noise: of its location, and of a validation domain around."""

SIZE_EFFECT_SD = 0.8
"""Prior sd of the logarithm of the size effects' scale: in some tables sizes are tuned badly."""

RUN_NOISE = "log_run_noise"
"""Block of the runs' noises, a number a run: the logarithm of what multiplies a typical run's."""

SPARSITY = Parameter("sparsity", (), "unit", 0.4, location_sd=1.0, spread=0.0)
"""s in Ñ = N_act^(1-s) N^s, the effective capacity of a Mixture-of-Experts model."""

LOPSIDED_NOISE = (1.0, 1.0)
"""Prior mean and sd of the growth of the noise's logarithm with lopsidedness: at a corner, around
twice the noise of the centre, and perhaps none or eight times."""


@dataclass(frozen=True)
class Block:
    """Unconstrained numbers with prior Normal(location, scale).

    ``location`` names an earlier block or is a constant; ``log_scale`` likewise, on the log
    scale. With ``own_location`` the elements whose names match get their own location.
    """

    name: str
    dims: tuple[str, ...]
    location: str | float
    log_scale: str | float
    own_location: str | float | None = None

    def prior(self, xp: Array, values: Mapping[str, Array], own: Array) -> tuple[Array, Array]:
        """Location and scale, given the values of earlier blocks and the matching names."""
        location = _value(self.location, values)
        if self.own_location is not None:
            location = location + own * (_value(self.own_location, values) - location)
        return location, xp.exp(_value(self.log_scale, values))


def _value(reference: str | float, values: Mapping[str, Array]) -> Array:
    return values[reference] if isinstance(reference, str) else reference


@dataclass(frozen=True)
class Noise:
    """Priors of what scatters around the law, in units of the reference loss.

    Parameters
    ----------
    sigma
        Typical run-to-run noise on a validation domain; learned, pooled over domains.
    size_effect
        Typical effect shared by all runs of one size (each size is tuned a little better or
        worse). Tight on purpose: a loose one swallows the dependence on size.
    run_spread
        Sd of the logarithm of a run's noise, which all its losses share; 0: runs scatter alike.
        The noise is so heavy-tailed by run: one that went wrong, off on all of its losses, is found
        out and hardly counts, where Gaussian noise lets it bend the law.
    mixture_dependent
        Whether the noise may grow with the lopsidedness of the mixture, its total variation from
        the reference: repeats of a lopsided mixture scatter more than those of a balanced one, and
        every law fits the corners worse. How much is learned.
    beyond
        What the law misses at e times the largest size, tokens or epochs that were fitted, its sd
        in units of the run-to-run noise; it is nothing inside, and no part of the fit.
    beyond_shared
        Share of its variance that all validation domains have in common.
    """

    sigma: float = SCATTER["sigma"]
    size_effect: float = SCATTER["size_effect"]
    run_spread: float = 0.5
    mixture_dependent: bool = True
    beyond: float = SCATTER["beyond"]
    beyond_shared: float = SCATTER["beyond_shared"]


@dataclass(frozen=True)
class Hierarchy:
    """The prior of a law for V validation and K training domains; programs cache on it.

    Parameters
    ----------
    law
        Whose parameters.
    n_validation, n_domain
        V and K.
    pooling
        ``"partial"``; ``"none"``: every validation domain has its own independent prior;
        ``"full"``: all share one value.
    sparse
        Whether total and active parameters differ in some run.
    repeated
        Whether some run saw more tokens of a domain than there are.
    noise
        Priors of the scatter.
    """

    law: Law
    n_validation: int
    n_domain: int
    pooling: Pooling = "partial"
    sparse: bool = False
    repeated: bool = False
    noise: Noise = Noise()

    def parameters(self) -> tuple[Parameter, ...]:
        """The law's, with sparse models that of capacity, with repeats that of their worth."""
        more = (SPARSITY,) * self.sparse + (REPETITION,) * self.repeated
        return (*self.law.parameters, *more)

    @property
    def has_run_noise(self) -> bool:
        """Whether each run has a noise that is its alone."""
        return self.noise.run_spread > 0

    def blocks(self) -> tuple[Block, ...]:
        """All blocks, each after those that it refers to; a number a run last."""
        blocks: list[Block] = []
        for parameter in self.parameters():
            blocks += self._parameter_blocks(parameter)
        if self.pooling != "none":
            blocks += [
                Block(f"{c.name}_location", (), c.mean, math.log(c.location_sd))
                for c in self.law.coefficients
            ]
        place = Block("sigma_location", (), math.log(self.noise.sigma), math.log(LOG_NOISE_SD))
        spread = math.log(LOG_NOISE_SPREAD)
        blocks += [place, Block("log_sigma", ("validation",), "sigma_location", spread)]
        if self.noise.mixture_dependent:
            mean, sd = LOPSIDED_NOISE
            blocks.append(Block("noise_lopsided", (), mean, math.log(sd)))
        blocks.append(
            Block(
                "log_size_effect_scale",
                (),
                math.log(self.noise.size_effect),
                math.log(SIZE_EFFECT_SD),
            )
        )
        if self.has_run_noise:
            blocks.append(Block(RUN_NOISE, ("run",), 0.0, math.log(self.noise.run_spread)))
        return tuple(blocks)

    def _parameter_blocks(self, parameter: Parameter) -> list[Block]:
        name, typical = parameter.name, self._unconstrained_typical(parameter, parameter.typical)
        raw = raw_name(parameter)
        own = None
        if parameter.own is not None:
            own = self._unconstrained_typical(parameter, parameter.own, own=True)
        over_domains = parameter == REPETITION  # whatever is pooled over validation domains
        if self.pooling == "none" or not ("validation" in parameter.dims or over_domains):
            total = math.hypot(parameter.location_sd, parameter.spread)
            return [Block(raw, parameter.dims, typical, math.log(total), own)]
        log_sd = math.log(parameter.location_sd)
        location = f"{name}_location"
        blocks = [Block(location, (), typical, log_sd)]
        own_location = None
        if own is not None:
            own_location = f"{name}_own_location"
            blocks.append(Block(own_location, (), own, log_sd))
        if self.pooling == "full" and not over_domains:
            return blocks
        if "domain" in parameter.dims:
            scale: str | float = math.log(parameter.spread)
        else:
            scale = f"{name}_log_spread"
            blocks.append(Block(scale, (), math.log(parameter.spread), math.log(LOG_SCALE_SD)))
        blocks.append(Block(raw, parameter.dims, location, scale, own_location))
        return blocks

    def _unconstrained_typical(
        self, parameter: Parameter, typical: float, own: bool = False
    ) -> float:
        if parameter.shared_out and not own:
            typical = typical / self.n_domain
        match parameter.support:
            case "positive":
                return math.log(typical)
            case "unit":
                return math.log(typical / (1 - typical))
            case "real":
                return typical

    def shape(self, dims: tuple[str, ...], n_run: int = 0) -> tuple[int, ...]:
        """Lengths of dims."""
        sizes = {"validation": self.n_validation, "domain": self.n_domain, "run": n_run}
        return tuple(sizes[dim] for dim in dims)

    def terms(self, xp: Array, parameters: Mapping[str, Array], inputs: Inputs) -> Terms:
        """The law's terms (validation, run), draws in front.

        Parameters
        ----------
        parameters
            In their own units (`constrained`), draws in front.
        inputs
            Of the runs; effective capacity is filled in here, and repeated tokens count as the
            fresh ones that they are worth.
        """
        if self.sparse:
            capacity = inputs.log_total - inputs.log_active
            share = SPARSITY.beside_runs(parameters[SPARSITY.name])
            inputs = inputs._replace(log_capacity=inputs.log_active + share * capacity)
        if inputs.unique is not None:
            inputs = as_fresh(xp, inputs, REPETITION.beside_runs(parameters[REPETITION.name]))
        values = {p.name: p.beside_runs(parameters[p.name]) for p in self.law.parameters}
        return self.law.terms(xp, inputs, **values)

    def curve(
        self, xp: Array, parameters: Mapping[str, Array], coefficients: Array, inputs: Inputs
    ) -> Array:
        """The law's loss (validation, run), draws in front, in units of the reference loss.

        Parameters
        ----------
        parameters, inputs
            As in `terms`.
        coefficients
            (validation, coefficient), draws in front.
        """
        basis, total = self.terms(xp, parameters, inputs)
        for i, coefficient in enumerate(self.law.coefficients):
            total = total + coefficients[..., i, None] * basis[coefficient.name]
        return total

    def constrained(self, xp: Array, values: Mapping[str, Array], own: Array) -> dict[str, Array]:
        """The law's parameters, in their own units, from values of the blocks.

        Leading axes of the values (draws) are kept; axes of absent dims are not inserted.
        """
        result = {}
        for parameter in self.parameters():
            if self.pooling == "full" and "validation" in parameter.dims:
                raw = self._fully_pooled(parameter, values, own)
            else:
                raw = values[raw_name(parameter)]
            result[parameter.name] = _constrain(xp, parameter, raw)
        return result

    def _fully_pooled(self, parameter: Parameter, values: Mapping[str, Array], own: Array) -> Array:
        shape = np.zeros(self.shape(parameter.dims))
        extra = (None,) * len(parameter.dims)
        location = values[f"{parameter.name}_location"][(..., *extra)] + shape
        if parameter.own is None:
            return location
        return location + own * (values[f"{parameter.name}_own_location"][(..., *extra)] - location)

    def coefficient_prior(self, values: Mapping[str, Array]) -> tuple[list[Array], list[float]]:
        """Location and spread of each coefficient, in units of the reference loss."""
        coefficients = self.law.coefficients
        if self.pooling == "none":
            spreads = [math.hypot(c.location_sd, c.spread) for c in coefficients]
            return [c.mean for c in coefficients], spreads
        locations = [values[f"{c.name}_location"] for c in coefficients]
        return locations, [0.0 if self.pooling == "full" else c.spread for c in coefficients]

    def truncated(self) -> bool:
        """Whether the last coefficient is cut at 0; a fully pooled one has no spread to cut."""
        return self.law.coefficients[-1].positive and self.pooling != "full"

    def log_noise_sd(self, values: Mapping[str, Array], mixture: Array, reference: Array) -> Array:
        """Logarithm of the sd of a run around the curve, in units of the reference loss.

        Shape (validation, run), or (validation, 1) where runs scatter alike.
        """
        log_sd = values["log_sigma"][:, None]
        if self.noise.mixture_dependent:
            log_sd = log_sd + values["noise_lopsided"] * variation(mixture, reference)
        if self.has_run_noise:
            log_sd = log_sd + values[RUN_NOISE]
        return log_sd


def raw_name(parameter: Parameter) -> str:
    """Name of a parameter's block: its unconstrained scale is part of the name."""
    prefix = {"positive": "log_", "unit": "logit_", "real": "raw_"}[parameter.support]
    return prefix + parameter.name


def _constrain(xp: Array, parameter: Parameter, raw: Any) -> Array:
    match parameter.support:
        case "positive":
            return xp.exp(raw)
        case "unit":
            return 1 / (1 + xp.exp(-raw))
        case "real":
            return raw
