"""A run described in a YAML or JSON file.

::

    run_id: mine
    model: {dial: 1.3e6}          # or {preset: 590M-A12M}, {n_active: 48e3, n_params: 4e5},
                                  # or the fields of `proxies.shapes.ModelConfig`
    mixture: {english: 0.5, code: 0.5}
    n_tokens: 1.3e7
    branches: [6.5e6]             # and any other field of `proxies.config.TrainConfig`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from bayescamel.exceptions import BayesCamelError
from proxies.config import TrainConfig
from proxies.grid import Cell
from proxies.shapes import ModelConfig, preset

WHOLE = ("n_tokens", "seed", "evaluation_tokens", "n_questions")


class ConfigurationError(BayesCamelError):
    """A file that describes no run."""


def read_configuration(path: Path) -> Cell:
    """The run that a file describes.

    Raises
    ------
    ConfigurationError
        When the file is missing, or a key or a value cannot be used; it names which.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: no configuration can be read: {error}") from error
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"{path}: a configuration is a mapping of names and values")
    rest = dict(values)
    for key in ("run_id", "model", "mixture", "n_tokens"):
        if key not in rest:
            raise ConfigurationError(f"{path}: the key {key!r} is missing")
    run_id = str(rest.pop("run_id"))
    known = {field.name for field in fields(TrainConfig)}
    for key in rest:
        if key not in known:
            raise ConfigurationError(
                f"{path}: unknown key {key!r}; there are: run_id, {', '.join(sorted(known))}"
            )
    try:
        rest["model"] = read_model(rest["model"])
        rest["mixture"] = {str(k): float(v) for k, v in dict(rest["mixture"]).items()}
        rest["branches"] = tuple(int(float(tokens)) for tokens in rest.get("branches", ()))
        for key in WHOLE:
            if key in rest:
                rest[key] = int(float(rest[key]))
        return Cell(run_id, TrainConfig(**rest))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}: a value cannot be used: {error}") from error


def read_model(values: Any) -> ModelConfig:
    """A shape by its dial, its preset, its active and total parameters, or its fields."""
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"model: {values!r} is no mapping; write {{dial: 1e6}}")
    given = dict(values)
    context: dict[str, Any] = {}
    if "context" in given:
        context["context"] = int(given.pop("context"))
    match sorted(given):
        case ["dial"]:
            return ModelConfig.from_dial(float(given["dial"]), **context)
        case ["preset"]:
            return preset(str(given["preset"]))
        case ["n_active", "n_params"]:
            return ModelConfig.sparse(float(given["n_active"]), float(given["n_params"]), **context)
    shape: dict[str, Any] = {str(key): int(value) for key, value in given.items()}
    if "tied" in shape:
        shape["tied"] = bool(shape["tied"])
    return ModelConfig(**shape, **context)
