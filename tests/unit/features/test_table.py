"""Features: values by hand, names that mean what they say, and learning on training."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.classical import fit_baselines
from error_sequence_model.core import InputError
from error_sequence_model.features import (
    Layout,
    StrengthModel,
    compute_families,
    encode_bases,
    find_branch,
    find_hits,
    find_tract,
    learn_strengths,
    list_columns,
    load_features,
    make_element_family,
    make_sequence_families,
    make_strength_families,
    measure_gc,
    write_features,
)
from error_sequence_model.features.kmer_features import (
    make_base_family,
    make_count_family,
)
from error_sequence_model.features.sequence_features import (
    measure_cpg,
    measure_entropy,
    measure_run,
)
from error_sequence_model.features.strength import NO_DECOY, learn_transitions
from error_sequence_model.settings import FeatureSettings
from error_sequence_model.windows import make_windows
from feature_cases import LENGTH, UPSTREAM, make_case, write_case

LAYOUT = Layout(UPSTREAM, LENGTH - UPSTREAM)


def encode(*texts: str) -> np.ndarray:
    return encode_bases(np.array([list(t.encode()) for t in texts], dtype=np.uint8))


def draw(count: int, *, letters: str = "ACGTN", seed: int = 1) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(letters), LENGTH)) for _ in range(count)]


def test_kmers_are_counted_where_they_start() -> None:
    texts = draw(9)
    bins = LAYOUT.cut_bins()
    assert bins == [(-40, -20), (-20, 0), (0, 20), (20, 40)]
    family = make_count_family(LAYOUT, 3, bins)
    found = family.compute(encode(*texts), np.zeros(9, dtype=bool))
    words = ["".join(w) for w in product("ACGT", repeat=3)]
    names = [f.name for f in family.features]
    for row, text in enumerate(texts):
        for start, end in bins:
            for word in words:
                places = range(start + UPSTREAM, min(end + UPSTREAM, LENGTH - 2))
                expected = sum(text[i : i + 3] == word for i in places)
                column = names.index(f"kmer:{word}:{start}:{end}")
                assert found[row, column] == expected


def test_bases_next_to_the_junction() -> None:
    texts = draw(5)
    family = make_base_family(LAYOUT)
    found = family.compute(encode(*texts), np.zeros(5, dtype=bool))
    assert found.shape == (5, 160)
    for column, feature in enumerate(family.features):
        _, letter, offset = feature.name.split(":")
        for row, text in enumerate(texts):
            assert found[row, column] == (text[UPSTREAM + int(offset)] == letter)


def test_composition_by_hand() -> None:
    codes = encode("GGCCAATN", "ACGTCGCG", "NNNNNNNN")
    assert measure_gc(codes).tolist() == [4 / 7, 6 / 8, 0.5]
    # 3 CG pairs; 3 C and 3 G in 8 bases let 9/8 expect.
    assert measure_cpg(codes)[1] == pytest.approx(3 / (9 / 8))
    assert measure_entropy(encode("ACACACAC"))[0] == pytest.approx(
        -(4 / 7 * np.log2(4 / 7) + 3 / 7 * np.log2(3 / 7))
    )
    assert measure_entropy(codes)[2] == 0
    assert measure_run(encode("ATTCCGTT", "AAAAAAAA")).tolist() == [4, 0]


def test_the_tract_is_the_best_stretch() -> None:
    for text in draw(60, seed=3):
        (score,), (start,), (end,) = (x.tolist() for x in find_tract(encode(text)))
        gains = [1.0 if base in "CT" else -1.5 for base in text]
        best = max(
            sum(gains[i:j]) for i in range(LENGTH) for j in range(i + 1, LENGTH + 1)
        )
        assert score == pytest.approx(best)
        assert sum(gains[start:end]) == pytest.approx(score)
    assert [int(x[0]) for x in find_tract(encode("A" * 10))] == [0, 0, 0]


def test_the_branch_point_is_found_where_it_was_put() -> None:
    text = list("G" * LENGTH)
    text[UPSTREAM - 28 : UPSTREAM - 23] = "CTAAC"  # its A at -25
    score, offset = find_branch(encode("".join(text)), LAYOUT)
    assert offset[0] == -25
    expected = [0.375, 0.80, 0.25, 0.91, 0.375]
    assert score[0] == pytest.approx(np.log2(np.array(expected) / 0.25).sum())


def test_tract_and_branch_are_not_defined_at_donors() -> None:
    families = make_sequence_families(LAYOUT, ["acceptor", "donor"])
    names = [f.name for family in families for f in family.features]
    values = compute_families(families, encode(*draw(4)), np.array([0, 1, 0, 1]) == 1)
    for name, column in zip(names, values.T, strict=True):
        is_acceptors = name.startswith(("tract:", "branch:"))
        assert np.isnan(column[[1, 3]]).all() == is_acceptors, name
        assert np.isfinite(column[[0, 2]]).all(), name
    donors = make_sequence_families(LAYOUT, ["donor"])
    assert not {f.group for family in donors for f in family.features} & {"tract"}


def test_elements_are_found_as_a_regular_expression_does() -> None:
    texts = draw(30, seed=5)
    elements = {"a": "YTNAY", "b": "GGG", "c": "UGCAUG", "d": "RWS"}
    family = make_element_family(LAYOUT, elements)
    values = family.compute(encode(*texts), np.zeros(30, dtype=bool))
    patterns = {
        "a": "(?=[CT]T.A[CT])",  # N asks for nothing
        "b": "(?=GGG)",
        "c": "(?=TGCATG)",
        "d": "(?=[AG][AT][CG])",
    }
    for column, feature in enumerate(family.features):
        _, name, start, end = feature.name.split(":")
        for row, text in enumerate(texts):
            # An N in the sequence matches nothing that is asked for.
            found = [m.start() - UPSTREAM for m in re.finditer(patterns[name], text)]
            inside = sum(int(start) <= offset < int(end) for offset in found)
            assert values[row, column] == inside, (feature.name, text)
    with pytest.raises(InputError, match="IUPAC"):
        make_element_family(LAYOUT, {"bad": "TGXA"})
    assert not find_hits(encode("ACG"), "ACGT").any()


def test_first_order_model_by_hand() -> None:
    background = encode("ACACACACAC", "AAAAAAAAAA")
    aligned = encode("AC", "AC", "AN", "CA")
    odds = learn_transitions(aligned, background)
    assert odds.shape == (1, 5, 5)
    # Pairs of the background: after A 9+5 (AA 9, AC 5), with one pseudocount each.
    usual = (5 + 1) / (9 + 5 + 4)
    assert odds[0, 0, 1] == pytest.approx(np.log2((2 + 4 * usual) / 6 / usual))
    assert odds[0, 4].tolist() == [0.0] * 5
    assert odds[0, 2, 3] == pytest.approx(0), "a pair never seen says nothing"


def test_competitors_by_brute_force() -> None:
    rng = np.random.default_rng(2)
    teachers = rng.integers(0, 4, (50, LENGTH)).astype(np.int8)
    teachers[:, UPSTREAM : UPSTREAM + 4] = [2, 3, 0, 0]
    model = StrengthModel.learn(teachers, UPSTREAM, "donor")
    texts = draw(20, letters="ACGT", seed=7)
    texts = [f"{t[:UPSTREAM]}GT{t[UPSTREAM + 2 :]}" for t in texts]
    family = make_strength_families(LAYOUT, {"donor": model})[1]
    values = family.compute(encode(*texts), np.ones(20, dtype=bool))
    names = [f.name for f in family.features]

    def bits(text: str, place: int) -> float:
        part = encode(text)[0, place - 3 : place + 6]
        return sum(model.matrix[i, base] for i, base in enumerate(part))

    for row, text in enumerate(texts):
        found = {
            place - UPSTREAM: bits(text, place)
            for place in range(3, LENGTH - 5)
            if text[place : place + 2] == "GT" and place != UPSTREAM
        }
        own = bits(text, UPSTREAM)
        here = dict(zip(names, values[row], strict=True))
        for start, end in ((-40, 0), (0, 40)):
            best = max([s for o, s in found.items() if start <= o < end], default=-99)
            name = f"decoy:same:best:{start}:{end}"
            assert here[name] == pytest.approx(max(best, NO_DECOY), abs=1e-4)
        stronger = [o for o, s in found.items() if s >= own]
        assert here["decoy:same:stronger"] == len(stronger)
        nearest = min([abs(o) for o in stronger], default=41)
        assert here["decoy:same:distance"] == nearest
        assert np.isnan(here["decoy:other:best:0:40"]), "no acceptor was learnt"


def test_strength_is_learnt_from_training_genes_alone() -> None:
    split, sites, windows = make_case()
    before = learn_strengths(split, sites, windows)
    assert set(before) == {"donor", "acceptor"}
    matrix = windows.get_matrix().copy()
    parts = split.set_index("site_id")["part"]
    is_train = (parts == "train").to_numpy()
    is_teacher = is_train & sites["pred_type"].eq("TP").to_numpy()
    changed = matrix.copy()
    changed[~is_teacher] = ord("A")
    texts = [row.tobytes().decode() for row in changed]
    other = make_windows(np.arange(len(texts)), texts, upstream=UPSTREAM)
    after = learn_strengths(split, sites, other)
    for name in before:
        assert np.array_equal(before[name].matrix, after[name].matrix)
        assert (
            before[name].sites
            == (is_teacher & sites["splice_type"].eq(name).to_numpy()).sum()
        )
    # A split of donors learns the acceptors of the same genes.
    donors = split[sites["splice_type"].eq("donor").to_numpy()]
    both = learn_strengths(donors, sites, windows)
    assert both["acceptor"].sites == before["acceptor"].sites
    # What is left out of training for its likeness to a test site does not teach.
    first = np.flatnonzero(is_teacher & sites["splice_type"].eq("donor").to_numpy())[0]
    fewer = split.assign(part=split["part"].where(split.index != first, "excluded"))
    fewer = learn_strengths(fewer, sites, windows)
    assert fewer["donor"].sites == before["donor"].sites - 1


def test_the_table_is_whole_named_and_per_fold(tmp_path) -> None:
    case = make_case(n_share=0.02)
    split = case[0]
    second = split.assign(fold=1, part=np.roll(split["part"], 40))
    case = (pd.concat([split, second], ignore_index=True), *case[1:])
    path = tmp_path / "f.parquet"
    table = write_features(*case, FeatureSettings(), path, elements={"x": "TTTTT"})
    assert table["name"].is_unique
    assert (table[["unit", "definition"]] != "").all(axis=None)
    frame = pd.read_parquet(path)
    assert frame["site_id"].tolist() == list(range(240))
    assert set(frame.dtypes.iloc[1:].astype(str)) == {"float32"}
    folds = [load_features(path, fold=fold) for fold in (0, 1)]
    assert list(folds[0].columns) == list(folds[1].columns) == table["name"].tolist()
    is_learnt = folds[0].columns.str.startswith(("strength:", "decoy:"))
    differs = [not folds[0][c].equals(folds[1][c]) for c in folds[0]]
    assert not np.array(differs)[~is_learnt].any()
    assert np.array(differs)[is_learnt].any()
    gc = load_features(path, fold=0, groups=["gc"])
    assert gc.columns.str.startswith("gc:").all()
    assert len(list_columns(path, 0)) == len(table)


def test_annotation_features_are_left_out_where_they_are_the_label(tmp_path) -> None:
    gtf = tmp_path / "genes.gtf"
    rows = []
    for number, (start, end) in enumerate([(101, 200), (301, 450), (701, 720)]):
        rows.append(
            f'chr1\tx\texon\t{start}\t{end}\t.\t+\t.\tgene_id "a"; transcript_id "t";'
            f' exon_number "{number}";'
        )
    gtf.write_text("\n".join(rows) + "\n")
    split, sites, windows = make_case(24)
    sites.loc[1, ["junction", "splice_type"]] = [200, "donor"]
    settings = FeatureSettings(annotation=True)
    path = tmp_path / "f.parquet"
    table = write_features(
        split, sites, windows, settings, path, annotations=[("", gtf)]
    )
    refused = table[table["group"] == "annotation"]
    assert refused["left_out"].str.contains("label").all()
    assert not [n for n in list_columns(path, 0) if n.startswith("annotation")]
    # Among annotated sites alone they are features.
    annotated = sites.assign(pred_type=np.where(split["label"] == 1, "FN", "TP"))
    write_features(split, annotated, windows, settings, path, annotations=[("", gtf)])
    found = load_features(path, fold=0, groups=["annotation"])
    assert found.loc[1, "annotation:shortest_exon"] == 100
    assert found.loc[1, "annotation:shortest_intron"] == 100
    assert found.loc[1, "annotation:is_outer"] == 1
    assert found.drop(index=1).isna().all(axis=None)
    with pytest.raises(InputError, match=r"no annotation"):
        write_features(split, annotated, windows, settings, path)


def test_columns_that_hold_the_label_are_refused_by_name(tmp_path) -> None:
    split, sites, windows = make_case(24)
    sites["psi"] = np.arange(24) / 24
    write_case(tmp_path, (split, sites, windows), columns=("psi",))
    found = load_features(tmp_path / "features.parquet", fold=0, groups=["column"])
    assert found["column:psi"].tolist() == pytest.approx(sites["psi"].tolist())
    for name in ("score", "score_osai400", "junction", "nearest_annotated"):
        with pytest.raises(InputError, match=f"features.columns: {name}"):
            write_case(tmp_path, (split, sites, windows), columns=(name,))
    with pytest.raises(InputError, match="not in the sites table"):
        write_case(tmp_path, (split, sites, windows), columns=("depth",))
    with pytest.raises(InputError, match="holds no number"):
        write_case(
            tmp_path,
            (split, sites.assign(tissue="liver"), windows),
            columns=("tissue",),
        )
    write_case(tmp_path, (split, sites, windows), score_aware=True)
    aware = load_features(tmp_path / "features.parquet", fold=0, groups=["column"])
    assert aware["column:score"].tolist() == pytest.approx(sites["score"].tolist())


@pytest.mark.parametrize(("upstream", "downstream"), [(10, 10), (12, 300), (300, 12)])
def test_short_and_lopsided_windows(tmp_path, upstream, downstream) -> None:
    split, sites, _ = make_case(60)
    rng = np.random.default_rng(0)
    texts = [
        "".join(row) for row in rng.choice(list("ACGTN"), (60, upstream + downstream))
    ]
    windows = make_windows(np.arange(60), texts, upstream=upstream)
    path = write_case(tmp_path, (split, sites, windows), leak_bound=1.0)
    frame = load_features(path, fold=0)
    assert not frame.columns.duplicated().any()
    for name in frame.columns:
        if name.startswith(("kmer:", "element:")):
            start, end = (int(x) for x in name.split(":")[-2:])
            assert -upstream <= start < end <= downstream, name
    is_donor = sites["splice_type"].eq("donor").to_numpy()
    # A donor's consensus fits in ten bases, an acceptor's does not.
    assert np.isfinite(frame["strength:matrix"].to_numpy()[is_donor]).all()
    assert np.isfinite(frame["strength:matrix"].to_numpy()[~is_donor]).all() == (
        upstream >= 21
    )
    found = fit_baselines(split, sites, path, models=["strength", "logistic", "kmers"])
    assert np.isfinite(found[["probability_0", "probability_1"]]).all(axis=None)
