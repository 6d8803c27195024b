"""Designs: which candidates to train next, and what they would teach."""

from bayescamel.designs.acquisitions import Acquisition, InformationGain, VarianceReduction
from bayescamel.designs.baselines import OnlyLarge, OnlySmall, Random, SpaceFilling, UniformFlops
from bayescamel.designs.regret import RegretReduction, WeightedRegretReduction

ACQUISITIONS: dict[str, Acquisition] = {
    acquisition.name: acquisition
    for acquisition in (
        VarianceReduction("losses"),
        VarianceReduction("objective"),
        InformationGain(),
        RegretReduction(),
        WeightedRegretReduction(),
        Random(),
        UniformFlops(),
        OnlySmall(),
        OnlyLarge(),
        SpaceFilling(),
    )
}
"""By the name under which a study stores them."""
