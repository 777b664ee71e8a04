"""Short forms of a config mean what the long ones mean."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from error_sequence_model.core import InputError
from error_sequence_model.settings import complete_config, expand_contrasts

ROOT = Path(__file__).parents[3]
LONG = yaml.safe_load("""
genomes:
  worm: {fasta: "my genome's.fa", annotation: genes.gtf}
  fly: {fasta: fly.fa}
predictors:
  one: {genome: worm, errors: ../érrors 1.tsv, coordinate_base: 0, site_base: intron}
  two:
    genome: worm
    scores:
      format: bigwig
      donor: {"+": a.bw, "-": b.bw}
      acceptor: {"+": c.bw, "-": d.bw}
    threshold: topk
    biotypes: [protein_coding]
  both: {pool: [one, two]}
""")
GENOMES = """\
name\tfasta\tannotation
worm\tmy genome's.fa\tgenes.gtf
fly\tfly.fa\t
"""
SCORES = (
    '{format: bigwig, donor: {"+": a.bw, "-": b.bw}, acceptor: {"+": c.bw, "-": d.bw}}'
)
PREDICTORS = f"""\
name\tgenome\terrors\tscores\tpool\tcoordinate_base\tsite_base\tthreshold\tbiotypes
one\tworm\t../érrors 1.tsv\t\t\t0\tintron\t\t
two\tworm\t\t{SCORES}\t\t\t\ttopk\t[protein_coding]

both\t\t\t\t[one, two]\t\t\t\t
"""


def write_sheet(folder: Path, text: str, encoding: str = "utf-8") -> str:
    path = folder / "sheet.tsv"
    path.write_text(text, encoding=encoding)
    return str(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_sheet_is_the_map_that_it_stands_for(tmp_path, encoding, line_end) -> None:
    given = dict(LONG)
    for section, text in (("genomes", GENOMES), ("predictors", PREDICTORS)):
        (tmp_path / section).mkdir()
        text = text.replace("\n", line_end)
        given[section] = write_sheet(tmp_path / section, text, encoding)
    assert complete_config(given) == complete_config(LONG)
    assert isinstance(given["genomes"], str), "the given config must stay as it was"


def test_the_shipped_sheet_is_the_commented_default(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    default = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    with_sheet = {**default, "predictors": "config/predictors.tsv"}
    assert complete_config(with_sheet) == complete_config(default)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "name\tgenome\terrors\none\tworm\ta.tsv\none\tworm\tb.tsv\n\tworm\tc.tsv\n",
            ["sheet.tsv", "row 3: name 'one'", "row 4: name ''"],
        ),
        ("name\tgenome\terrors\none\tworm\n", ["row 2: 2 cells; there are 3"]),
        ("genome\terrors\nworm\ta.tsv\n", ["sheet.tsv", "['genome', 'errors']"]),
        ("name\tname\none\ttwo\n", ["['name', 'name']", "each column once"]),
        ("", ["sheet.tsv", "the columns are []"]),
        ("name\tgenom\terrors\none\tworm\ta\n", ["predictors.one", "genom", "genome"]),
        (
            "name\tgenome\terrors\tcoordinate_base\none\tworm\ta\t2\n",
            ["predictors.one.coordinate_base", "2; allowed: 0, 1"],
        ),
        ("name\tgenome\tscores\none\tworm\t{a: [\n", ["row 2: '{a: ['"]),
        ("name\tgenome\terrors\no ne\tworm\ta\n", ["'o ne'"]),
        ("name\tgenome\terrors\n", ["predictors"]),
    ],
)
def test_a_wrong_sheet_names_row_value_and_what_is_allowed(
    tmp_path, text, words
) -> None:
    given = {**LONG, "predictors": write_sheet(tmp_path, text)}
    with pytest.raises(InputError) as raised:
        complete_config(given)
    assert all(word in str(raised.value) for word in words), raised.value


def test_a_sheet_that_is_no_text_or_not_there_is_named(tmp_path) -> None:
    (tmp_path / "x.tsv").write_bytes(b"name\tfasta\n\xff\xfe\t\n")
    for path in (tmp_path / "x.tsv", tmp_path / "none.tsv", tmp_path):
        with pytest.raises(InputError, match=r"cannot be read .*column `name`"):
            complete_config({**LONG, "genomes": str(path)})


def test_built_in_and_defined_contrasts_stand_in_one_list() -> None:
    mine = {"positive": ["FP"], "negative": ["TP", "FN"]}
    config = complete_config({**LONG, "contrasts": ["fp_vs_tp", {"mine": mine}]})
    assert expand_contrasts(config["contrasts"]) == {"fp_vs_tp": None, "mine": mine}


@pytest.mark.parametrize(
    ("contrasts", "words"),
    [
        (["fp_vs_tp", {"fp_vs_tp": None}], "'fp_vs_tp' stands twice"),
        (["fp_vs_tp", {"mine": {"positive": ["XX"]}}], "contrasts.mine.positive.0"),
        (
            ["fp_vs_tp", {"mine": {}}, ["fn_vs_tp"]],
            r"contrasts.2: \['fn_vs_tp'\]; allowed: fp_vs_tp",
        ),
    ],
)
def test_a_wrong_list_of_contrasts_is_refused(contrasts, words) -> None:
    with pytest.raises(InputError, match=words):
        complete_config({**LONG, "contrasts": contrasts})


def test_the_commit_of_a_hub_id_may_stand_apart() -> None:
    entry = {"architecture": "dnabert2", "checkpoint": "owner/name"}
    commit = "7bce263b15377fc15361f52cfab88f8b586abda0"
    config = complete_config(
        {**LONG, "backbones": {"b": {**entry, "revision": commit}}, "models": ["b"]}
    )
    assert config["backbones"]["b"]["checkpoint"] == f"owner/name@{commit}"
    assert "revision" not in config["backbones"]["b"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"checkpoint": "owner/name", "revision": "main"}, "backbones.b.revision"),
        ({"revision": "7" * 40}, "b: revision needs checkpoint"),
    ],
)
def test_a_commit_is_whole_and_of_a_checkpoint(entry, words) -> None:
    backbones = {"b": {"architecture": "dnabert2", **entry}}
    with pytest.raises(InputError, match=words):
        complete_config({**LONG, "backbones": backbones, "models": ["b"]})


@pytest.mark.parametrize("made", ["substitution", "occlusion"])
@pytest.mark.parametrize("searched", ["substitution", "occlusion"])
def test_an_alias_is_the_method_for_motifs_too(made, searched) -> None:
    given = {"explanation": {"methods": [made]}, "motifs": {"method": searched}}
    assert complete_config({**LONG, **given})["motifs"]["method"] == searched
