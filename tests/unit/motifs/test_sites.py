from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from error_sequence_model.motifs import gather_sites

COUNT, LENGTH = 40, 20


def gather(explained: list[int], most: int | None):
    sites = pd.DataFrame(
        {
            **{"site_id": np.arange(COUNT), "chrom": "c", "strand": "+"},
            **{"junction": 100 * np.arange(COUNT) + 500, "splice_type": "donor"},
            **{"pred_type": "TP", "gene_id": "g"},
        }
    ).set_index("site_id", drop=False)
    letters = np.random.default_rng(0).choice(list("ACGT"), (COUNT, LENGTH))
    windows = SimpleNamespace(
        upstream=10,
        downstream=10,
        get_matrix=lambda ids: letters[ids].astype("S1").view(np.uint8),
    )
    split = pd.DataFrame({"site_id": np.arange(COUNT), "label": np.arange(COUNT) % 2})
    options = {"error_labels": [1], "explained": np.array(explained), "seed": 3}
    return gather_sites(split, sites, windows, most=most, **options)


def test_explained_sites_are_kept_where_sites_are_drawn() -> None:
    explained = [0, 1, 2, 5, 30, 38]
    found = gather(explained, most=6)
    assert np.isin(explained, found.site_ids).all()
    assert found.is_error.sum() == (~found.is_error).sum() == 6
    assert (np.diff(found.site_ids) > 0).all()
    assert np.array_equal(found.strata[:, 0] == 1, np.isin(found.site_ids, explained))
    assert len(gather(explained, most=None)) == COUNT
