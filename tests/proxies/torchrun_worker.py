"""Run by torchrun in the test of several processes: traces of four runs, as JSON, to a file."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from proxies import corpora
from proxies.config import TrainConfig
from proxies.devices import Runtime, Team
from proxies.train import Trainer
from tests.proxies.tiny import SPARSE, TINY

SHAPES = {"dense": TINY, "sparse": SPARSE}
CONFIG = TrainConfig(
    TINY, {"letters": 0.4, "math": 0.6}, 20 * 4 * TINY.context, batch=4, evaluation_tokens=1_000
)


def traces(folder: Path, shards: tuple[bool, ...]) -> dict[str, list[list[float]]]:
    """Traces and losses by shape and kind."""
    text = corpora.load(folder)
    found = {}
    for name, shape in SHAPES.items():
        for shard in shards:
            trainer = Trainer(replace(CONFIG, model=shape), text, {}, Runtime(shard=shard))
            (measured,) = trainer.run()
            losses = [*(loss for _, loss in measured.trace), *measured.losses.values()]
            # Gathering the weights is part of every checkpoint, sharded or not.
            weights = trainer._state()["model"]
            whole = trainer.team.rank > 0 or len(weights) == len(trainer.raw.state_dict())
            found[f"{name} {shard}"] = [losses, list(measured.loads.values()), [float(whole)]]
    return found


def main() -> None:
    """Rank 0 writes what all of them computed."""
    torch.set_num_threads(1)
    found = traces(Path(sys.argv[1]), (False, True))
    if Team.join(Runtime()).rank == 0:
        Path(sys.argv[2]).write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
