"""Odd input by the thousand: tables, filters, posterior files, records and settings.

    python results/reliability/fuzz.py                    # 3,000, 1,000, 500, 250 and 250 cases
    python results/reliability/fuzz.py --tables 100 --filters 100 --posteriors 50
    python results/reliability/fuzz.py --first 1000       # the cases after the first thousand

Each case is made from a good input by some changes at random, seeded by its number, and ends in
one of five ways: *taken* and right, *refused* by one of our errors in one printable line, a
*traceback*, *wrong* (taken, and not what the input says), or the study *blocked*, so that it cannot
be asked, told or exported any more. What is right is told by other means than the code under trial.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from odd_cases import Count
from odd_commands import records, settings
from odd_files import posteriors
from odd_filters import filters
from odd_tables import tables

PARTS = {"tables": 3000, "filters": 1000, "posteriors": 500, "records": 250, "settings": 250}


def run(counts: dict[str, int], first: int = 0) -> Iterator[Count]:
    """Each part with so many cases, from that number on."""
    with tempfile.TemporaryDirectory() as folder:
        for part in (tables, filters, posteriors, records, settings):
            if counts[part.__name__]:
                numbers = range(first, first + counts[part.__name__])
                yield part(numbers, Path(folder))


def main() -> None:
    """Print the table."""
    made = argparse.ArgumentParser(description=__doc__)
    for name, n in PARTS.items():
        made.add_argument(f"--{name}", type=int, default=n)
    made.add_argument("--first", type=int, default=0, help="number of the first case")
    counts = vars(made.parse_args())
    first = counts.pop("first")
    print("input | cases | taken | refused | tracebacks | wrong | blocked | slowest, s")
    print("--- | ---: | ---: | ---: | ---: | ---: | ---: | ---:")
    for count in run(counts, first):
        print(count.row(), flush=True)


if __name__ == "__main__":
    main()
