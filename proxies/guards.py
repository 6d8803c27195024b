"""What keeps a run from harm: spikes in the gradient, a request to stop, a parent that is gone."""

from __future__ import annotations

import math
import os
import signal
import threading
from dataclasses import dataclass
from types import FrameType

from bayescamel.exceptions import BayesCamelError

SPIKE = 10.0
"""A gradient norm of so many times the running mean is a spike."""
MEMORY = 0.98
"""Share of the running mean that a step leaves."""
FIRST_STEPS = 50
"""Steps in which only a norm that is no finite number counts as a spike."""
MAX_SPIKES = 25
"""Spikes on end after which a run has diverged."""
PARENT_SECONDS = 1.0

_stop = threading.Event()


class TrainingError(BayesCamelError):
    """A run that diverged."""


class Stopped(BaseException):
    """The run was asked to stop, and its checkpoint is written: a request, like an interrupt."""


@dataclass
class SpikeGuard:
    """Says which steps to leave out, and counts them and the clipped ones.

    Parameters
    ----------
    clip
        Largest gradient norm that is not clipped.
    """

    clip: float
    mean: float = 0.0
    seen: int = 0
    skipped: int = 0
    on_end: int = 0
    clipped: int = 0
    total: float = 0.0

    def accepts(self, norm: float, step: int) -> bool:
        """Whether a step with this gradient norm is taken.

        Raises
        ------
        TrainingError
            After ``MAX_SPIKES`` spikes on end.
        """
        spike = not math.isfinite(norm) or (self.seen >= FIRST_STEPS and norm > SPIKE * self.mean)
        if spike:
            self.skipped += 1
            self.on_end += 1
            if self.on_end >= MAX_SPIKES:
                raise TrainingError(
                    f"the gradient norm is {norm:g} at step {step + 1}, the {self.on_end}th spike "
                    "on end: lower rate_factor"
                )
            return False
        self.on_end = 0
        self.mean = norm if self.seen == 0 else MEMORY * self.mean + (1 - MEMORY) * norm
        self.seen += 1
        self.clipped += norm > self.clip
        self.total += norm
        return True

    def summary(self) -> dict[str, float]:
        """For the record: mean norm, share of clipped steps, number of steps left out."""
        steps = max(1, self.seen)
        return {
            "gradient_norm": self.total / steps,
            "clipped_share": self.clipped / steps,
            "skipped_steps": float(self.skipped),
        }


def stop_requested() -> bool:
    """Whether a signal asked this process to stop."""
    return _stop.is_set()


def stop_on_signals(parent: int | None = None) -> None:
    """Let SIGTERM, and the death of the parent process, end a run at its next step.

    Ctrl-C is the parent's to handle where there is one. A second SIGTERM ends the process at once.
    """
    _stop.clear()
    signal.signal(signal.SIGTERM, _ask)
    if parent is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _ask(number: int, frame: FrameType | None) -> None:
    del number, frame
    if _stop.is_set():
        os._exit(128 + signal.SIGTERM)
    _stop.set()


def _watch(parent: int) -> None:
    waiting = threading.Event()
    while os.getppid() == parent:
        waiting.wait(PARENT_SECONDS)
    _stop.set()
    # A run that is not between steps by then (measuring, waiting for a peer) ends without ceremony.
    waiting.wait(30 * PARENT_SECONDS)
    os._exit(128 + signal.SIGTERM)
