"""What audit.json and its page say of the sites."""

from __future__ import annotations

import pandas as pd

from error_sequence_model.sites import describe_counts, make_audit


def test_every_site_is_counted_and_told() -> None:
    sites = pd.DataFrame(
        {
            "pred_type": ["TP", "TP", "FN", "FP", "TN", "TN"],
            "splice_type": ["donor", "acceptor", "donor", "donor", "donor", "donor"],
            "strand": ["+", "-", "-", "-", "+", "-"],
            "dinucleotide": ["GT", "AG", "GC", "GT", "AT", "GA"],
        }
    )
    dropped = [{"reason": "a shadow", "rows": 2}]
    audit = make_audit(sites, rows_read=11, shares={}, dropped=dropped)
    assert audit["merged_rows"] == 11 - 2 - 6
    assert audit["dropped"] == dropped
    assert audit["counts"]["pred_type"] == {"TP": 2, "TN": 2, "FN": 1, "FP": 1}
    by_pair = audit["counts"]["pred_type_by_dinucleotide"]
    assert by_pair["TP"] == {"AG": 1, "GT": 1}
    assert describe_counts(audit, most=3) == [
        "Strands: − 4, + 2.",
        "Dinucleotides: GT 2, AG 1, AT 1, others 2.",
    ]
    assert describe_counts({}) == []
