"""Faults: loops ended by signals, workers and servers killed, system calls cut off.

    python results/reliability/faults.py                  # 5 loops a signal, 200 kills, all calls
    .ci/postgresql python results/reliability/faults.py   # on PostgreSQL as well, with crashes

A loop runs a trainer that writes an unfinished record first, and has a child in a session of its
own that will not end when asked. After each signal the processes that are left five seconds after
the grace are counted, and the same command ends the study: every run must have been told once,
with its final losses.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from bayescamel.study import FitOptions, Study
from tests.study.examples import SPACE, TARGET, measure
from tests.study.new_database import new_postgresql

ROOT = Path(__file__).parents[2]
TRAINER = ROOT / "tests" / "study" / "trainer.py"
WORKERS = ROOT / "tests" / "study" / "fault_workers.py"
SERVER = "BAYESCAMEL_TEST_POSTGRESQL"
CONTROL = "BAYESCAMEL_TEST_POSTGRESQL_CONTROL"
CHEAPEST = 120 * 1e6**2
BUDGET = 2 * CHEAPEST + 2 * 16 * CHEAPEST
"""Four runs, too few for a posterior: nothing is sampled."""
SETTLED = 10.0
"""Seconds after the loop's end in which all must be gone: the grace and as much again."""
SIGNALS = {
    "SIGINT": (signal.SIGINT,),
    "SIGINT twice": (signal.SIGINT, signal.SIGINT),
    "SIGTERM": (signal.SIGTERM,),
    "SIGHUP": (signal.SIGHUP,),
    "SIGQUIT": (signal.SIGQUIT,),
    "SIGSEGV": (signal.SIGSEGV,),
    "SIGKILL": (signal.SIGKILL,),
}
CALLS = ("pwrite64", "fdatasync", "ftruncate", "unlink", "fcntl", "write")


def left(folder: Path) -> int:
    """Processes that a loop in this folder started."""
    count = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
            place = os.readlink(path / "cwd")
        except OSError:
            continue  # it has just ended
        mine = str(folder).encode() in words or (b"keeper.py" in words and place == str(folder))
        count += mine and b"study\0run" not in words
    return count


def command(folder: Path, *options: str) -> list[str]:
    """`study run` with the tests' trainer."""
    trainer = shlex.join([sys.executable, str(TRAINER), "{candidate}", "{record}", *options])
    start = [sys.executable, "-c", "from bayescamel.cli import main; main()"]
    words = ["study", "run", str(folder / "study.db"), "--workers", "2", "--until-budget"]
    return [*start, *words, "--command", trainer]


def create(where: str, **options: object) -> Study:
    """A study that samples nothing."""
    return Study.create(where, SPACE, TARGET, fit=FitOptions(), start=10**6, **options)  # type: ignore[arg-type]


def wrong_losses(study: Study) -> int:
    """Told runs whose losses are not those that their trainer ended with."""
    told = study.snapshot().told()
    return sum(dict((r.measured or {})["loss"]) != measure(r.mixture, r.n_params) for r in told)


def end_a_loop(numbers: tuple[signal.Signals, ...], delay: float) -> Counter[str]:
    """One loop, ended after `delay` seconds of training; what is left, and what was told."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = create(str(folder / "study.db"), budget=BUDGET)
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        loop = subprocess.Popen(
            command(folder, "child", "interim=1", "sleep=1"),
            cwd=folder,
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not list(folder.glob("study.runs/unfinished/*/*.json")):
            time.sleep(0.05)
        time.sleep(delay)
        for number in numbers:
            os.killpg(loop.pid, number)
            time.sleep(0.3)
        loop.wait(120)
        deadline = time.monotonic() + SETTLED
        while left(folder) and time.monotonic() < deadline:
            time.sleep(0.2)
        found = Counter(loops=1, orphans=left(folder))
        found["interim told"] = wrong_losses(study)
        done = subprocess.run(
            [*command(folder), "--json"], cwd=folder, env=environment, capture_output=True
        )
        told = json.loads(done.stdout)["told"] if done.returncode == 0 else 0
        found["blocked"] = int(told != 4)
        found["interim told"] += wrong_losses(study)
        kinds = Counter(e["run_id"] for e in study.events() if e["kind"] == "told")
        found["told twice"] = sum(times > 1 for times in kinds.values())
        return found


def signals(times: int, names: Sequence[str]) -> Iterator[str]:
    """Rows of the table of signals."""
    yield "loop ended by | loops | orphans | interim told | told twice | blocked after"
    yield "--- | ---: | ---: | ---: | ---: | ---:"
    for name in names:
        found: Counter[str] = Counter()
        for repeat in range(times):
            found += end_a_loop(SIGNALS[name], 0.4 * repeat)
        keys = ("loops", "orphans", "interim told", "told twice", "blocked")
        yield " | ".join([name, *(str(found[key]) for key in keys)])


def check(study: Study, acknowledged: list[str]) -> tuple[int, int, int]:
    """Runs that were acknowledged and lost, that were told twice, and whose losses are wrong."""
    told = {run.run_id for run in study.snapshot().told()}
    times = Counter(e["run_id"] for e in study.events() if e["kind"] == "told")
    twice = sum(n > 1 for n in times.values())
    return len(set(acknowledged) - told), twice, wrong_losses(study)


def workers(url: str, kills: int, crashes: int = 0) -> str:
    """Workers killed at random moments, the server crashing meanwhile."""
    study = create_endless(url)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(1) as pool:
        acks = Path(name) / "acks"
        words = [sys.executable, "-W", "ignore::DeprecationWarning", str(WORKERS), url, str(kills)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        ended = pool.submit(subprocess.run, [*words, str(acks)], env=environment, check=True)
        for _ in range(crashes):
            time.sleep(2)
            subprocess.run([os.environ[CONTROL], "crash"], check=True)
            time.sleep(0.5)
            subprocess.run([os.environ[CONTROL], "start"], check=True)
        ended.result()
        acknowledged = acks.read_text().splitlines()
    what = "SQLite" if url.startswith("sqlite") else f"PostgreSQL, {crashes} server crashes"
    cells = (kills, len(acknowledged), *check(study, acknowledged))
    return " | ".join([f"workers on {what}", *map(str, cells)])


def create_endless(url: str) -> Study:
    """With runs without end."""
    space = replace(SPACE, seeds=10**6)
    return Study.create(url, space, TARGET, budget=1e25, fit=FitOptions(), start=10**6)


def step(url: str, acks: Path) -> None:
    """Runs asked for, told, and failed."""
    study = Study.open(url)
    told, failed = study.ask(2, lease=0.001)
    study.tell(told.run_id, measure(told.mixture, told.n_params))
    with acks.open("a") as file:
        file.write(told.run_id + "\n")
    study.fail(failed.run_id, "no")


def cut_off(call: str, k: int, url: str, acks: Path) -> bool:
    """Whether a fork that asks and tells was killed as it entered its k-th such call.

    It waits for strace to hold it, so that only its own calls on the database are counted.
    """
    gate, start = os.pipe()
    # Python warns of the threads that imports leave behind; none of them holds a lock.
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        pid = os.fork()
    if pid == 0:
        try:
            os.read(gate, 1)
            step(url, acks)
            os._exit(0)
        finally:
            os._exit(1)
    file = url.removeprefix("sqlite:///")
    words = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", f"trace={call}"]
    words += ["-P", file, "-P", f"{file}-wal", "-e", f"inject={call}:signal=SIGKILL:when={k}"]
    tracer = subprocess.Popen(words)
    while "TracerPid:\t0" in Path(f"/proc/{pid}/status").read_text():
        time.sleep(0.01)
    os.write(start, b"x")
    _, status = os.waitpid(pid, 0)
    tracer.wait()
    os.close(gate)
    os.close(start)
    if not os.WIFSIGNALED(status) and status:
        raise RuntimeError(f"a worker ended by itself, status {os.waitstatus_to_exitcode(status)}")
    return os.WIFSIGNALED(status)


def system_calls(most: int) -> str:
    """Workers killed as they enter their k-th call of each kind, for k from 1 on (strace)."""
    kills = 0
    with tempfile.TemporaryDirectory() as name:
        url, acks = f"sqlite:///{name}/study.db", Path(name) / "acks"
        acks.touch()
        study = create_endless(url)
        step(url, acks)  # imports all that the forks would import
        for call in CALLS:
            for k in range(1, most + 1):
                if not cut_off(call, k, url, acks):
                    break
                kills += 1
        acknowledged = acks.read_text().splitlines()
        cells = (kills, len(acknowledged), *check(study, acknowledged))
    return " | ".join(["SQLite's system calls", *map(str, cells)])


def main() -> None:
    """Print the tables."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--loops", type=int, default=5, help="a signal")
    made.add_argument("--kills", type=int, default=200)
    made.add_argument("--only", choices=SIGNALS, help="one signal")
    made.add_argument("--crashes", type=int, default=3, help="of the PostgreSQL server")
    made.add_argument("--calls", type=int, default=40, help="of a kind at most; 0: none")
    options = made.parse_args()
    if options.loops:
        for row in signals(options.loops, [options.only] if options.only else list(SIGNALS)):
            print(row, flush=True)
    if not (options.kills or options.calls):
        return
    print("\nkilled | kills | acknowledged | lost | told twice | wrong")
    print("--- | ---: | ---: | ---: | ---: | ---:")
    if options.kills:
        with tempfile.TemporaryDirectory() as folder:
            print(workers(f"sqlite:///{folder}/study.db", options.kills), flush=True)
    if options.calls:
        print(system_calls(options.calls), flush=True)
    if SERVER in os.environ and options.kills:
        for url in new_postgresql():
            print(workers(url, options.kills, options.crashes), flush=True)


if __name__ == "__main__":
    main()
