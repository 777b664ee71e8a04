"""Names of contigs: a table's are found in the genome."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from error_sequence_model.core import InputError
from error_sequence_model.genome import contigs, match_contigs, normalise_contig


def test_contig_names() -> None:
    assert normalise_contig("chrM") == normalise_contig("MT") == "M"
    assert normalise_contig("Chr4") == "4"
    lengths = {"chr1": 5, "chrM": 5, "chr2": 5, "2": 5}
    mapping, problems = match_contigs(["1", "MT", "chr2", "7"], lengths)
    assert mapping == {"1": "chr1", "MT": "chrM", "chr2": "chr2"}
    assert problems == {"7": "not in the genome"}
    _, problems = match_contigs(["Chr2"], lengths)
    assert "ambiguous" in problems["Chr2"]


def test_each_name_is_looked_at_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 0

    def count(name: str) -> str:
        nonlocal seen
        seen += 1
        return normalise_contig(name)

    monkeypatch.setattr(contigs, "normalise_contig", count)
    names = [f"scaffold{i}" for i in range(2000)]
    mapping, problems = match_contigs(["1", *names], {"chr1": 5})
    assert mapping == {"1": "chr1"} and list(problems) == names
    assert seen < 5 * len(names)


UCSC = "# ucsc\tassembly\tgenbank\trefseq\nchr1\t1\tCM000663.2\tNC_000001.11\n"
UCSC += "chrM\tMT\tJ01415.2\tNC_012920.1\nchrUn_A\t\tKI1\tNT_1\n"
DUMP = "1\tchr1\tassembly,ensembl\nCM000663.2\tchr1\tgenbank\n"
DUMP += "NC_000001.11\tchr1\trefseq\nNC_012920.1\tchrM\trefseq\nNT_1\tchrUn_A\trefseq\n"
COLUMNS = (
    "Sequence-Name Sequence-Role Assigned-Molecule Assigned-Molecule-Location/Type "
)
COLUMNS += "GenBank-Accn Relationship RefSeq-Accn Assembly-Unit Sequence-Length "
COLUMNS += "UCSC-style-name"
ROWS = """1 assembled-molecule 1 Chromosome CM000663.2 = NC_000001.11 x 9 chr1
HSCHR1_CTG1 unlocalized-scaffold 1 Chromosome KI1 = NT_1 x 9 chrUn_A
MT assembled-molecule MT Mitochondrion J01415.2 = NC_012920.1 x 9 chrM
HSCHR2 fix-patch 2 Chromosome na <> na x 9 na
"""
REPORT = "# Assembly name:  GRCh38.p14\n# " + f"{COLUMNS}\n{ROWS}".replace(" ", "\t")


MARKED = "\ufeff" + "\n".join(DUMP.splitlines()[::-1])


@pytest.mark.parametrize("text", [UCSC, DUMP, REPORT, MARKED])
def test_aliases(tmp_path: Path, text: str) -> None:
    (tmp_path / "aliases.txt").write_text(text)
    match = partial(match_contigs, aliases=tmp_path / "aliases.txt")
    refseq = ["NC_000001.11", "NC_012920.1", "NT_1", "NT_2"]
    mapping, problems = match(refseq, {"chr1": 5, "chrM": 5, "chrUn_A": 5})
    assert mapping == {
        "NC_000001.11": "chr1",
        "NC_012920.1": "chrM",
        "NT_1": "chrUn_A",
    }
    assert list(problems) == ["NT_2"]
    # The other way round, in Ensembl's names, and in a pool.
    assert match(["chr1"], {"NC_000001.11": 5})[0] == {"chr1": "NC_000001.11"}
    assert match(["NC_000001.11"], {"1": 5, "2": 5})[0] == {"NC_000001.11": "1"}
    assert match(["a:NC_000001.11"], {"a:chr1": 5, "b:chr1": 5})[0] == {
        "a:NC_000001.11": "a:chr1"
    }
    _, problems = match(["chr1", "NC_000001.11"], {"chr1": 5})
    assert "ambiguous" in problems["NC_000001.11"]
    assert match_contigs(refseq, {"chr1": 5})[0] == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chr1\t1\t2\t3\nchr2\t1\t4\t5\n", "names of two contigs: 1"),
        ("chr1\nchr2\n", "no contig has two names"),
        (None, "genomes.<name>.aliases"),
    ],
)
def test_tables_that_are_no_aliases(tmp_path: Path, text, words) -> None:
    path = tmp_path / "aliases.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=words):
        match_contigs(["NC_1"], {"chr1": 5}, aliases=path)
