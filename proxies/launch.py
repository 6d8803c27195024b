"""Train one candidate of a study: JSON in, JSON out.

    python -m proxies.launch candidate.json record.json --device cpu

The candidate says ``run_id, n_params, n_active_params, n_tokens, mixture, seed``; the record is
that of `proxies.record`. The record is there whole, or not at all; a run that was stopped goes on
from its checkpoint when it is launched again. Under torchrun several processes train one candidate.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bayescamel.designs.space import Size
from bayescamel.exceptions import BayesCamelError
from proxies import checkpoint, flops, guards, record, train
from proxies import corpora as corpora_module
from proxies.config import TrainConfig
from proxies.corpora import Corpora
from proxies.devices import Runtime, Team, use_one_core
from proxies.shapes import ModelConfig
from proxies.sweep import locate_corpora

SAME_SIZE = 0.02
"""Share by which a realised size may miss the size that was asked for."""


class LaunchError(BayesCamelError):
    """A candidate that this trainer cannot train."""


def proxy_size(dial: float, n_active: float | None = None) -> Size:
    """The realised size of a dial, with the FLOPs that its shape costs a token.

    Parameters
    ----------
    n_active
        Active parameters of a Mixture-of-Experts model; None: dense.
    """
    model = _shape(dial, n_active)
    return Size(
        float(model.n_params),
        float(model.n_active_params) if model.n_experts else None,
        flops_per_token=flops.train_flops(model, 1),
    )


def _shape(n_params: float, n_active: float | None) -> ModelConfig:
    if n_active is None or n_active == n_params:
        return ModelConfig.from_dial(n_params)
    return ModelConfig.sparse(n_active, n_params)


def config_of(candidate: dict[str, Any]) -> TrainConfig:
    """The run that a candidate asks for.

    Raises
    ------
    LaunchError
        When the candidate lacks a number, or no shape has its size.
    """
    for key in ("run_id", "n_params", "n_tokens", "mixture"):
        if key not in candidate:
            raise LaunchError(f"the candidate has no {key!r}")
    asked, active = float(candidate["n_params"]), candidate.get("n_active_params")
    model = _shape(asked, None if active is None else float(active))
    for realised, wanted, which in (
        (model.n_params, asked, "parameters"),
        (model.n_active_params, asked if active is None else float(active), "active parameters"),
    ):
        if abs(realised / wanted - 1) > SAME_SIZE:
            raise LaunchError(
                f"{candidate['run_id']}: the nearest shape to {wanted:g} {which} has {realised}: "
                "offer sizes that `proxies.launch.proxy_size` gives"
            )
    mixture = {str(name): float(weight) for name, weight in candidate["mixture"].items()}
    return TrainConfig(
        model, mixture, int(candidate["n_tokens"]), seed=int(candidate.get("seed", 0))
    )


def find_corpora(out: Path, source: Path | None, cache: Path) -> Path:
    """The folder of saved corpora: see `proxies.sweep.locate_corpora`."""
    return locate_corpora(out, source, cache)


def launch(candidate: dict[str, Any], corpora: Corpora, runtime: Runtime, out: Path) -> None:
    """Train a candidate and write its record to `out`."""
    config = train.for_text(config_of(candidate), corpora)
    missing = sorted(set(config.mixture) - set(corpora.names))
    if missing:
        raise LaunchError(
            f"{candidate['run_id']}: there is no text for {missing[0]!r}; there is for: "
            f"{', '.join(corpora.names)}"
        )
    path = out.with_suffix(".checkpoint.pt")
    (measured,) = train.run(config, corpora, runtime, path)
    if Team.join(runtime).rank == 0:
        entry = record.build(str(candidate["run_id"]), config, corpora, measured, runtime)
        record.write(entry, out.parent).replace(out)
        checkpoint.discard(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: the record is there; 2: it is not, the last line says why; 143: stopped."""
    made = argparse.ArgumentParser(prog="python -m proxies.launch", description=__doc__)
    made.add_argument("candidate", type=Path)
    made.add_argument("record", type=Path)
    made.add_argument(
        "--corpora", type=Path, help="saved corpora, or your own text: see `proxies data --help`"
    )
    made.add_argument("--cache", type=Path, default=corpora_module.default_cache())
    made.add_argument("--device", default="cpu", help="cpu or cuda")
    made.add_argument("--shard", action="store_true", help="cut the model over the processes")
    options = made.parse_args(arguments)
    if options.device == "cpu":
        use_one_core()
    guards.stop_on_signals()
    try:
        runtime = Runtime(options.device, shard=options.shard)
        candidate = json.loads(options.candidate.read_text(encoding="utf-8"))
        folder = find_corpora(options.record.parent, options.corpora, options.cache)
        launch(candidate, corpora_module.load(folder), runtime, options.record)
    except guards.Stopped:
        return 143
    except (BayesCamelError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
