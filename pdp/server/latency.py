"""Quantiles of latency histograms."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """Return the seconds within which a `share` (0 to 1) of the calls were answered; None without any.

    `counts` has one number for each bound, not cumulative, and one for what is above all. Within a bucket calls are
    taken to be spread evenly, as Prometheus' histogram_quantile does; above the last bound it gives that bound.
    """
    total = sum(counts)
    if not total:
        return None
    rank, below = share * total, 0
    for number, count in enumerate(counts[: len(bounds)]):
        if count and below + count >= rank:
            low = bounds[number - 1] if number else 0.0
            return low + (bounds[number] - low) * (rank - below) / count
        below += count
    return bounds[-1]
