"""The runs that this project trained itself, bundled with the package.

How they were made, what the columns mean and what to beware of is told by the data card
``bayescamel/data/proxies_v1.md``.
"""

from importlib.resources import as_file, files

import xarray as xr

from bayescamel.runs.table import read_runs

PROXIES = "proxies_v1.csv"
# The size whose runs are meant to be predicted, never fitted: three times the next one.
HELD_OUT_PARAMS = 1_296_640


def load_proxies() -> xr.Dataset:
    """Byte-level transformers of five sizes on mixtures of four domains, trained by `proxies`.

    The largest size, ``HELD_OUT_PARAMS`` non-embedding parameters, is there to be predicted from
    the others, which span a factor of 27.

    Returns
    -------
    Dataset as `bayescamel.read_runs` gives it
        dims ``run, domain, validation, benchmark``; training and validation domains are the same
        four (python, cpp, prose, math); losses are in nats per token, and a token is a byte.
    """
    with as_file(files("bayescamel") / "data" / PROXIES) as path:
        return read_runs(path)
