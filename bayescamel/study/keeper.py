"""Keeps one trainer: ends it, and all that it started, when the loop that started it is gone.

    python keeper.py < order

Reads an order, one line of JSON, from standard input, and starts the trainer. Standard input stays
open as long as the loop lives, however that ends; its end, or the order's ``timeout``, ends the
trainer. The record counts when the trainer's exit status is 0: it is then moved from the draft that
the trainer wrote to its place. Exit status: the trainer's, 128 and more when a signal ended it.

Runs as a script of the standard library alone, so that it starts in a moment.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

POLL_SECONDS = 0.1
"""Seconds between looks at the trainer."""
CUT = 75
"""Exit status of a trainer that was ended since its loop was."""
TIMED_OUT = 124
NOT_STARTED = 127
SUBREAPER, DEATH_SIGNAL = 36, 1  # of prctl(2)


def processes() -> Iterator[tuple[int, int, int]]:
    """Pid, parent and session of all that run; none where there is no /proc."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold blanks and parentheses.
            state, parent, _group, session = path.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue  # it has just ended
        if state != "Z":
            yield int(path.parent.name), int(parent), int(session)


def descendants(root: int) -> list[int]:
    """What a process started, and what that started."""
    children: dict[int, list[int]] = {}
    for pid, parent, _ in processes():
        children.setdefault(parent, []).append(pid)
    found, queue = [], [root]
    while queue:
        queue += (new := children.get(queue.pop(), []))
        found += new
    return found


def send(number: signal.Signals, pids: list[int]) -> None:
    """Signal those of `pids` that are still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end(trainer: "subprocess.Popen[bytes]", grace: float) -> None:
    """Ask the trainer and all that it started to end, and kill what does not."""
    deadline = time.monotonic() + grace
    number = signal.SIGTERM
    told: set[int] = set()
    while left := _left(trainer):
        if time.monotonic() > deadline:
            number = signal.SIGKILL
            send(number, left)
        else:
            send(number, [pid for pid in left if pid not in told])
            told.update(left)
        time.sleep(POLL_SECONDS / 5)


def _left(trainer: "subprocess.Popen[bytes]") -> list[int]:
    left = descendants(os.getpid())
    if trainer.poll() is None and trainer.pid not in left:
        left.append(trainer.pid)  # where there is no /proc
    return left


def _as_child() -> None:
    """In the trainer, before it is one: end when the keeper is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)


def wait(trainer: "subprocess.Popen[bytes]", timeout: float | None) -> int:
    """Until the trainer ended, its time is over, or the loop is gone or has a scheduler end it."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: asked.append(1))
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    while (status := trainer.poll()) is None:
        readable, _, _ = select.select([0], [], [], POLL_SECONDS)
        if asked or (readable and not os.read(0, 1)):
            return CUT
        if time.monotonic() > deadline:
            print(f"it was ended after {timeout:g} s, its timeout", file=sys.stderr, flush=True)
            return TIMED_OUT
    return status if status >= 0 else 128 - status


def main() -> int:
    """Keep the trainer of one order."""
    if sys.platform == "linux":
        # What a trainer's children leave behind is ours, and not the first process's.
        ctypes.CDLL(None).prctl(SUBREAPER, 1)
    with os.fdopen(0, "rb", buffering=0, closefd=False) as orders:
        line = orders.readline()
    if not line:
        return CUT
    order = json.loads(line)
    draft = Path(order["draft"])
    try:
        trainer = subprocess.Popen(order["words"], stdin=subprocess.DEVNULL, preexec_fn=_as_child)
        status = wait(trainer, order["timeout"])
        end(trainer, order["grace"])
        if status == 0 and draft.is_file():
            descriptor = os.open(draft, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
            draft.replace(order["record"])
    except OSError as error:
        print(f"the trainer cannot be kept: {error}", file=sys.stderr)
        return NOT_STARTED
    finally:
        shutil.rmtree(draft.parent, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
