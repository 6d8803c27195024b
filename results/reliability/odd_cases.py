"""What all kinds of odd input share: how a case ends, and when a study is blocked."""

import random
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable

from bayescamel import read_runs
from bayescamel.designs.space import Space
from bayescamel.exceptions import BayesCamelError
from bayescamel.study import Study
from bayescamel.targets import Target

SPACE = Space.from_dict({"domains": ["code", "web"], "sizes": [1e6, 4e6], "tokens_per_param": 20})
TARGET = Target(64e6, 64e6 * 20)
SHARE_CHECKED = 0.1
"""Of the cases that reach a study; what blocks it would be seen later as well."""
MAX_MESSAGE = 700
"""Characters of one that is a line to read: a few quoted names, each cut at 80."""
ODD_NUMBERS = (
    *("", " ", "nan", "NaN", "inf", "-inf", "0", "-0.0", "-1", "1e300", "1e-300", "1e999", "0x10"),
    *("9" * 310, "9" * 5000, "1_000", "1,5", "١٢", "None", "true", "--", "1e", "0.333333", "2.5"),
)
ODD_TEXTS = (
    *("", " ", "a", " a ", "\x1b[2J", "web[en]", "a\nb", "é" * 3000, "a" * 300, "'; DROP TABLE x"),
    *("../../x", "=1+1", "\u202eabc", '"', "`", "@pd", "nan", "NA", "\x00", "loss_", "w_"),
)


class Count:
    """How cases ended, and the slowest of them."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.ends: Counter[str] = Counter()
        self.slowest = 0.0

    def case(self, number: int, work: Callable[[random.Random], str]) -> None:
        """Run one; `work` returns how it ended."""
        chance = random.Random(number)
        began = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                end = work(chance)
        except BayesCamelError as error:
            text = str(error)
            fine = text.strip() and text.isprintable() and len(text) <= MAX_MESSAGE
            end = "refused" if fine else "traceback"
            if end == "traceback":
                print(f"{self.what} {number}: not one printable line: {text[:1000]!r}")
        except Exception:
            end = "traceback"
            print(f"{self.what} {number}:\n{traceback.format_exc()}")
        if end in ("wrong", "blocked"):
            print(f"{self.what} {number}: {end}")
        self.ends[end] += 1
        self.slowest = max(self.slowest, time.perf_counter() - began)

    def row(self) -> str:
        """A line of the table."""
        ends = ("taken", "refused", "traceback", "wrong", "blocked")
        cells = [f"{self.ends[end]:,}" for end in ends]
        return " | ".join([self.what, f"{self.ends.total():,}", *cells, f"{self.slowest:.2f}"])


def is_blocked(study: Study) -> bool:
    """Whether it can be read, asked and exported no more."""
    try:
        seen = study.snapshot()
        if seen.told():
            read_runs(study.runs().drop(columns=["flops", "seed"]))
        study.release([c.run_id for c in study.ask(lease=1.0)])
    except BayesCamelError:
        traceback.print_exc()
        return True
    return False
