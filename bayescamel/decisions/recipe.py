"""A decision as a file that training code reads."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from bayescamel.exceptions import StorageError
from bayescamel.output import check_output, write_whole
from bayescamel.targets import Target


def recipe(
    mixture: xr.DataArray, target: Target, available: Mapping[str, float] | None = None
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
    """
    weights = {str(name): float(mixture.sel(domain=name)) for name in mixture["domain"].to_numpy()}
    result: dict[str, Any] = {
        "target": {
            "n_params": target.n_params,
            "n_active_params": target.active,
            "n_tokens": target.n_tokens,
        },
        "weights": weights,
    }
    if target.n_tokens is not None:
        result["tokens"] = share_out(weights, round(target.n_tokens))
        result["epochs"] = {
            name: result["tokens"][name] / tokens
            for name, tokens in (available or {}).items()
            if tokens > 0
        }
    return result


def share_out(weights: Mapping[str, float], n_tokens: int) -> dict[str, int]:
    """Whole tokens by domain that sum to the total: largest remainders get what is left."""
    tokens = {name: int(weight * n_tokens) for name, weight in weights.items()}
    left = n_tokens - sum(tokens.values())
    by_remainder = sorted(weights, key=lambda name: tokens[name] - weights[name] * n_tokens)
    for name in by_remainder[:left]:
        tokens[name] += 1
    return tokens


def check_recipe(path: Path, force: bool = False) -> None:
    """Refuse a path that a recipe cannot be written to, before the work that fills it.

    Raises
    ------
    StorageError
        When the ending is neither .yaml, .yml nor .json, the file exists and `force` is not set,
        or its folder does not exist.
    """
    if path.suffix not in (".json", ".yaml", ".yml"):
        raise StorageError(f"{path}: a recipe is written as .yaml, .yml or .json")
    check_output(path, force)


def write_recipe(content: Mapping[str, Any], path: Path, force: bool = False) -> None:
    """Write a recipe as YAML or JSON, as the name's ending says; see `check_recipe`."""
    check_recipe(path, force)
    if path.suffix == ".json":
        text = json.dumps(content, indent=2) + "\n"
    else:
        import yaml

        text = yaml.safe_dump(dict(content), sort_keys=False)
    write_whole(path, text.encode())
