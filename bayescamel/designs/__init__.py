"""Designs: which candidates to train next, and what they would teach."""
