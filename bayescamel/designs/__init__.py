"""Designs: which candidates to train next, and what they would teach."""

from bayescamel.designs.registry import ACQUISITIONS, get_acquisition

__all__ = ["ACQUISITIONS", "get_acquisition"]
