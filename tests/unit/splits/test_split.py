"""Training, validation and test sites that share nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.genome import reverse_complement
from error_sequence_model.settings import SplitSettings, parse_contrast
from error_sequence_model.splits import count_overlaps, group_sites, make_split
from error_sequence_model.splits.leakage import audit_fold
from error_sequence_model.splits.leakfilter import LeakFilter
from error_sequence_model.windows import Windows, make_windows

UP, DOWN = 60, 40
CONTRAST = parse_contrast("fp_vs_tp")
HOLD_OUT = {"test": ["chr1"], "validation": ["chr2"]}


def make_sites(
    n_chroms: int = 6, per_chrom: int = 40, seed: int = 1
) -> tuple[pd.DataFrame, list[str]]:
    """Sites 500 bases apart, two to a gene, each with a random window."""
    generator = np.random.default_rng(seed)
    rows, texts = [], []
    for chrom in range(1, n_chroms + 1):
        for i in range(per_chrom):
            rows.append(
                {
                    "chrom": f"chr{chrom}",
                    "junction": 1000 + 500 * i,
                    "strand": "+-"[i % 2],
                    "splice_type": "donor",
                    "pred_type": "FP" if i % 4 == 0 else "TP",
                    "gene_id": f"chr{chrom}.g{i // 2}",
                    "dinucleotide": "GT",
                }
            )
            texts.append("".join(generator.choice(list("ACGT"), UP + DOWN)))
    sites = pd.DataFrame(rows)
    sites.insert(0, "site_id", np.arange(len(sites)))
    return sites, texts


def windows_of(sites: pd.DataFrame, texts: list[str]) -> Windows:
    return make_windows(sites["site_id"].to_numpy(), texts, upstream=UP)


def split(sites: pd.DataFrame, texts: list[str], **settings: object):
    return make_split(sites, windows_of(sites, texts), CONTRAST, "donor", settings)


def part_of(frame: pd.DataFrame, site: int, fold: int = 0) -> str:
    row = frame[frame["site_id"].eq(site) & frame["fold"].eq(fold)]
    return row["part"].item()


def test_sites_without_a_window_are_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sites, texts = make_sites()
    known = windows_of(sites[8:], texts[8:])
    frame, _ = make_split(sites, known, CONTRAST, "donor", HOLD_OUT)
    assert frame["site_id"].tolist() == sites["site_id"].tolist()[8:]
    assert "8 of 240 sites left out, without a window" in caplog.text


def test_hold_out_by_chromosome() -> None:
    sites, texts = make_sites()
    frame, leakage = split(sites, texts, **HOLD_OUT)
    assert frame.dtypes.astype(str).to_dict() == {
        "site_id": "int64",
        "label": "int8",
        "fold": "int16",
        "part": "str",
        "training_similarity": "float32",
        "relative": "boolean",
    }
    merged = sites.merge(frame, on="site_id")
    parts = merged.groupby("chrom")["part"].agg(set)
    assert parts["chr1"] == {"test"}
    assert parts["chr2"] == {"validation"}
    assert all(parts[f"chr{i}"] == {"train"} for i in range(3, 7))
    assert (merged["label"] == merged["pred_type"].eq("FP")).all()
    assert frame["training_similarity"].isna().eq(frame["part"].ne("test")).all()
    assert leakage["passed"]
    assert leakage["folds"]["0"]["counts"]["test"] == {"correct": 30, "error": 10}


def test_validation_is_drawn_where_it_is_not_named() -> None:
    sites, texts = make_sites()
    frame, _ = split(sites, texts, test=["chr1"])
    merged = sites.merge(frame, on="site_id")
    assert merged.groupby("chrom")["part"].nunique().eq(1).all()
    assert len(set(merged.loc[merged["part"].eq("validation"), "chrom"])) == 1


@pytest.mark.parametrize("named", ["chr2", "chr5"])
def test_tested_chromosomes_are_drawn_where_only_validation_is_named(named) -> None:
    sites, texts = make_sites()
    frame, _ = split(sites, texts, validation=[named])
    merged = sites.merge(frame, on="site_id")
    assert merged.groupby("chrom")["part"].nunique().eq(1).all()
    assert set(merged.loc[merged["part"].eq("validation"), "chrom"]) == {named}
    assert len(set(merged.loc[merged["part"].eq("test"), "chrom"])) == 1


@pytest.mark.parametrize("by", ["chromosome", "gene", "homology"])
def test_folds_test_every_site_once(by: str) -> None:
    sites, texts = make_sites()
    frame, leakage = split(sites, texts, by=by, folds=4)
    assert len(frame) == 4 * len(sites)
    tested = frame[frame["part"].eq("test")]
    assert sorted(tested["site_id"]) == sites["site_id"].tolist()
    validated = frame[frame["part"].eq("validation")].set_index("site_id")["fold"]
    fold = tested.set_index("site_id")["fold"]
    assert (fold == (validated.reindex(fold.index) + 1) % 4).all()
    if by != "chromosome":
        sizes = pd.crosstab(tested["fold"], tested["label"])
        assert (sizes.max() - sizes.min()).max() <= 2
        assert all(leakage["folds"][str(i)]["shared_genes"] == 0 for i in range(4))


def test_the_same_seed_gives_the_same_split() -> None:
    sites, texts = make_sites()
    one, two, other = (
        split(sites, texts, by="gene", folds=3, seed=seed)[0] for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, two)
    assert not one["part"].equals(other["part"])


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_copied_sequence_leaves_training(is_turned: bool) -> None:
    sites, texts = make_sites()
    copy = reverse_complement(texts[3]) if is_turned else texts[3]
    texts[50], texts[200] = copy, copy  # chr2 validation, chr6 training
    frame, leakage = split(sites, texts, **HOLD_OUT)
    assert part_of(frame, 3) == "test"
    assert part_of(frame, 50) == part_of(frame, 200) == "excluded"
    fold = leakage["folds"]["0"]
    assert fold["removed"]["shared_sequence"] == 2
    assert fold["removed_from_training"] == 1
    assert fold["shared_sequences"] == fold["shared_reverse_complements"] == 0


def test_a_duplicated_gene_on_another_chromosome_leaves_training() -> None:
    sites, texts = make_sites()
    generator = np.random.default_rng(5)
    for source, target in ((4, 130), (5, 131)):
        changed = generator.random(UP + DOWN) < 0.02
        texts[target] = "".join(
            "ACGT"["ACGT".index(base) - 1] if c else base
            for base, c in zip(texts[source], changed, strict=True)
        )
    assert texts[4] != texts[130]
    frame, leakage = split(sites, texts, **HOLD_OUT)
    assert part_of(frame, 130) == part_of(frame, 131) == "excluded"
    assert leakage["folds"]["0"]["removed"]["near_duplicate"] == 2
    kept, leakage = split(sites, texts, **HOLD_OUT, near_duplicates="keep")
    assert part_of(kept, 130) == "train"
    assert leakage["folds"]["0"]["near_duplicates"] == 2
    similarity = kept.set_index("site_id")["training_similarity"]
    assert similarity[4] > 0.2
    assert similarity[6] == 0
    grouped, leakage = split(sites, texts, by="homology", folds=3)
    folds = grouped[grouped["part"].eq("test")].set_index("site_id")["fold"]
    # The whole genes are one family.
    assert len(set(folds[[4, 5, 130, 131]])) == 1


def test_overlapping_windows_leave_training() -> None:
    sites, texts = make_sites()
    sites["half"] = np.where(sites["junction"] < 10_000, "left", "right")
    sites.loc[sites["chrom"].eq("chr3"), "half"] = "middle"
    # On chr1 one pair reaches over the border, on opposite strands.
    sites.loc[17, "junction"], sites.loc[18, "junction"] = 9_990, 10_060
    frame, leakage = split(
        sites, texts, column="half", test=["left"], validation=["middle"]
    )
    assert part_of(frame, 17) == "test"
    assert part_of(frame, 18) == "excluded"
    assert leakage["folds"]["0"]["removed"]["overlapping_interval"] == 1


def test_overlapping_genes_stay_together() -> None:
    sites, texts = make_sites()
    sites.loc[1, "junction"] = 3_600  # gene 0 of chr1 now spans genes 1 and 2
    frame, _ = split(sites, texts, by="gene", folds=4)
    folds = frame[frame["part"].eq("test")].set_index("site_id")["fold"]
    assert len(set(folds[[0, 1, 2, 3, 4, 5]])) == 1


def test_windows_of_n_are_left_out_and_share_nothing() -> None:
    sites, texts = make_sites()
    texts[0] = texts[60] = texts[230] = "N" * (UP + DOWN)
    frame, leakage = split(sites, texts, **HOLD_OUT)
    assert {part_of(frame, site) for site in (0, 60, 230)} == {"excluded"}
    assert leakage["folds"]["0"]["removed"]["only_n"] == 3


def test_shuffled_labels_keep_the_counts_of_each_part() -> None:
    sites, texts = make_sites()
    contrast = parse_contrast("null", {"like": "fp_vs_tp", "shuffle_labels": True})
    found = make_split(sites, windows_of(sites, texts), contrast, "donor", HOLD_OUT)[0]
    plain, _ = split(sites, texts, **HOLD_OUT)
    keys = ["part", "label"]
    assert found.groupby(keys).size().equals(plain.groupby(keys).size())
    assert not found["label"].equals(plain["label"])


def audit(sites: pd.DataFrame, texts: list[str], parts: np.ndarray) -> dict[str, int]:
    starts = sites["junction"] - np.where(sites["strand"].eq("+"), UP, DOWN)
    placed = sites.assign(start=starts, end=starts + UP + DOWN)
    matrix = windows_of(sites, texts).get_matrix()
    return audit_fold(placed, matrix, parts, SplitSettings())


def test_the_audit_catches_each_leak() -> None:
    sites, texts = make_sites()
    parts = sites["chrom"].map({"chr1": "test", "chr2": "validation"}).fillna("train")
    parts = parts.to_numpy(dtype=object)
    clean = dict.fromkeys(audit(sites, texts, parts), 0) | {"audited_exactly": 80}
    assert audit(sites, texts, parts) == clean
    # A duplicated row: same site, same sequence, one copy in test, one in training.
    doubled = pd.concat([sites, sites.iloc[[7]]], ignore_index=True)
    found = audit(doubled, [*texts, texts[7]], np.append(parts, "train"))
    assert found == {
        "shared_sequences": 1,
        "shared_reverse_complements": 0,
        "overlapping_intervals": 1,
        "shared_genes": 1,
        "near_duplicates": 1,
        "audited_exactly": 80,
    }
    # A duplicated gene on another chromosome, and its reverse complement.
    copied = list(texts)
    copied[200:202] = texts[8:10]
    found = audit(sites, copied, parts)
    assert found["shared_sequences"] == found["near_duplicates"] == 2
    copied[200:202] = [reverse_complement(text) for text in texts[8:10]]
    turned = {"shared_reverse_complements": 2, "near_duplicates": 2}
    assert audit(sites, copied, parts) == clean | turned


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"test": ["chr9"]}, r"splits\.test: \['chr9'\] not in column 'chrom'; .*chr1"),
        ({"column": "arm", "test": ["p"]}, "sites.parquet does not have"),
        (
            {"by": "colour"},
            "'colour': allowed: chromosome, gene, homology; set `splits.by`",
        ),
        ({"folds": 2}, "folds 2: allowed: whole number ≥ 3, ≤ 20 or null"),
        ({"folds": 9}, "only 6 groups"),
        ({"by": "gene", "test": ["chr1"]}, "name chromosomes"),
        ({"test": ["chr1"], "validation": ["chr1"]}, "both"),
        ({"preset": "mine"}, "there are spliceai"),
        ({"holdout": 1}, "unknown key"),
        ({"test": ["chr1"], "folds": 5}, "not both"),
        *(
            ({part: [f"chr{i}" for i in range(1, 7)]}, f"splits.{part}.*are all there")
            for part in ("test", "validation")
        ),
    ],
)
def test_bad_settings(settings: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        split(*make_sites(), **settings)


def test_a_contig_may_have_no_site_of_the_contrast() -> None:
    """Where each gene is a contig, some have no error."""
    sites, *rest = make_sites()
    sites.loc[sites["chrom"] == "chr6", "pred_type"] = "TN"
    made, leakage = split(sites, *rest, test=["chr1", "chr6"], validation=["chr2"])
    assert set(made["part"]) >= {"train", "validation", "test"}
    assert leakage["absent"] == ["chr6"]


def test_an_empty_class_is_named() -> None:
    sites, texts = make_sites()
    sites.loc[sites["chrom"].eq("chr2"), "pred_type"] = "TP"
    with pytest.raises(InputError, match="validation has no error"):
        split(sites, texts, **HOLD_OUT)
    with pytest.raises(InputError, match=r"no such site \(0 of these"):
        make_split(sites, windows_of(sites, texts), CONTRAST, "acceptor", HOLD_OUT)


def test_presets_match_names_with_and_without_chr() -> None:
    sites, texts = make_sites(n_chroms=8)
    bare = sites.assign(chrom=sites["chrom"].str.removeprefix("chr"))
    for table in (sites, bare):
        frame, _ = split(table, texts, preset="spliceai")
        merged = sites.merge(frame, on="site_id")
        tested = set(merged.loc[merged["part"].eq("test"), "chrom"])
        assert tested == {"chr1", "chr3", "chr5", "chr7"}
        assert set(merged.loc[merged["part"].eq("validation"), "chrom"]) == {"chr8"}


def test_sites_of_two_genes_join_them_and_sites_of_none_stand_alone() -> None:
    sites, texts = make_sites()
    sites.loc[0, "gene_id"] = "chr1.g0,chr4.g3"
    sites.loc[200:, "gene_id"] = None
    frame, _ = split(sites, texts, by="gene", folds=4)
    folds = frame[frame["part"].eq("test")].set_index("site_id")["fold"]
    assert len(set(folds[[0, 1, 126, 127]])) == 1
    assert len(set(folds[folds.index >= 200])) == 4


@pytest.mark.parametrize(("shift", "leaks"), [(99, True), (100, False)])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [("test", "train"), ("validation", "train"), ("test", "validation")],
)
def test_windows_that_share_one_base_leak_and_neighbours_do_not(
    shift, leaks, is_first, stronger, weaker
) -> None:
    rng = np.random.default_rng(5)
    windows = rng.choice(np.frombuffer(b"ACGT", np.uint8), size=(2, 100))
    sites = pd.DataFrame({"chrom": "c", "start": [0, shift], "end": [100, 100 + shift]})
    pair = [stronger, weaker]
    parts = np.array(pair if is_first else pair[::-1], object)
    settings = SplitSettings(near_duplicates="keep")
    found, removed = LeakFilter(sites, windows, settings).remove_leaks(parts)
    assert found.tolist() == [
        "excluded" if leaks and part == weaker else part for part in parts
    ]
    assert removed["overlapping_interval"] == int(leaks)
    assert count_overlaps(sites, parts) == int(leaks)


def test_what_is_left_out_is_counted() -> None:
    sites, texts = make_sites(n_chroms=8)
    sites.loc[[250, 251], "dinucleotide"] = "GC"
    bare = sites[sites["chrom"].ne("chr5")]
    known = windows_of(sites, texts).site_ids[:-3]
    windows = windows_of(sites[sites["site_id"].isin(known)], texts[:-3])
    _, leakage = make_split(bare, windows, CONTRAST, "donor", {"preset": "spliceai"})
    assert leakage["left_out"] == {"other_dinucleotide": 2, "no_window": 3}
    assert {"chr5", "5", "chr9", "9"} & set(leakage["absent"])


def test_relatives_are_counted_by_gene_and_kept_together_by_homology() -> None:
    sites, texts = make_sites()
    generator = np.random.default_rng(8)
    for source in range(0, 40, 2):  # a sixth of the bases of two thirds
        changed = generator.permutation(66)[:8]
        copy = list(texts[source][:66])
        for place in changed:
            copy[place] = "ACGT"["ACGT".index(copy[place]) - 1]
        target = 160 + source
        texts[target] = "".join(copy) + texts[target][66:]
    frame, leakage = split(sites, texts, **HOLD_OUT)
    fold = leakage["folds"]["0"]
    assert fold["searched_for_relatives"] == 40
    assert 15 <= fold["with_relatives"] <= 20
    assert fold["with_relatives"] == frame["relative"].sum()
    assert frame["relative"].isna().eq(frame["part"].ne("test")).all()
    _, leakage = split(sites, texts, by="homology")
    fold = leakage["folds"]["0"]
    assert fold["with_relatives"] == fold["removed"]["relative"] == 0
    assert leakage["groups"]["largest"] == 4


def test_a_repeat_in_all_genes_chains_nothing_up() -> None:
    sites, texts = make_sites()
    for row in range(0, len(sites), 6):
        texts[row] = texts[0][:70] + texts[row][70:]
    frame, leakage = split(sites, texts, by="homology")
    assert leakage["groups"]["largest"] <= 0.1 * len(sites)
    kept = frame[frame["part"].ne("excluded") & frame["site_id"].mod(6).eq(0)]
    assert len(set(kept["part"])) == 1
    fold = leakage["folds"]["0"]
    assert fold["with_relatives"] == fold["near_duplicates"] == 0


def test_errors_told_apart_by_who_else_makes_them() -> None:
    sites, texts = make_sites(per_chrom=80)
    errors = sites.loc[sites["pred_type"] == "FP", "site_id"]
    other = ([True, False] * len(errors))[: len(errors)]
    peers = pd.DataFrame(
        {
            **{"kind": "invented", "site_id": errors.astype("Int64"), "gene_id": "g"},
            "own": pd.array([True] * len(errors), dtype="boolean"),
            "b": pd.array(other, dtype="boolean"),
            "c": pd.array(other, dtype="boolean"),
        }
    ).reset_index(drop=True)
    peers.loc[0, "b"] = pd.NA  # not judged
    peers.loc[2, "c"] = False  # shared with b alone
    contrast = parse_contrast("private_fp_vs_shared")
    windows = windows_of(sites, texts)
    made, leakage = make_split(sites, windows, contrast, "donor", HOLD_OUT, peers=peers)
    labels = dict(zip(made["site_id"], made["label"], strict=True))
    shared = dict(zip(errors, other, strict=True))
    assert len(labels) == len(errors) - 2
    assert all(label == (not shared[site]) for site, label in labels.items())
    assert leakage["left_out"]["partly_shared"] == 1
    assert leakage["left_out"]["not_judged"] == 1
    assert leakage["left_out"]["other_dinucleotide"] == 0
    assert leakage["peers"] == ["b", "c"]
    # Nobody else errs: refused before anything is learnt.
    peers[["b", "c"]] = peers[["b", "c"]].where(peers["site_id"].isna(), False)
    with pytest.raises(InputError, match="train has no shared"):
        make_split(sites, windows, contrast, "donor", HOLD_OUT, peers=peers)
    with pytest.raises(InputError, match=r"peers\.parquet"):
        make_split(sites, windows, contrast, "donor", HOLD_OUT)


def test_a_gene_reaches_to_sites_that_it_shares() -> None:
    """B begins at a site of A and B; C lies between it and B's own site."""
    rows = [("A,B", 0), ("C", 1000), ("B", 2000), ("D", 3000)]
    sites = pd.DataFrame(
        [("chr1", at, at + 10, gene) for gene, at in rows],
        columns=["chrom", "start", "end", "gene_id"],
    )
    groups = group_sites(sites, np.zeros((4, 1), np.uint8), SplitSettings(by="gene"))
    assert groups[0] == groups[1] == groups[2] != groups[3]
