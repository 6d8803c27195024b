"""The runs that this project trained itself, bundled with the package.

How they were made, what the columns mean and what to beware of is told by the data card
``bayescamel/data/proxies_v2.md``.
"""

from importlib.resources import as_file, files

import xarray as xr

from bayescamel.runs.table import read_runs

PROXIES = "proxies_v2.csv"
FITTED_PARAMS = 200_000
"""Active parameters up to which runs are meant to be fitted; the larger are there to be predicted:
dense ones of 2.7 and 7.5 times the largest fitted active size, sparse ones of 2.8 times."""


def load_proxies() -> xr.Dataset:
    """Byte-level transformers, dense and Mixture-of-Experts, on mixtures of five domains.

    Dense models of four sizes and sparse ones of seven, at ten tokens an active parameter and more;
    some with other seeds, and two that repeat their text (``unique``).

    Returns
    -------
    Dataset as `bayescamel.read_runs` gives it
        dims ``run, domain, validation, benchmark``, with ``n_active_params``, those that a token
        uses; training and validation domains are the same five (english, chinese, code, math,
        knowledge); losses are in nats per token, and a token is a byte.
    """
    with as_file(files("bayescamel") / "data" / PROXIES) as path:
        return read_runs(path)
