"""Workers that ask and tell without end, and are killed: python fault_workers.py URL KILLS ACKS.

Each worker is a fork, so that it is at its work within a moment and a kill lands there. What the
database has acknowledged to a worker is written down, run by run, before the worker goes on.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from bayescamel.exceptions import ConflictError
from bayescamel.study import Study
from tests.study.examples import measure

WORKERS = 3
SHORT = 0.2
"""Seconds of a lease: runs of the dead come back at once, and are sometimes told twice."""
LONGEST = 0.1
"""Seconds of a wait before a kill: an ask and its tells take about as long."""
PATIENCE = 120.0


def step(study: Study, acks: Path) -> None:
    for candidate in study.ask(2, lease=SHORT):
        study.tell(candidate.run_id, measure(candidate.mixture, candidate.n_params))
        with acks.open("a") as file:
            file.write(candidate.run_id + "\n")
            file.flush()
            os.fsync(file.fileno())


def work(url: str, acks: Path) -> None:
    study = Study.open(url, patience=60)
    while True:
        step(study, acks)


def wait_for_progress(acks: Path, size: int) -> None:
    """However slow the machine is, between two kills something is acknowledged."""
    deadline = time.monotonic() + PATIENCE
    while acks.stat().st_size == size:
        if time.monotonic() > deadline:
            sys.exit("nothing was acknowledged any more")
        time.sleep(0.002)


def main(url: str, kills: int, acks: Path) -> None:
    chance = random.Random(0)
    step(Study.open(url), acks)  # imports all that the forks would import, before them
    alive: list[int] = []
    for _ in range(kills):
        size = acks.stat().st_size
        while len(alive) < WORKERS:
            pid = os.fork()
            if pid == 0:
                try:
                    work(url, acks)
                except ConflictError as error:  # all measure the same
                    print(error, file=sys.stderr)
                    os._exit(3)
                finally:
                    os._exit(1)
            alive.append(pid)
        wait_for_progress(acks, size)
        time.sleep(chance.uniform(0.0, LONGEST))
        victim = alive.pop(chance.randrange(len(alive)))
        os.kill(victim, signal.SIGKILL)
        _, status = os.waitpid(victim, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(f"a worker ended by itself, status {os.waitstatus_to_exitcode(status)}")
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
