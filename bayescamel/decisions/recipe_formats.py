"""A recipe in the words of other people's training code.

==============  ==================================================================================
``plain``       ours: target, weights, tokens, epochs
``olmo-core``   the list of a ``SourceMixtureDatasetConfig`` (OLMo-core), with requested tokens
``megatron``    ``weight prefix weight prefix …``, as ``--data-path`` and, in a file,
                ``--data-args-path`` of Megatron-LM take it
``nemo``        the same as a list, ``data_prefix`` of NeMo's configurations
``streaming``   ``streams`` of MosaicML's StreamingDataset, each with its proportion
``litgpt``      folders and weights of a ``CombinedStreamingDataset`` (LitData, LitGPT)
``datasets``    arguments of Hugging Face's ``interleave_datasets``
==============  ==================================================================================

Domains that weigh nothing are left out of all but ours: most of these readers refuse them.
"""

import shlex
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from bayescamel.exceptions import StorageError


class Layout(StrEnum):
    """Whose training code reads the recipe."""

    plain = "plain"
    olmo_core = "olmo-core"
    megatron = "megatron"
    nemo = "nemo"
    streaming = "streaming"
    litgpt = "litgpt"
    datasets = "datasets"


def check_layout(name: str) -> Layout:
    """The layout of this name.

    Raises
    ------
    StorageError
        When there is none.
    """
    try:
        return Layout(name)
    except ValueError:
        raise StorageError(
            f"unknown layout of a recipe {name!r}; there are: {', '.join(Layout)}"
        ) from None


def laid_out(
    content: Mapping[str, Any], layout: str, places: Mapping[str, str]
) -> dict[str, Any] | str:
    """The recipe as that layout's object, or as its text.

    Raises
    ------
    StorageError
        When the layout is unknown, or a place is of no domain.
    """
    chosen = check_layout(layout)
    weights = {name: weight for name, weight in content["weights"].items() if weight > 0}
    for name in places:
        if name not in content["weights"]:
            known = ", ".join(content["weights"])
            raise StorageError(f"a place of {name!r}, which is no domain; there are: {known}")
    where = {name: places.get(name, name) for name in weights}
    match chosen:
        case Layout.plain:
            return dict(content)
        case Layout.olmo_core:
            return _olmo_core(content, weights, where)
        case Layout.megatron:
            pairs = [f"{weight!r} {shlex.quote(where[name])}" for name, weight in weights.items()]
            return " ".join(pairs) + "\n"
        case Layout.nemo:
            flat = [item for name, weight in weights.items() for item in (weight, where[name])]
            return {"data_prefix": flat}
        case Layout.streaming:
            streams = {
                name: {"local": where[name], "proportion": weight}
                for name, weight in weights.items()
            }
            return {"streams": streams}
        case Layout.litgpt:
            return {"input_dirs": list(where.values()), "weights": list(weights.values())}
        case Layout.datasets:
            return {
                "datasets": list(where.values()),
                "probabilities": list(weights.values()),
                "stopping_strategy": "all_exhausted",
            }


def _olmo_core(
    content: Mapping[str, Any], weights: Mapping[str, float], where: Mapping[str, str]
) -> dict[str, Any]:
    epochs = content.get("epochs", {})
    sources = [
        {
            "source_name": name,
            "target_ratio": weight,
            "paths": [where[name]],
            # Of tokens that are repeated; less than once is no repetition.
            "max_repetition_ratio": max(1.0, epochs.get(name, 1.0)),
        }
        for name, weight in weights.items()
    ]
    made: dict[str, Any] = {"source_list": {"sources": sources}}
    if "tokens" in content:
        made["requested_tokens"] = sum(content["tokens"].values())
    return made
