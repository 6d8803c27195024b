"""Every plot; functions return the figure and show nothing.

Each is imported from its module on first use, and matplotlib when one is drawn.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayescamel.plots.decisions import front as front
    from bayescamel.plots.decisions import optimum as optimum
    from bayescamel.plots.decisions import path as path
    from bayescamel.plots.predictions import held_out as held_out
    from bayescamel.plots.predictions import loss_over_size as loss_over_size

_HOME = {
    "front": "decisions",
    "held_out": "predictions",
    "loss_over_size": "predictions",
    "optimum": "decisions",
    "path": "decisions",
}
__all__ = [*_HOME]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bayescamel.plots' has no attribute {name!r}")
    return getattr(import_module(f"bayescamel.plots.{_HOME[name]}"), name)
