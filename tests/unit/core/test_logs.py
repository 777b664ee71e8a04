"""Progress in logs."""

from __future__ import annotations

import logging

from error_sequence_model.core import logs


def test_progress_passes_items_through_and_logs_count_and_rate(
    caplog, monkeypatch
) -> None:
    monkeypatch.setattr(logs.logger.parent, "propagate", True)
    caplog.set_level(logging.INFO)
    assert list(logs.get_progress(range(3), what="work", unit="sites")) == [0, 1, 2]
    assert "work: 3/3 sites" in caplog.text
    assert list(logs.get_progress(iter("ab"), what="more")) == ["a", "b"]
    assert "more: 2 it" in caplog.text
