"""Where and how a run computes: device, precision, compilation, and several processes at once.

Under torchrun every process takes its share of each batch. ``shard`` cuts the parameters over the
processes (FSDP2); without it every process holds a copy (DDP).
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import distributed, nn
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel

from bayescamel.exceptions import BayesCamelError
from proxies.model import Transformer

WORTH_COMPILING = 60.0
"""Seconds of a run from which compiling pays."""
ASSUMED_SPEED = {"cpu": 3e10, "cuda": 1e14}
"""FLOPs a second, to guess how long a run takes; constant, so that a resumed run decides alike."""


@dataclass(frozen=True)
class Runtime:
    """How a run computes; of these only the precision changes what it learns.

    Parameters
    ----------
    device
        ``cpu``, ``cuda`` or ``cuda:<number>``.
    compiled
        Whether the model is compiled; None: where the run is long enough and, on the CPU, there is
        a C++ compiler.
    accumulate
        Parts in which each process computes its share of a batch.
    shard
        Cut parameters over the processes instead of copying them.
    """

    device: str = "cpu"
    compiled: bool | None = None
    accumulate: int = 1
    shard: bool = False

    def __post_init__(self) -> None:
        kind = self.device.partition(":")[0]
        if kind not in ("cpu", "cuda"):
            raise BayesCamelError(f"device {self.device!r}: choose cpu or cuda")
        if kind == "cuda" and not torch.cuda.is_available():
            raise BayesCamelError(f"device {self.device!r}: PyTorch finds no CUDA device here")
        if self.accumulate < 1:
            raise BayesCamelError(f"accumulate {self.accumulate}: give 1 or more")

    @property
    def kind(self) -> str:
        """``cpu`` or ``cuda``."""
        return self.device.partition(":")[0]

    def compiles(self, flops: float) -> bool:
        """Whether a run of so many FLOPs is compiled."""
        if self.compiled is not None:
            return self.compiled
        can = self.kind == "cuda" or shutil.which(os.environ.get("CXX", "g++")) is not None
        return can and flops / ASSUMED_SPEED[self.kind] > WORTH_COMPILING


@dataclass(frozen=True)
class Team:
    """The processes that train one model together."""

    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls, runtime: Runtime) -> Team:
        """Join the team that torchrun started; without torchrun a team of one."""
        if "RANK" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
            return cls()
        if not distributed.is_initialized():
            if runtime.kind == "cuda":
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            distributed.init_process_group("nccl" if runtime.kind == "cuda" else "gloo")
        return cls(distributed.get_rank(), distributed.get_world_size())

    def agree(self, value: bool) -> bool:
        """Whether any of the processes says yes: the same answer in all of them."""
        if self.world == 1:
            return value
        votes: list[bool] = [False] * self.world
        distributed.all_gather_object(votes, value)
        return any(votes)

    def mean(self, value: float) -> float:
        """Mean over the processes."""
        if self.world == 1:
            return value
        values: list[float] = [0.0] * self.world
        distributed.all_gather_object(values, value)
        return sum(values) / self.world


def use_one_core() -> None:
    """One process a core: no threads of PyTorch's, no processes that compile for it."""
    torch.set_num_threads(1)
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"


def prepare(runtime: Runtime, team: Team, model: Transformer, bf16: bool) -> nn.Module:
    """The model as the processes train it together; ``model`` itself is changed by sharding."""
    if team.world == 1:
        return model
    if not runtime.shard:
        # Loads differ from process to process until they are summed; biases are kept equal.
        return DistributedDataParallel(model, broadcast_buffers=False)
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16) if bf16 else MixedPrecisionPolicy()
    for block in model.blocks:
        fully_shard(block, mp_policy=policy)
    fully_shard(model, mp_policy=policy)
    return model


def precise(runtime: Runtime, precision: str) -> AbstractContextManager[object]:
    """The context in which forward passes run."""
    if runtime.kind == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32
    if precision == "bfloat16":
        return torch.autocast(runtime.kind, torch.bfloat16)
    return nullcontext()


def name(device: str) -> str:
    """The device's name as its maker has it."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    told = Path("/proc/cpuinfo")  # Linux: elsewhere Python knows the name
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


@cache
def product_speed(device: str, precision: str) -> float:
    """FLOPs a second of a large matrix product, on as many threads as this process has."""
    on_gpu = device.startswith("cuda")
    n = 8192 if on_gpu else 1024
    dtype = getattr(torch, precision) if on_gpu else torch.float32
    left, right = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(4):
        begin = time.perf_counter()
        left @ right
        if on_gpu:
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - begin)
    return 2 * n**3 / best
