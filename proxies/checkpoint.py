"""A run's state on disk, so that a killed run goes on where it was."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_state_dict,
    set_state_dict,
)

from bayescamel.exceptions import BayesCamelError
from proxies.files import write_atomically

WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


class CheckpointError(BayesCamelError):
    """A checkpoint that belongs to another run, or that cannot be read."""


def snapshot(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """A copy of weights and optimiser state; under sharding it is whole in the first process."""
    weights, moments = get_state_dict(model, optimizer, options=WHOLE)
    return copy.deepcopy({"model": weights, "optimizer": moments})


def restore(model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Put a snapshot back."""
    set_state_dict(
        model,
        optimizer,
        model_state_dict=state["model"],
        optim_state_dict=copy.deepcopy(state["optimizer"]),
        options=WHOLE,
    )


def save(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint: the whole of it or nothing."""
    write_atomically(path, lambda file: torch.save(state, file))


def load(path: Path, key: str) -> dict[str, Any] | None:
    """The checkpoint of the run with this key; None where there is none.

    Raises
    ------
    CheckpointError
        When the file is that of another run, or none.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        found = state["key"]
    except (OSError, RuntimeError, KeyError, EOFError, ValueError, UnpicklingError) as error:
        raise CheckpointError(f"{path.name} is no checkpoint: delete it") from error
    if found != key:
        raise CheckpointError(f"{path.name} is the checkpoint of another run: delete it")
    return state


def discard(path: Path) -> None:
    """Remove a checkpoint whose run is done."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not os.listdir(path.parent):
        path.parent.rmdir()
