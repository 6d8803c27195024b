"""What measured tables taught: the priors of the default law.

The numbers are a random-effects analysis of the law's fits to eight tables, made by
``results/panel/population.py``; the card beside them says which tables, how many sizes each has
and what each contributed. A user who distrusts them has ``fit(..., priors="wide")``.
"""

import json
from importlib.resources import files

_FOUND = json.loads((files("bayescamel") / "data" / "population_v1.json").read_text())

POPULATION: dict[str, dict[str, float]] = _FOUND["priors"]
"""By name of a parameter or coefficient; see `bayescamel.laws.with_priors`."""

SCATTER: dict[str, float] = _FOUND["scatter"]
"""What scatters around the law; see `bayescamel.models.hierarchy.Noise`."""
