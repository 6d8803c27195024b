"""A trainer of several processes for the tests: they average what each of them measured."""

import json
import os
import sys
from pathlib import Path

import torch
from torch import distributed

distributed.init_process_group("gloo")
loss = torch.tensor(1.0 + distributed.get_rank())
distributed.all_reduce(loss)
size = distributed.get_world_size()
if distributed.get_rank() == 0:
    candidate = json.loads(Path(sys.argv[1]).read_text())
    losses = dict.fromkeys(candidate["mixture"], float(loss) / size)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    record = {"loss": losses, "processes": size, "visible": visible}
    Path(sys.argv[2]).write_text(json.dumps(record))
distributed.barrier()
distributed.destroy_process_group()
