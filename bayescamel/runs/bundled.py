"""The runs that this project trained itself, bundled with the package.

How they were made, what the columns mean and what to beware of is told by the data cards
``bayescamel/data/proxies_v1.md`` and ``proxies_v2.md``.
"""

from importlib.resources import as_file, files

import xarray as xr

from bayescamel.runs.table import read_runs

PROXIES, SPARSE_PROXIES = "proxies_v1.csv", "proxies_v2.csv"
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
    return _read(PROXIES)


def load_sparse_proxies() -> xr.Dataset:
    """Mixture-of-Experts models beside dense ones, on mixtures of five domains.

    Dense models of four sizes and sparse ones of seven, at ten tokens an active parameter and more;
    some with other seeds, and two that repeat their text (``unique``). The largest sparse size, of
    3.8M parameters, is there to be predicted. So is the largest dense one, which the default law
    misses: the dense sizes are no straight ladder (the card says how far off it is).

    Returns
    -------
    Dataset as `bayescamel.read_runs` gives it
        with ``n_active_params``, those that a token uses; training and validation domains are the
        same five (english, chinese, code, math, knowledge); losses are in nats per token, and a
        token is a byte.
    """
    return _read(SPARSE_PROXIES)


def _read(name: str) -> xr.Dataset:
    with as_file(files("bayescamel") / "data" / name) as path:
        return read_runs(path)
