"""Train one candidate of a study: JSON in, JSON out.

    python -m proxies.launch candidate.json record.json --device cpu

The candidate says ``run_id, n_params, n_tokens, mixture, seed``; the record is that of
`proxies.record`. The record is there whole, or not at all.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bayescamel.designs.space import Size
from bayescamel.exceptions import BayesCamelError
from proxies import corpora as corpora_module
from proxies import flops, record, train
from proxies.corpora import Corpora
from proxies.model import ModelConfig
from proxies.sweep import locate_corpora
from proxies.train import TrainConfig

SAME_SIZE = 0.02
"""Share by which a realised size may miss the size that was asked for: rounding of the shape."""


class LaunchError(BayesCamelError):
    """A candidate that this trainer cannot train."""


def proxy_size(dial: float) -> Size:
    """The realised size of a dial, with the FLOPs that its shape costs a token."""
    model = ModelConfig.from_dial(dial)
    return Size(float(model.n_params), flops_per_token=flops.train_flops(model, 1))


def config_of(candidate: dict[str, Any]) -> TrainConfig:
    """The run that a candidate asks for.

    Raises
    ------
    LaunchError
        When the candidate lacks a number, is sparse, or no shape has its size.
    """
    for key in ("run_id", "n_params", "n_tokens", "mixture"):
        if key not in candidate:
            raise LaunchError(f"the candidate has no {key!r}")
    active = candidate.get("n_active_params")
    if active is not None and active != candidate["n_params"]:
        raise LaunchError(
            f"{candidate['run_id']}: this trainer knows dense models only: give the study your "
            "own by --command"
        )
    model = ModelConfig.from_dial(float(candidate["n_params"]))
    if abs(model.n_params / candidate["n_params"] - 1) > SAME_SIZE:
        raise LaunchError(
            f"{candidate['run_id']}: the nearest shape to {candidate['n_params']:g} parameters "
            f"has {model.n_params}: offer sizes that `proxies.launch.proxy_size` gives"
        )
    mixture = {str(name): float(weight) for name, weight in candidate["mixture"].items()}
    return TrainConfig(
        model, mixture, int(candidate["n_tokens"]), seed=int(candidate.get("seed", 0))
    )


def find_corpora(out: Path, source: Path | None, cache: Path) -> Path:
    """The folder of saved corpora: `source` itself where it is one, else those of `out`.

    See `proxies.sweep.locate_corpora`.
    """
    if source is not None and (source / corpora_module.MANIFEST).exists():
        return source
    return locate_corpora(out, source, cache)


def launch(candidate: dict[str, Any], corpora: Corpora, device: str, out: Path) -> None:
    """Train a candidate and write its record to `out`."""
    config = config_of(candidate)
    missing = sorted(set(config.mixture) - set(corpora.names))
    if missing:
        raise LaunchError(
            f"{candidate['run_id']}: there is no text for {missing[0]!r}; there is for: "
            f"{', '.join(corpora.names)}"
        )
    outcome = train.run(config, corpora, device)
    entry = record.build(str(candidate["run_id"]), config, corpora, outcome, device)
    written = record.write(entry, out.parent)
    if written != out:
        os.replace(written, out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: the record is there; 2: it is not, and the last line says why."""
    made = argparse.ArgumentParser(prog="python -m proxies.launch", description=__doc__)
    made.add_argument("candidate", type=Path)
    made.add_argument("record", type=Path)
    made.add_argument(
        "--corpora", type=Path, help="saved corpora, or your own: <domain>/ or <domain>.jsonl"
    )
    made.add_argument("--cache", type=Path, default=corpora_module.default_cache())
    made.add_argument("--device", default="cpu", help="cpu or cuda")
    options = made.parse_args(arguments)
    if options.device == "cpu":
        torch.set_num_threads(1)  # one process a device, and a core is one
    try:
        candidate = json.loads(options.candidate.read_text(encoding="utf-8"))
        folder = find_corpora(options.record.parent, options.corpora, options.cache)
        launch(candidate, corpora_module.load(folder), options.device, options.record)
    except (BayesCamelError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
