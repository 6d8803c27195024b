"""Train one proxy: AdamW, warm-up-stable-decay with branches, exact mixture, exact resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bayescamel.exceptions import BayesCamelError
from proxies import checkpoint as checkpoints
from proxies import devices, experts, tasks
from proxies.config import TrainConfig
from proxies.corpora import Corpora
from proxies.devices import Runtime, Team
from proxies.flops import train_flops
from proxies.guards import SpikeGuard, Stopped, stop_requested
from proxies.measure import Measured, measure
from proxies.model import Transformer
from proxies.optimizer import build_optimizer
from proxies.sampling import Stream
from proxies.schedule import Leg

TRACE_POINTS = 20
SAVE_SECONDS = 60.0
VOTE_STEPS = 20
"""Steps between two votes of several processes on stopping and saving."""


class Trainer:
    """One run, from its first step or from its checkpoint, to its last measurement.

    Parameters
    ----------
    questions
        The benchmarks, by name.
    checkpoint
        Where the state is kept while the run lasts; None: nowhere.
    on_step
        Is told the steps done and the steps of trunk and branches together, at times.
    """

    def __init__(
        self,
        config: TrainConfig,
        corpora: Corpora,
        questions: Mapping[str, Sequence[tasks.Question]],
        runtime: Runtime | None = None,
        checkpoint: Path | None = None,
        on_step: Callable[[int, int], None] | None = None,
        save_seconds: float = SAVE_SECONDS,
    ) -> None:
        self.config, self.corpora, self.questions = config, corpora, questions
        self.runtime = runtime or Runtime()
        self.team = Team.join(self.runtime)
        self.checkpoint, self.on_step, self.save_seconds = checkpoint, on_step, save_seconds
        parts = self.team.world * self.runtime.accumulate
        if config.model.vocabulary < corpora.vocabulary:
            raise BayesCamelError(
                f"the text has {corpora.vocabulary} token values and the model "
                f"{config.model.vocabulary}: give the model as many"
            )
        if config.rule.batch % parts:
            raise BayesCamelError(
                f"a batch of {config.rule.batch} sequences cannot be cut into {parts} equal parts "
                "(processes × accumulate): give a batch that can"
            )
        self.stream = Stream(
            corpora,
            config.mixture,
            n_steps=config.n_steps,
            batch=config.rule.batch,
            context=config.model.context,
            seed=config.seed,
            text_tokens=config.text_tokens,
        )
        torch.manual_seed(config.seed)
        self.raw = Transformer(config.model).to(self.runtime.device)
        if self.runtime.compiles(config.flops):
            self.raw.compile()
        bf16 = config.precision == "bfloat16"
        self.model = devices.prepare(self.runtime, self.team, self.raw, bf16)
        self.optimizer = build_optimizer(self.raw, config)
        self.sparse = experts.expert_layers(self.raw)
        self.leg, self.step, self.seconds = 0, 0, 0.0
        self.guard = SpikeGuard(config.clip)
        self.trace: list[tuple[int, float]] = []
        self.recent: list[float] = []
        self.loads: dict[str, float] = {}
        shape = (len(self.sparse), config.model.n_experts)
        self.recent_loads = torch.zeros(shape, device=self.runtime.device)
        self.trunk: dict[str, Any] | None = None
        self.measured: list[Measured] = []
        self._key = config.key(corpora.fingerprint)
        self._saved = time.monotonic()
        if checkpoint is not None:
            found = checkpoints.load(checkpoint, self._key)
            if found is not None:
                self._resume(found)

    def run(self) -> list[Measured]:
        """Train to the end; returns the measurements in rising order of tokens.

        Raises
        ------
        TrainingError
            When the run diverged.
        Stopped
            When a signal asked for it; the checkpoint is written.
        """
        plan = self.config.legs
        while self.leg < len(plan):
            leg = plan[self.leg]
            if leg.branch and self.trunk is None:
                self.trunk = self._state()
            self._train(leg)
            if leg.decay:
                self.measured.append(self._measure(leg.stop))
            if self.trunk is not None:
                self._put_back(self.trunk)
                self.trunk = None
            self.leg += 1
        return self.measured

    def _train(self, leg: Leg) -> None:
        every = max(1, self.config.n_steps // TRACE_POINTS)
        warmup, rate = self.config.rule.warmup, experts.balance_rate(self.config.n_steps)
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._rows, min(self.step, leg.stop - 1))
            while self.step < leg.stop:
                begin = time.perf_counter()
                rows = coming.result()
                coming = ahead.submit(self._rows, min(self.step + 1, leg.stop - 1))
                for group in self.optimizer.param_groups:
                    group["lr"] = group["peak"] * leg.factor(self.step, warmup)
                self.recent.append(self._update(rows))
                if self.sparse:
                    self.recent_loads += experts.balance(self.sparse, rate)
                self.step += 1
                self.seconds += time.perf_counter() - begin
                if self.step % every == 0 or self.step == leg.stop:
                    self._note()
                self._pause()

    def _rows(self, step: int) -> Tensor:
        """The share of a batch that is for this process; a GPU fetches it while it computes."""
        rows = torch.from_numpy(self.stream.rows(step)[self.team.rank :: self.team.world])
        return rows.pin_memory() if self.runtime.kind == "cuda" else rows

    def _update(self, rows: Tensor) -> float:
        """One optimiser step; returns this process's mean loss."""
        rows = rows.to(self.runtime.device, non_blocking=True)
        total = torch.zeros((), device=rows.device)
        parts = rows.chunk(self.runtime.accumulate)
        for number, part in enumerate(parts):
            wait = number + 1 < len(parts) and isinstance(self.model, DistributedDataParallel)
            with self.model.no_sync() if wait else nullcontext():  # type: ignore[operator]
                with devices.precise(self.runtime, self.config.precision):
                    loss = self.model(part[:, :-1], part[:, 1:]) / len(parts)
                loss.backward()
            total += loss.detach()
        gradients = [p.grad for p in self.raw.parameters() if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        whole = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        if self.guard.accepts(float(whole), self.step):
            nn.utils.clip_grads_with_norm_(self.raw.parameters(), self.config.clip, norm)
            self.optimizer.step()
        self.optimizer.zero_grad()
        return float(total)

    def _note(self) -> None:
        """Keep the mean loss and the loads of the steps since the last note."""
        self.trace.append((self.step, self.team.mean(fmean(self.recent))))
        self.recent = []
        if self.sparse:
            self.loads = experts.load_summary(self.recent_loads)
            self.recent_loads.zero_()
        if self.on_step is not None and self.team.rank == 0:
            done = sum(leg.stop - leg.first for leg in self.config.legs[: self.leg])
            first = self.config.legs[self.leg].first
            every = sum(leg.stop - leg.first for leg in self.config.legs)
            self.on_step(done + self.step - first, every)

    def _pause(self) -> None:
        """Between two steps: save when it is time, stop when asked to."""
        if self.team.world > 1 and self.step % VOTE_STEPS:
            return
        stop = self.team.agree(stop_requested())
        due = time.monotonic() - self._saved >= self.save_seconds
        if self.checkpoint is not None and self.team.agree(stop or due):
            self._save(self.checkpoint)
        if stop:
            raise Stopped

    def _measure(self, step: int) -> Measured:
        begin = time.perf_counter()
        n_tokens = step * self.config.step_tokens
        call = self.raw.forward if self.team.world == 1 else self.model
        self.raw.eval()
        losses, benchmarks = measure(call, self.corpora, self.questions, self.config, self.runtime)
        self.raw.train()
        flops = train_flops(self.config.model, n_tokens)
        speed = devices.product_speed(self.runtime.device, self.config.precision)
        return Measured(
            n_tokens=n_tokens,
            losses={name: loss.mean for name, loss in losses.items()},
            errors={name: loss.standard_error for name, loss in losses.items()},
            benchmarks=benchmarks,
            trace=list(self.trace),
            gradients=self.guard.summary(),
            loads=dict(self.loads),
            epochs=self.stream.epochs(step),
            train_seconds=self.seconds,
            evaluation_seconds=time.perf_counter() - begin,
            flops=flops,
            tokens_per_second=n_tokens / self.seconds,
            utilisation=flops / self.seconds / self.team.world / speed,
        )

    def _state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            **checkpoints.snapshot(self.raw, self.optimizer),
            "step": self.step,
            "guard": asdict(self.guard),
            "trace": list(self.trace),
            "recent": list(self.recent),
            "loads": dict(self.loads),
            "recent_loads": self.recent_loads.cpu().clone(),
            "seconds": self.seconds,
        }

    def _put_back(self, state: dict[str, Any]) -> None:
        checkpoints.restore(self.raw, self.optimizer, state)
        self.step, self.seconds = state["step"], state["seconds"]
        self.guard = SpikeGuard(**state["guard"])
        self.trace = [(step, loss) for step, loss in state["trace"]]
        self.recent, self.loads = list(state["recent"]), dict(state["loads"])
        self.recent_loads = state["recent_loads"].to(self.runtime.device, copy=True)

    def _save(self, path: Path) -> None:
        state = {
            "key": self._key,
            "leg": self.leg,
            "now": self._state(),
            "trunk": self.trunk,
            "measured": [asdict(item) for item in self.measured],
        }
        if self.team.rank == 0:
            checkpoints.save(state, path)
        self._saved = time.monotonic()

    def _resume(self, state: dict[str, Any]) -> None:
        self._put_back(state["now"])
        self.leg, self.trunk = state["leg"], state["trunk"]
        self.measured = [Measured.of_dict(item) for item in state["measured"]]


def for_text(config: TrainConfig, corpora: Corpora) -> TrainConfig:
    """The run with as many token values as the text has."""
    return replace(config, model=replace(config.model, vocabulary=corpora.vocabulary))


def run(
    config: TrainConfig,
    corpora: Corpora,
    runtime: Runtime | None = None,
    checkpoint: Path | None = None,
    on_step: Callable[[int, int], None] | None = None,
    save_seconds: float = SAVE_SECONDS,
) -> list[Measured]:
    """Train and measure one proxy; see `Trainer`."""
    questions = tasks.questions(corpora, config.n_questions)
    return Trainer(config, corpora, questions, runtime, checkpoint, on_step, save_seconds).run()
