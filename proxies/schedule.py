"""Warm-up-stable-decay, and the branches that give several token counts for one trunk."""

from __future__ import annotations

from dataclasses import dataclass

from bayescamel.exceptions import BayesCamelError


@dataclass(frozen=True)
class Leg:
    """Steps ``first`` to ``stop`` of a run.

    ``decay`` steps before its end the rate starts to fall to zero; 0: it stays. ``branch``: what
    it learns is measured and forgotten, and the trunk goes on from where it began.
    """

    first: int
    stop: int
    decay: int = 0
    branch: bool = False

    def factor(self, step: int, warmup: int) -> float:
        """Share of the peak rate: linear up, flat, linear down to 0 after the last step."""
        rising = (step + 1) / max(1, warmup)
        falling = (self.stop - step) / self.decay if self.decay else 1.0
        return min(1.0, rising, falling)


def legs(ends: tuple[int, ...], decay: float) -> list[Leg]:
    """The trunk's legs and the decaying branches, in the order in which they run.

    Parameters
    ----------
    ends
        Steps at which the run is to be measured, rising; the last is the trunk's own end.
    decay
        Share of the steps, up to an end, over which the rate falls.

    Raises
    ------
    BayesCamelError
        When an end does not lie behind the one before it.
    """
    found: list[Leg] = []
    at = 0
    for number, end in enumerate(ends):
        fall = max(1, round(decay * end))
        if end - fall < at or end < 1 or (number and end <= ends[number - 1]):
            raise BayesCamelError(
                f"branches end at steps {list(ends)}: each must start its decay, {decay:.0%} "
                "before its end, behind the start of the one before"
            )
        if end - fall > at:
            found.append(Leg(at, end - fall))
            at = end - fall
        found.append(Leg(at, end, fall, branch=number < len(ends) - 1))
    return found
