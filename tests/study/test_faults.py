"""Workers killed, disk full, database gone and back: what was acknowledged is there once."""

import os
import resource
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from bayescamel.exceptions import StorageError
from bayescamel.study import Study
from tests.study.examples import QUICK, SPACE, TARGET, measure

KILLS = 200
CONTROL = "BAYESCAMEL_TEST_POSTGRESQL_CONTROL"
ROOT = Path(__file__).parents[2]


def create(url: str) -> Study:
    """Always at its start, with runs without end: nothing is sampled."""
    space = replace(SPACE, seeds=10**6)
    return Study.create(url, space, TARGET, budget=1e25, fit=QUICK, start=10**6)


def run_workers(url: str, acks: Path, kills: int) -> list[str]:
    script = Path(__file__).with_name("fault_workers.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", str(script), url, str(kills), acks],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return acks.read_text().splitlines()


def ask_and_tell(study: Study, n: int, acknowledged: list[str]) -> None:
    for _ in range(n):
        (candidate,) = study.ask()
        study.tell(candidate.run_id, measure(candidate.mixture, candidate.n_params))
        acknowledged.append(candidate.run_id)


def check(study: Study, acknowledged: list[str]) -> None:
    """What was acknowledged is there once, and the study goes on."""
    seen = study.snapshot()
    told = {run.run_id: run for run in seen.told()}
    assert set(acknowledged) <= set(told)
    for run in told.values():
        assert run.measured is not None
        assert dict(run.measured["loss"]) == measure(run.mixture, run.n_params)
    times = Counter((event["kind"], event["run_id"]) for event in study.events())
    assert all(times["told", run_id] == 1 for run_id in told)
    assert all(times["asked", run.run_id] == 1 for run in seen.runs)
    assert [run.number for run in seen.runs] == list(range(1, len(seen.runs) + 1))
    study.renew([run.run_id for run in seen.pending()], 0)
    again = study.ask(len(seen.pending()) + 1)
    assert [c.run_id for c in again[:-1]] == [run.run_id for run in seen.pending()]
    for candidate in again:
        assert study.tell(candidate.run_id, measure(candidate.mixture, candidate.n_params))


@pytest.mark.slow
def test_kills_at_random_moments(url: str, tmp_path: Path) -> None:
    study = create(url)
    acknowledged = run_workers(url, tmp_path / "acks", KILLS)
    assert len(acknowledged) > KILLS
    check(study, acknowledged)
    if url.startswith("sqlite"):
        with study._storage.database.engine.connect() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"


def test_some_kills(url: str, tmp_path: Path) -> None:
    study = create(url)
    check(study, run_workers(url, tmp_path / "acks", 10))


def test_disk_full(tmp_path: Path) -> None:
    """Files may not grow: the write is refused, nothing is lost, and later it goes on."""
    where = tmp_path / "study.db"
    study = create(str(where))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    acknowledged: list[str] = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (where.stat().st_size + 2**14, hard))
    try:
        with pytest.raises(StorageError, match=r"nothing was stored; free some disk space"):
            ask_and_tell(study, 1000, acknowledged)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert acknowledged
    check(study, acknowledged)


def test_file_gone_and_back(tmp_path: Path) -> None:
    """As a network folder that is away for a moment."""
    where = tmp_path / "study.db"
    study = create(str(where))
    (candidate,) = study.ask()
    away = tmp_path / "away"
    away.mkdir()
    for path in tmp_path.glob("study.db*"):
        path.rename(away / path.name)
    quick = Study(study._storage, study.settings)
    quick._storage.database.patience = 0.3
    with pytest.raises(StorageError, match="unable to open"):
        quick.tell(candidate.run_id, {"code": 3.0, "web": 3.0})
    assert not where.exists()
    quick._storage.database.patience = 30
    losses = measure(candidate.mixture, candidate.n_params)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(quick.tell, candidate.run_id, losses)
        time.sleep(0.5)
        for path in away.iterdir():
            path.rename(tmp_path / path.name)
        assert told.result(timeout=30)
    check(study, [candidate.run_id])


@pytest.mark.postgresql
def test_server_crashes_and_is_back(postgresql: str) -> None:
    control = os.environ[CONTROL]
    study = create(postgresql)
    (candidate,) = study.ask()
    subprocess.run([control, "crash"], check=True)
    try:
        away = Study(study._storage, study.settings)
        away._storage.database.patience = 1.0
        with pytest.raises(StorageError, match="nothing was stored; check the database"):
            away.tell(candidate.run_id, {"code": 3.0, "web": 3.0})
        away._storage.database.patience = 60.0
        losses = measure(candidate.mixture, candidate.n_params)
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(away.tell, candidate.run_id, losses)
            time.sleep(0.5)
            subprocess.run([control, "start"], check=True)
            assert told.result(timeout=60)
    finally:
        subprocess.run([control, "start"], check=False, stderr=subprocess.DEVNULL)
    check(study, [candidate.run_id])


@pytest.mark.slow
@pytest.mark.postgresql
def test_server_crashes_while_workers_are_killed(postgresql: str, tmp_path: Path) -> None:
    control = os.environ[CONTROL]
    study = create(postgresql)
    acks = tmp_path / "acks"
    with ThreadPoolExecutor(1) as pool:
        workers = pool.submit(run_workers, postgresql, acks, 50)
        for _ in range(3):
            time.sleep(2)
            subprocess.run([control, "crash"], check=True)
            time.sleep(0.5)
            subprocess.run([control, "start"], check=True)
        acknowledged = workers.result(timeout=1800)
    check(study, acknowledged)
