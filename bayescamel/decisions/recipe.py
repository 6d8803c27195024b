"""A decision as numbers that training code reads: weights, tokens and epochs."""

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from bayescamel._version import __version__
from bayescamel.decisions.recipe_formats import Layout, check_layout, laid_out
from bayescamel.exceptions import MixtureError, StorageError
from bayescamel.input import shown
from bayescamel.output import check_output, write_whole
from bayescamel.targets import Target

if TYPE_CHECKING:
    from bayescamel.decisions.result import OptimalMixture

DUST = 1e-6
"""Weights below are what the search leaves of a zero: it computes in single precision."""

LATTICES = (10**6, 10**7, 10**8, 10**9)
"""Weights are written as parts of the first of these whose decimals sum to 1 exactly."""


def recipe(
    mixture: xr.DataArray,
    target: Target,
    available: Mapping[str, float] | None = None,
    lattice: int | None = None,
    basis: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Weights, tokens and epochs by training domain, in plain Python numbers.

    Parameters
    ----------
    mixture
        Dims (domain,).
    target
        Its tokens are shared out; without them, weights alone are given.
    available
        Unique tokens by domain. Epochs are tokens over available tokens, for these domains.
    lattice
        Round weights to parts of this whole number: 100 for whole percent. The parts are told as
        integers that sum to it. Limits of the mixture then hold to one part.
    basis
        What the recipe rests on, `basis_of`, which is written with it.

    Returns
    -------
    dict
        ``weights`` sum to 1 exactly (`math.fsum`, and `sum` from Python 3.12 on); ``tokens`` are
        whole and sum to the target's. Without `available` there are no ``epochs``.

    Raises
    ------
    MixtureError
        When the lattice has fewer parts than one.
    """
    given = {str(name): float(mixture.sel(domain=name)) for name in mixture["domain"].to_numpy()}
    if lattice is not None and lattice < 1:
        raise MixtureError(f"a lattice of {lattice} parts (--lattice): give 1 or more")
    parts = None if lattice is None else share_out(exact_weights(given), lattice)
    weights = decimals(given) if parts is None else as_weights(parts)
    result: dict[str, Any] = {
        "target": {
            "n_params": target.n_params,
            "n_active_params": target.active,
            "n_tokens": target.n_tokens,
        },
        "weights": weights,
    }
    if parts is not None:
        result["parts"] = parts
    if target.n_tokens is not None:
        result["tokens"] = share_out(weights, round(target.n_tokens))
        if epochs := {
            name: result["tokens"][name] / tokens
            for name, tokens in (available or {}).items()
            if tokens > 0
        }:
            result["epochs"] = epochs
    if basis is not None:
        result["basis"] = dict(basis)
    return result


def basis_of(best: "OptimalMixture", posterior: str, converged: bool) -> dict[str, Any]:
    """What a recipe rests on, so that whoever finds the file later can doubt it.

    Parameters
    ----------
    posterior
        Its file, as it was named.
    converged
        Whether its draws can be used.
    """
    bounds = best.optimum_interval.transpose("domain", "bound").to_numpy().round(4).tolist()
    return {
        "bayescamel": __version__,
        "posterior": posterior,
        "converged": converged,
        "expected_regret": float(f"{best.regret:.4g}"),
        "unit": best.unit,
        "optimum_interval": dict(zip(map(str, best.optimum["domain"].values), bounds, strict=True)),
    }


def decimals(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights in few decimals that sum to 1 exactly; see `LATTICES`."""
    exact = exact_weights(weights)
    for lattice in LATTICES:
        found = as_weights(share_out(exact, lattice))
        if all(weight == round(weight, 9) for weight in found.values()):
            break
    return found


def as_weights(parts: Mapping[str, int]) -> dict[str, float]:
    """Parts of a whole as weights: as they divide, unless that misses a sum of exactly 1."""
    whole = sum(parts.values())
    weights = {name: part / whole for name, part in parts.items()}
    if math.fsum(weights.values()) == sum(weights.values()) == 1.0:
        return weights
    return exact_weights(weights)


def exact_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights without dust; the largest takes what is missing, so that they sum to 1 exactly."""
    kept = {name: weight if weight >= DUST else 0.0 for name, weight in weights.items()}
    largest = max(kept, key=lambda name: kept[name])
    # The sum of the others rounds by half a unit of 2^-53 at most, which the sum of all forgives.
    kept[largest] = 1.0 - math.fsum(weight for name, weight in kept.items() if name != largest)
    return kept


def share_out(weights: Mapping[str, float], n: int) -> dict[str, int]:
    """Whole numbers by domain that sum to `n`: largest remainders get what is left.

    In fractions, since above 2^53, which are 9e15 tokens, floats skip whole numbers.
    """
    exact = {name: Fraction(weight) for name, weight in weights.items()}
    total = sum(exact.values())
    shares = {name: weight * n / total for name, weight in exact.items()}
    counts = {name: math.floor(share) for name, share in shares.items()}
    left = n - sum(counts.values())
    for name in sorted(shares, key=lambda name: counts[name] - shares[name])[:left]:
        counts[name] += 1
    return counts


def check_recipe(path: Path, force: bool = False, layout: str = Layout.plain) -> None:
    """Refuse a path that a recipe cannot be written to, before the work that fills it.

    Raises
    ------
    StorageError
        When the ending is not one of the layout's, the file exists and `force` is not set, or its
        folder does not exist.
    """
    endings = (".txt",) if check_layout(layout) is Layout.megatron else (".yaml", ".yml", ".json")
    if path.suffix not in endings:
        raise StorageError(f"{path}: a recipe is written as {', '.join(endings)}")
    check_output(path, force)


def write_recipe(
    content: Mapping[str, Any],
    path: Path,
    force: bool = False,
    layout: str = Layout.plain,
    places: Mapping[str, str] | None = None,
) -> None:
    """Write a recipe as YAML or JSON, as the name's ending says; see `check_recipe`.

    What it rests on is a field of ours and a comment in others' YAML. Others' JSON and
    Megatron-LM's text have no place for it.

    Parameters
    ----------
    layout
        Whose training code reads it; see `bayescamel.decisions.recipe_formats`.
    places
        Where the data of a domain lie; a domain that is absent lies at its own name.
    """
    check_recipe(path, force, layout)
    laid = laid_out(content, layout, places or {})
    if isinstance(laid, str):
        text = laid
    elif path.suffix == ".json":
        text = json.dumps(laid, indent=2) + "\n"
    else:
        import yaml

        text = yaml.safe_dump(laid, sort_keys=False)
        if layout != Layout.plain and "basis" in content:
            text = _comment(content["basis"]) + text
    write_whole(path, text.encode())


def _comment(basis: Mapping[str, Any]) -> str:
    """What a recipe rests on, in lines that YAML skips."""
    lines = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in basis.items())
    return "".join(f"# {shown(line, 10_000)}\n" for line in ("what it rests on", *lines))
