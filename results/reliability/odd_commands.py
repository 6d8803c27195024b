"""Records that are told and settings that a study is made of, by the command line."""

import json
import math
import random
from pathlib import Path
from typing import Any

from odd_cases import ODD_TEXTS, SHARE_CHECKED, SPACE, TARGET, Count, is_blocked
from typer.testing import CliRunner

from bayescamel.cli import app
from bayescamel.designs.space import Space
from bayescamel.study import Study


def called(words: list[str]) -> tuple[int, str]:
    """Exit status and standard error of a command; a traceback is raised."""
    done = CliRunner().invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stderr


def told_as(values: Any) -> dict[str, float] | None:
    """The losses of a record as JSON, where they are plain."""
    losses = values.get("loss", values) if isinstance(values, dict) else None
    if not isinstance(losses, dict) or not all(isinstance(v, float | int) for v in losses.values()):
        return None
    bare = losses is values
    return {k.removeprefix("loss_") if bare else k: float(v) for k, v in losses.items()}


NAMES = (
    *("loss", "code", "web", "run_id", "flops", "n_params", "mixture", "device", "seconds"),
    *("epoch", "accuracy", "\x1b[2J", "", " ", "benchmarks", "n_active_params", "n_tokens"),
)
VALUES: tuple[Any, ...] = (
    *(None, [], {}, "x", True, -1, 0, 10**400, 1e300, math.nan, math.inf, 2.5, "\ud800"),
    "\x00",
)


def record_of(chance: random.Random) -> str:
    """JSON of a record, changed."""
    losses: dict[str, Any] = {"code": chance.uniform(1, 4), "web": chance.uniform(1, 4)}
    values: dict[str, Any] = {"loss": losses, "seconds": 3.0, "device": "cpu"}
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        place = chance.choice((losses, values))
        name, value = chance.choice(NAMES), chance.choice(VALUES)
        place[name] = value
    text = json.dumps(values)
    how = chance.random()
    if how < 0.1:
        return text[: chance.randrange(len(text))]
    if how < 0.15:
        return "[" * 100_000
    if how < 0.2:
        return text.replace('"code"', '"web"')
    return text


def records(numbers: range, folder: Path) -> Count:
    """`study tell` of each; what is stored must be what the JSON says."""
    count = Count("records")
    where = str(folder / "records.db")
    options = {"seeds": 10**6}
    space = Space.from_dict(SPACE.to_dict() | options)
    study = Study.create(where, space, TARGET, budget=1e22, start=10**6, losses=["code", "web"])
    path = folder / "record.json"

    def work(chance: random.Random) -> str:
        text = record_of(chance)
        path.write_text(text)
        (asked,) = study.ask()
        status, said = called(["study", "tell", where, asked.run_id, "--record", str(path)])
        if chance.random() < SHARE_CHECKED and is_blocked(study):
            return "blocked"
        stored = next(run for run in study.snapshot().runs if run.run_id == asked.run_id)
        if status == 0:
            expected = told_as(json.loads(text))
            return "taken" if stored.measured and stored.measured["loss"] == expected else "wrong"
        one_line = status == 2 and said.count("\n") == 1 and said.strip().isprintable()
        study.fail(asked.run_id, said)
        return "refused" if one_line and stored.state == "pending" else "traceback"

    for number in numbers:
        count.case(number, work)
    return count


def settings(numbers: range, folder: Path) -> Count:
    """`study create` with odd options or an odd space; what is made must be askable."""
    count = Count("settings")
    good = ["--params", "64e6", "--tokens", "1.28e9", "--budget", "1e17"]
    plain = {"domains": "code,web", "sizes": "1e6,4e6", "tokens-per-param": "20"}
    few = ("0", "-1", "nan", "inf", "1e999", "1e300", "10", "3", "1e17", "1e-9")

    def work(chance: random.Random) -> str:
        where = folder / f"settings{chance.random()}.db"
        words = list(good)
        if chance.random() < 0.4:
            values = SPACE.to_dict()
            for _ in range(chance.randint(0, 2)):
                values[chance.choice([*values, "colour"])] = chance.choice(
                    (None, [], {}, 0, -1, 10**400, "x", [1], ["a", "a"], {"code": [0, 2]}, math.nan)
                )
            (folder / "space.json").write_text(json.dumps(values))
            words += ["--space", str(folder / "space.json")]
        else:
            for name, value in plain.items():
                odd = chance.choice((*few, *ODD_TEXTS[:12]))
                words += [f"--{name}", value if chance.random() < 0.8 else odd]
        for _ in range(chance.randint(0, 2)):
            name = chance.choice(("params", "tokens", "budget", "active-params"))
            words += [f"--{name}", chance.choice(few)]
            name, odd_ones = chance.choice(
                (
                    ("objective", ("web=1", "web=nan", "web=-1", "web=0", "x", "web=1,web=2", "")),
                    ("tokens-per-param", ("10:40", "20,50", "40:10", "1:1e300", "10:", "nan:1")),
                    ("losses", ("code,web", "", "a,a", "\x1b")),
                    ("law", ("camel", "newton", "")),
                    ("draws", ("10", "500", "999999999")),
                    ("chains", ("0", "1", "4")),
                    ("start", ("0", "-1", "5", "999999999999")),
                    ("seeds", ("0", "1", "5")),
                    ("acquisition", ("variance", "best")),
                    ("name", ("study", "a" * 300, "../x", "\x00", " ")),
                    ("bound", ("code=0:1", "code=1:0", "x=0:1", "code=nan:1", "code=0.9:1")),
                )
            )
            words += [f"--{name}", chance.choice(odd_ones)]
        status, said = called(["study", "create", str(where), *words])
        if status == 0:
            name = words[words.index("--name") + 1] if "--name" in words else "study"
            named = [words[i + 1] for i, word in enumerate(words) if word == "--name"]
            study = Study.open(where, name=named[-1] if named else name)
            asked = study.ask()
            fine = all(abs(sum(c.mixture.values()) - 1) < 1e-6 and c.flops > 0 for c in asked)
            return "taken" if fine else "wrong"
        usage = said.startswith("Usage:")  # the option parser's own answer
        one_line = said.count("\n") == 1 and said.strip().isprintable()
        return (
            "refused" if status == 2 and (usage or one_line) and not where.exists() else "traceback"
        )

    for number in numbers:
        count.case(number, work)
    return count
