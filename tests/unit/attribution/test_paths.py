"""Integrals along paths whose gradients are known."""

from __future__ import annotations

import pytest
import torch

from error_sequence_model.attribution.paths import (
    PathIntegral,
    choose_cells,
    estimate_error,
)


def integrate_kink() -> tuple[PathIntegral, torch.Tensor]:
    """Two paths along one token: a kink at a third of the way, and a straight line."""
    integral = PathIntegral(
        lambda points, rows: torch.where(
            rows == 0, (points[:, 0, 0] - 1).clamp(min=0), points[:, 0, 0]
        ),
        torch.zeros(1, 2, 1, 1),
        torch.tensor([[[3.0]], [[3.0]]]),
        points_per_pass=3,
    )
    return integral, torch.tensor([[2.0, 3.0]])


def test_nodes_go_where_the_gradient_changes() -> None:
    integral, changes = integrate_kink()
    cells = integral.cut(4)
    assert cells.scores.flatten().tolist() == [0, 3, 3, 3, 3, 3, 3, 3]
    assert integral.add_up(cells, changes).flatten().tolist() == pytest.approx([2, 3])
    error = estimate_error(cells, changes.shape)
    assert error.tolist() == pytest.approx([3 / 4 / 12**0.5, 0])
    is_rough = torch.tensor([True, False])
    assert choose_cells(cells, is_rough).tolist() == [True, True, *[False] * 6]
    for _ in range(4):
        cells = integral.split(cells, choose_cells(cells, is_rough))
    of_kink = cells.paths[:, 0] == 0
    assert (~of_kink).sum() == 4
    for part in (of_kink, ~of_kink):
        assert float(cells.widths[part].sum()) == pytest.approx(1)
        assert (cells.centres[part].diff() > 0).all()
    assert estimate_error(cells, changes.shape)[0] < error[0] / 50
    nearest = cells.centres[of_kink][cells.widths[of_kink].argmin()]
    assert float(nearest) == pytest.approx(1 / 3, abs=0.02)
    plain = (cells.widths * cells.scores[:, 0])[of_kink].sum()
    assert float(plain) == pytest.approx(2.0, abs=0.02)


def test_a_constant_and_the_sum_are_integrated_exactly() -> None:
    # Tokens with the slopes 1 and t³: the second's integral is known from the sum.
    integral = PathIntegral(
        lambda points, rows: points[:, 0, 0] + points[:, 1, 0] ** 4 / 4,
        torch.zeros(1, 1, 2, 1),
        torch.ones(1, 2, 1),
        points_per_pass=99,
    )
    cells = integral.cut(3)
    plain = (cells.widths.unsqueeze(1) * cells.scores).sum(dim=0)
    assert abs(float(plain[1]) - 0.25) > 0.01
    found = integral.add_up(cells, torch.tensor([[1.25]]))[0]
    assert found.tolist() == pytest.approx([1, 0.25], abs=1e-5)


def test_a_change_that_no_gradient_shows_is_not_made_up() -> None:
    integral, _ = integrate_kink()
    cells = integral.cut(2)
    # The straight line's slopes are all 3: nothing says where another 2 should come.
    assert integral.add_up(cells, torch.tensor([[2.0, 5.0]]))[1].tolist() == [3]
    # The kink's are 0 and 3; positive weights give at most 3.
    assert integral.add_up(cells, torch.tensor([[9.0, 3.0]]))[0].tolist() == [3]
