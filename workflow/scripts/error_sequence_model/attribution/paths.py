"""Integrals of a gradient along straight lines, refined where they are inaccurate.

A path leads from a start to an end, float (tokens, hidden); a share of it is 0 at the
start and 1 at the end. A panel is a stretch of a path. What a panel's integral misses
is known: it should be the difference of the values at its two ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

NODES = 2  # of a panel; measured: one or three need more gradients for the same error


class Panels(NamedTuple):
    """Stretches of paths with their integrals.

    Attributes:
        paths: Which end and which start each belongs to, int64 (n, 2).
        spans: Shares of the path between which it lies, float (n, 2).
        values: The function at both, float (n, 2).
        scores: Integral of the gradient times the way, per token, float (n, tokens).
    """

    paths: Tensor
    spans: Tensor
    values: Tensor
    scores: Tensor

    @property
    def missed(self) -> Tensor:
        """What each integral misses, signed, float (n,)."""
        return self.scores.sum(dim=1) - (self.values[:, 1] - self.values[:, 0])

    def replace(self, is_old: Tensor, others: Panels) -> Panels:
        """Put others in the place of some, bool (n,)."""
        pairs = zip(self, others, strict=True)
        return Panels(*(torch.cat([mine[~is_old], new]) for mine, new in pairs))


class PathIntegral:
    """Integrates a function's gradient along paths.

    All points of all panels form one queue that is cut into passes, so that memory is
    bounded and every pass is full, whatever the numbers of ends, starts and nodes.

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

    def cut(self, count: int, start_values: Tensor, end_values: Tensor) -> Panels:
        """Integrate all paths, each in so many panels of equal width.

        Args:
            count: Panels per path.
            start_values: The function at the starts, float (starts, batch).
            end_values: At the ends, float (batch,).

        Returns:
            The panels, those of a path one after the other.
        """
        n_starts, n_ends = self.starts.shape[:2]
        device = self.ends.device
        rows = torch.arange(n_ends, device=device).repeat_interleave(n_starts)
        paths = torch.stack(
            [rows, torch.arange(n_starts, device=device).repeat(n_ends)], dim=1
        )
        edges = torch.linspace(0, 1, count + 1, device=device)
        inner = self.evaluate(
            paths.repeat_interleave(count - 1, dim=0), edges[1:-1].repeat(len(paths))
        )
        values = torch.cat(
            [
                start_values.T.reshape(-1, 1),
                inner.view(len(paths), count - 1),
                end_values[rows].unsqueeze(1),
            ],
            dim=1,
        )
        paths = paths.repeat_interleave(count, dim=0)
        spans = torch.stack([edges[:-1], edges[1:]], dim=1).repeat(len(rows), 1)
        both = torch.stack([values[:, :-1], values[:, 1:]], dim=2).flatten(0, 1)
        return Panels(paths, spans, both, self.integrate(paths, spans))

    def halve(self, panels: Panels, chosen: Tensor) -> Panels:
        """Integrate the two halves of some panels, bool (n,)."""
        paths, spans, values = (part[chosen] for part in panels[:3])
        middle = spans.mean(dim=1)
        between = self.evaluate(paths, middle)
        spans = torch.stack([spans[:, 0], middle, middle, spans[:, 1]], dim=1)
        values = torch.stack([values[:, 0], between, between, values[:, 1]], dim=1)
        paths, spans = paths.repeat_interleave(2, dim=0), spans.view(-1, 2)
        return Panels(paths, spans, values.view(-1, 2), self.integrate(paths, spans))

    @torch.no_grad()
    def evaluate(self, paths: Tensor, shares: Tensor) -> Tensor:
        """Compute the function at shares (n,) of paths (n, 2): float (n,)."""
        values = [
            self.function(self._place(paths[part], shares[part])[0], paths[part, 0])
            for part in self._queue(len(paths))
        ]
        return torch.cat(values) if values else shares

    def integrate(self, paths: Tensor, spans: Tensor, *, nodes: int = NODES) -> Tensor:
        """Integrate the gradient over panels with Gauss–Legendre nodes.

        Args:
            paths: Whose panels, int64 (n, 2).
            spans: Between which shares of the path, float (n, 2).
            nodes: Nodes per panel.

        Returns:
            Token scores of each panel, float (n, tokens).
        """
        points, weights = np.polynomial.legendre.leggauss(nodes)
        point, weight = (
            torch.tensor(values / 2, dtype=self.ends.dtype, device=self.ends.device)
            for values in (points + 1, weights)
        )
        scores = torch.zeros((len(paths), self.ends.shape[1]), device=self.ends.device)
        width = spans[:, 1] - spans[:, 0]
        for part in self._queue(len(paths) * nodes):
            panel, node = part // nodes, part % nodes
            share = spans[panel, 0] + width[panel] * point[node]
            place, way = self._place(paths[panel], share)
            place.requires_grad_(True)
            value = self.function(place, paths[panel, 0])
            slopes = torch.autograd.grad(value.sum(), place)[0]
            gained = (way * slopes).sum(dim=-1)
            gained *= (width[panel] * weight[node]).unsqueeze(-1)
            scores.index_add_(0, panel, gained)
        return scores

    def _queue(self, count: int) -> tuple[Tensor, ...]:
        queue = torch.arange(count, device=self.ends.device)
        return queue.split(self.points_per_pass) if count else ()

    def _place(self, paths: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Points on paths and the whole ways, both float (n, tokens, hidden)."""
        row, start = paths.unbind(dim=1)
        begin = self.starts[start, row]
        way = self.ends[row] - begin
        return begin + shares.view(-1, 1, 1) * way, way


def choose_panels(panels: Panels, limit: Tensor, *, starts: int) -> Tensor:
    """Choose the panels to halve: of inaccurate ends, those that miss most.

    Args:
        panels: All panels of all paths.
        limit: What the mean over an end's paths may miss, float (batch,).
        starts: Paths per end.

    Returns:
        bool (n,): at least half of what the worst of the same end misses.
    """
    row, missed = panels.paths[:, 0], panels.missed
    total = torch.zeros_like(limit).index_add_(0, row, missed) / starts
    worst = torch.zeros_like(limit).scatter_reduce_(0, row, missed.abs(), "amax")
    return (total.abs() > limit)[row] & (missed.abs() >= worst[row] / 2)
