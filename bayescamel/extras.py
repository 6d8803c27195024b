"""Libraries that are not in the default install, by the extra that brings them."""

from importlib.util import find_spec

from bayescamel.exceptions import MissingExtraError

EXTRAS = {
    "alembic": "study",
    "jinja2": "plots",
    "lightgbm": "peers",
    "matplotlib": "plots",
    "numba": "pymc",
    "nutpie": "pymc",
    "plotly": "plotly",
    "psycopg": "postgresql",
    "pyarrow": "tables",
    "pymc": "pymc",
    "pytensor": "pymc",
    "ray": "ray",
    "sqlalchemy": "study",
    "torch": "proxies",
}
"""The extra by the library that an import asks for."""


def need(library: str) -> None:
    """Refuse what needs a library that is not installed; nothing is imported.

    Raises
    ------
    MissingExtraError
        Naming the extra.
    """
    if find_spec(library) is None:
        raise MissingExtraError(words(library))


def words(library: str) -> str:
    """What to say of a library that is not installed."""
    extra = EXTRAS[library]
    return f"this needs {library}, of the extra [{extra}]: pip install 'bayescamel[{extra}]'"
