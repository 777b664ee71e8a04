"""Integrals of a gradient along straight lines, refined where they are inaccurate.

A path leads from a start to an end, float (tokens, hidden); a share of it is 0 at the
start and 1 at the end. A cell is a stretch of a path that is known by the gradient at
its centre; split in three it keeps that gradient, so nothing is computed twice.

What a path's cells sum to is known: the difference of the values at its two ends. Their
weights, at first their widths, are changed as little as gives exactly that and still
integrates a constant exactly. Measured, a map is then as accurate as with two to three
times as many gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

FLAT = 1e-4  # slopes of a path that differ by less, as a share of them, are equal


class Cells(NamedTuple):
    """Stretches of paths, those of a path one after the other, in its order.

    Attributes:
        paths: Which end and which start each belongs to, int64 (n, 2).
        centres: Share of the path at its centre, float (n,).
        widths: Its length as a share of the path, float (n,).
        scores: The gradient at its centre times the whole way, float (n, tokens).
    """

    paths: Tensor
    centres: Tensor
    widths: Tensor
    scores: Tensor

    def differ(self) -> Tensor:
        """How far each differs from the next, float (n - 1, tokens); 0 across paths."""
        is_same = (self.paths[1:] == self.paths[:-1]).all(dim=1, keepdim=True)
        return self.scores.diff(dim=0).abs() * is_same


class PathIntegral:
    """Integrates a function's gradient along paths.

    All points of all cells form one queue that is cut into passes, so that memory is
    bounded and every pass is full, whatever the numbers of ends, starts and cells.

    Args:
        function: Computes float (n,) of points (n, tokens, hidden) that lie on the way
            to the ends of these rows, int64 (n,).
        starts: float (starts, batch, tokens, hidden).
        ends: float (batch, tokens, hidden).
        points_per_pass: Points that are computed at once.
    """

    def __init__(
        self,
        function: Callable[[Tensor, Tensor], Tensor],
        starts: Tensor,
        ends: Tensor,
        *,
        points_per_pass: int,
    ) -> None:
        self.function, self.starts, self.ends = function, starts, ends
        self.points_per_pass = points_per_pass

    def cut(self, count: int) -> Cells:
        """Cut all paths into so many cells of equal width."""
        n_starts, n_ends = self.starts.shape[:2]
        options = {"device": self.ends.device}
        paths = torch.cartesian_prod(
            torch.arange(n_ends, **options), torch.arange(n_starts, **options)
        ).repeat_interleave(count, dim=0)
        centres = (torch.arange(count, **options) + 0.5) / count
        centres = centres.repeat(n_ends * n_starts)
        widths = torch.full_like(centres, 1 / count)
        return Cells(paths, centres, widths, self.differentiate(paths, centres))

    def split(self, cells: Cells, chosen: Tensor) -> Cells:
        """Cut some cells, bool (n,), in three."""
        third = cells.widths / 3
        old = cells._replace(widths=torch.where(chosen, third, cells.widths))
        paths, centres, step = (
            values[chosen] for values in (cells.paths, cells.centres, third)
        )
        paths = paths.repeat(2, 1)
        centres = torch.cat([centres - step, centres + step])
        new = Cells(paths, centres, step.repeat(2), self.differentiate(paths, centres))
        joined = Cells(*(torch.cat(pair) for pair in zip(old, new, strict=True)))
        number = joined.paths[:, 0] * len(self.starts) + joined.paths[:, 1]
        order = torch.argsort(number.double() + joined.centres)
        return Cells(*(values[order] for values in joined))

    def differentiate(self, paths: Tensor, shares: Tensor) -> Tensor:
        """Compute the gradient times the way at shares (n,) of paths (n, 2).

        Returns:
            Token scores, float (n, tokens).
        """
        found = []
        for path, share in zip(
            *(values.split(self.points_per_pass) for values in (paths, shares)),
            strict=True,
        ):
            row, start = path.unbind(dim=1)
            begin, end = self.starts[start, row], self.ends[row]
            point = torch.lerp(begin, end, share.view(-1, 1, 1)).requires_grad_(True)
            value = self.function(point, row)
            slopes = torch.autograd.grad(value.sum(), point)[0]
            found.append(torch.linalg.vecdot(slopes, end - begin))
        return torch.cat(found)

    def add_up(self, cells: Cells, changes: Tensor) -> Tensor:
        """Integrate over all paths: float (batch, tokens), mean over the starts.

        Args:
            cells: Of all paths.
            changes: Difference of the values at the ends, float (starts, batch).
        """
        n_starts, n_ends = changes.shape
        number = cells.paths[:, 0] * n_starts + cells.paths[:, 1]

        def average(values: Tensor) -> Tensor:
            zeros = torch.zeros(n_starts * n_ends, device=values.device)
            return zeros.index_add_(0, number, cells.widths * values)

        slopes = cells.scores.sum(dim=1)
        mean = average(slopes)
        offsets = slopes - mean[number]
        spread = torch.zeros_like(mean)
        spread.scatter_reduce_(0, number, offsets.abs(), "amax")
        factor = (changes.T.flatten() - mean) / average(offsets.square())
        # A weight stays positive, and nothing is made of rounding: a path of which the
        # cells say too little is left short of its sum, as the completeness error says.
        factor = factor / (factor * spread).abs().clamp(min=1)
        factor = torch.where(spread > FLAT * mean.abs(), factor, 0)
        weights = cells.widths * (1 + factor[number] * offsets)
        summed = torch.zeros((n_ends, cells.scores.shape[1]), device=weights.device)
        summed.index_add_(0, cells.paths[:, 0], weights.unsqueeze(1) * cells.scores)
        return summed / n_starts


def estimate_error(cells: Cells, shape: torch.Size) -> Tensor:
    """Estimate how much of each map lies at the wrong tokens, float (batch,).

    Between two centres a gradient may jump anywhere: a token's error is that of a jump
    at a random place, independently in all cells. Of smooth gradients this is too much.

    Args:
        cells: Of all paths.
        shape: Starts and ends.

    Returns:
        Sum over the tokens of the absolute error of the mean over the starts.
    """
    nearer = torch.minimum(cells.widths[1:], cells.widths[:-1]).unsqueeze(1)
    square = torch.zeros((shape[1], cells.scores.shape[1]), device=nearer.device)
    square.index_add_(0, cells.paths[1:, 0], (nearer * cells.differ()).square() / 12)
    return square.sqrt().sum(dim=1) / shape[0]


def choose_cells(cells: Cells, is_rough: Tensor) -> Tensor:
    """Choose the cells to split: of rough maps, bool (batch,), where most may change.

    Returns:
        bool (n,): at least half of what the worst of the same end may change.
    """
    row, steps = cells.paths[:, 0], cells.differ().sum(dim=1)
    around = torch.nn.functional.pad(steps, (1, 0)) + torch.nn.functional.pad(
        steps, (0, 1)
    )
    change = cells.widths * around
    worst = torch.zeros(len(is_rough), device=change.device)
    worst.scatter_reduce_(0, row, change, "amax")
    return is_rough[row] & (change >= worst[row] / 2)
