"""Exons of an annotation -> junctions and genes, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.genome import read_annotation, read_gene_models

GTF = 'c\tx\texon\t{start}\t{end}\t.\t{strand}\t.\tgene_id "g"; transcript_id "t";\n'
GFF3 = "c\tx\texon\t{start}\t{end}\t.\t{strand}\t.\tParent=t\n"


@pytest.mark.parametrize(("name", "row"), [("a.gtf", GTF), ("a.gff3", GFF3)])
@pytest.mark.parametrize(
    ("strand", "donor", "acceptor"), [("+", 20, 60), ("-", 60, 20)]
)
def test_junctions_between_exons(tmp_path, name, row, strand, donor, acceptor):
    """Bases 11 to 20 and 61 to 70, counted from 1: the intron is [20, 60)."""
    exons = [(61, 70), (11, 20)]
    text = "".join(row.format(start=a, end=b, strand=strand) for a, b in exons)
    (tmp_path / name).write_text(text)
    found = read_annotation(tmp_path / name)
    places = dict(zip(found.sites["splice_type"], found.sites["junction"], strict=True))
    assert places == {"donor": donor, "acceptor": acceptor}
    (gene,) = found.genes.itertuples()
    assert (gene.start, gene.end, gene.strand) == (10, 70, strand)


def row(feature: str, start: int, end: int, attributes: str, **other: str) -> str:
    fields = {"chrom": "c", "strand": "+", **other}
    place = (fields["chrom"], "x", feature, start, end, ".", fields["strand"], ".")
    return "\t".join(map(str, (*place, attributes)))


def read(tmp_path, lines: list[str], name: str = "a.gff3", **options):
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    return read_annotation(tmp_path / name, **options)


def introns(sites: pd.DataFrame) -> set[tuple]:
    return set(sites[["chrom", "junction", "strand", "splice_type"]].itertuples(False))


def bodies(genes: pd.DataFrame) -> set[tuple]:
    return set(genes[["gene_id", "chrom", "start", "end", "strand"]].itertuples(False))


def intron(left: int, right: int, strand: str = "+", chrom: str = "c") -> set[tuple]:
    types = ("donor", "acceptor") if strand == "+" else ("acceptor", "donor")
    return {(chrom, left, strand, types[0]), (chrom, right, strand, types[1])}


@pytest.mark.parametrize(
    ("gene", "transcript", "exon"),
    [
        ("gene", "mRNA", "exon"),
        ("ncRNA_gene", "lnc_RNA", "exon"),
        ("lincRNA_gene", "lincRNA", "exon"),
        ("transposable_element_gene", "mRNA", "exon"),
        ("pseudogene", "pseudogenic_transcript", "pseudogenic_exon"),
        ("locus", "transcript", "exon"),
        ("gene", "mRNA", "CDS"),
    ],
)
def test_what_transcripts_belong_to_is_a_gene(tmp_path, gene, transcript, exon):
    lines = [
        row("chromosome", 1, 9000, "ID=chromosome:c"),
        row("gene", 5001, 6000, "ID=h;Name=host;biotype=protein_coding"),
        row("mRNA", 5001, 6000, "ID=h.t;Parent=h"),
        row(exon, 5001, 5100, "Parent=h.t"),
        row(exon, 5301, 6000, "Parent=h.t"),
        row(gene, 101, 1000, "ID=g;Parent=chromosome:c;Name=the%20name;note=Parent=x"),
        row(transcript, 101, 1000, "ID=t;Parent=g;Name=another"),
        row(exon, 101, 200, "Parent=t"),
        row(exon, 401, 900, "ID=e;Parent=t"),
    ]
    found = read(tmp_path, lines)
    assert introns(found.sites) == intron(200, 400) | intron(5100, 5300)
    assert bodies(found.genes) == {
        ("g", "c", 100, 1000, "+"),
        ("h", "c", 5000, 6000, "+"),
    }
    names = found.genes.set_index("gene_id")
    assert names.loc[["g", "h"], "gene_name"].tolist() == ["the name", "host"]
    assert set(found.sites["gene_id"]) == {"g", "h"}
    assert set(found.sites["transcript_ids"]) == {"t", "h.t"}


def test_exons_of_a_gene_without_transcripts_and_deep_parents(tmp_path):
    lines = [
        row("pseudogene", 101, 900, "ID=p"),
        row("exon", 101, 200, "Parent=p"),
        row("exon", 401, 900, "Parent=p"),
        row("gene", 1001, 2000, "ID=m"),
        row("primary_transcript", 1001, 2000, "ID=pri;Parent=m"),
        row("miRNA", 1001, 2000, "ID=mi;Parent=pri"),
        row("exon", 1001, 1100, "Parent=mi,pri"),
        row("exon", 1501, 2000, "Parent=mi,pri"),
    ]
    found = read(tmp_path, lines)
    assert set(found.sites["gene_id"]) == {"p", "m"}
    assert set(found.sites["transcript_ids"]) == {"p", "mi,pri"}
    assert found.genes.set_index("gene_id")["gene_biotype"]["p"] == "pseudogene"


def test_gene_rows_without_an_id_are_none(tmp_path):
    """BRAKER: bare ids on genes and transcripts; every second gene has a row."""
    lines = [row("gene", 1, 999, "g1"), row("transcript", 1, 999, "g1.t1")]
    for gene, start in (("g1", 101), ("g2", 2001)):
        names = f'transcript_id "{gene}.t1"; gene_id "{gene}";'
        lines += [row(kind, start, start + 99, names) for kind in ("CDS", "exon")]
        lines += [
            row(kind, start + 400, start + 500, names) for kind in ("CDS", "exon")
        ]
    lines.append(row("gene", 1951, 2600, 'gene_id "g2"; gene_name "N2";'))
    found = read(tmp_path, lines, "a.gtf")
    assert bodies(found.genes) == {
        ("g1", "c", 100, 601, "+"),
        ("g2", "c", 1950, 2600, "+"),
    }
    assert introns(found.sites) == intron(200, 500) | intron(2100, 2400)
    # Where no biotype exists, a gene with a CDS is protein coding.
    assert set(found.genes["gene_biotype"]) == {"protein_coding"}
    assert found.genes["gene_name"].dropna().tolist() == ["N2"]


@pytest.mark.parametrize("size", range(1, 24))
def test_gaps_below_the_smallest_intron_are_none(tmp_path, size):
    text = 'gene_id "g"; transcript_id "t";'
    lines = [
        row("exon", 101, 200, text),
        row("exon", 201 + size, 500, text),
        row("exon", 801, 900, text),
    ]
    found = read(tmp_path, lines, "a.gtf")
    expected = intron(500, 800) | (intron(200, 200 + size) if size >= 21 else set())
    assert introns(found.sites) == expected
    assert found.joined_gaps == (size < 21)
    found = read(tmp_path, lines, "a.gtf", smallest_intron=size)
    assert introns(found.sites) == intron(500, 800) | intron(200, 200 + size)
    assert found.joined_gaps == 0
    models = read_gene_models([("", tmp_path / "a.gtf")]).sites
    longest = dict(zip(models["junction"], models["longest_exon"], strict=True))
    assert longest[500] == (400 if size < 21 else 300 - size)
    models = read_gene_models([("", tmp_path / "a.gtf", size)]).sites
    assert set(models["junction"]) == {200, 200 + size, 500, 800}


def test_abutting_overlapping_and_repeated_exons_enclose_nothing(tmp_path):
    text = 'gene_id "g"; transcript_id "t";'
    places = [(101, 400), (201, 300), (401, 500), (401, 500), (801, 900)]
    found = read(tmp_path, [row("exon", *p, text) for p in places], "a.gtf")
    assert introns(found.sites) == intron(500, 800)
    assert found.joined_gaps == 0


# One id, two molecules: no intron leads from one to the other.
APART = {
    "strands": [("c", "+", "g"), ("c", "-", "g")],
    "contigs": [("chrX", "+", "g"), ("chrY", "+", "g")],
    "genes": [("c", "+", "g"), ("c", "+", "other")],
}


# In a GFF3 an id has one parent.
FORMS = [(case, "gtf") for case in APART] + [("strands", "gff3"), ("contigs", "gff3")]


@pytest.mark.parametrize(("case", "form"), FORMS)
def test_transcripts_of_one_name_are_kept_apart(tmp_path, case, form):
    lines, expected = [], set()
    for start, (chrom, strand, gene) in zip((101, 5001), APART[case], strict=True):
        place = {"chrom": chrom, "strand": strand}
        for first, last in ((start, start + 99), (start + 300, start + 399)):
            text = f'gene_id "{gene}"; transcript_id "t";'
            text = text if form == "gtf" else "Parent=t"
            lines.append(row("exon", first, last, text, **place))
        expected |= intron(start + 99, start + 299, strand, chrom)
    if form == "gff3":
        lines += [
            row("gene", 101, 5400, "ID=g", strand="-", chrom=lines[0].split("\t")[0]),
            row("mRNA", 101, 5400, "ID=t;Parent=g", strand="."),
        ]
    found = read(tmp_path, lines, f"a.{form}")
    assert introns(found.sites) == expected
    models = read_gene_models([("", tmp_path / f"a.{form}")]).sites
    assert introns(models) == expected
    assert models["is_outer"].all()
    # Every site lies in a body of its own gene and strand.
    sites = found.sites.merge(found.genes, on=["gene_id", "chrom", "strand"])
    inside = sites["junction"].between(sites["start"], sites["end"])
    assert inside.groupby([sites["chrom"], sites["junction"]]).any().sum() == 4


@pytest.mark.parametrize("how", ["transcript rows", "exon numbers", "gff3"])
def test_copies_on_one_contig_and_strand_are_kept_apart(tmp_path, how):
    lines = []
    for start in (101, 90_001):
        if how != "exon numbers":
            text = 'gene_id "g"; transcript_id "t";'
            text = "ID=t" if how == "gff3" else text
            lines.append(row("transcript", start, start + 900, text))
        for number in range(3):
            first = start + 400 * number
            text = f'gene_id "g"; transcript_id "t"; exon_number "{number + 1}";'
            text = text if how == "exon numbers" else text.split(" exon")[0]
            text = "Parent=t" if how == "gff3" else text
            lines.append(row("exon", first, first + 100, text))
    found = read(tmp_path, lines, "a.gff3" if how == "gff3" else "a.gtf")
    assert introns(found.sites) == set.union(
        *(intron(s + 100 + i, s + 399 + i) for s in (101, 90_001) for i in (0, 400))
    )
    assert (found.genes["end"] - found.genes["start"] < 1000).all()


@pytest.mark.parametrize(
    ("text", "name", "biotype"),
    [
        ("ID=g;gene_type=protein_coding;gene_name=AB", "AB", "protein_coding"),
        ("ID=g;Name=AB;gbkey=Gene;gene=AB;gene_biotype=lncRNA", "AB", "lncRNA"),
        ("ID=g;gene=AB;biotype=tRNA", "AB", "tRNA"),
        ("ID=g;gene_symbol=AB", "AB", None),
        ("ID=g;Name=AT1G1;symbol=AB;locus_type=tRNA", "AB", "tRNA"),
        ("ID=g;Name=WBGene1;locus=AB;locus_tag=x", "AB", None),
    ],
)
def test_names_and_biotypes_of_gff3(tmp_path, text, name, biotype):
    lines = [row("gene", 101, 900, text), row("mRNA", 101, 900, "ID=t;Parent=g;Name=x")]
    lines += [row("exon", *p, "Parent=t") for p in ((101, 200), (401, 900))]
    (gene,) = read(tmp_path, lines).genes.itertuples()
    assert gene.gene_name == name
    assert (gene.gene_biotype if biotype else None) == biotype


@pytest.mark.parametrize(
    "text", ['gene "AB"; gene_biotype "x"', 'gene_symbol "AB"; gene_type "x"']
)  # RefSeq, FlyBase
def test_names_and_biotypes_of_gtf(tmp_path, text):
    lines = [row("gene", 101, 900, f'gene_id "g"; transcript_id ""; {text};')]
    note = 'note "Parent=a;ID=b, as gene_id says"; transcript_id "t"; gene_id "g";'
    lines += [row("exon", *p, note) for p in ((101, 200), (401, 900))]
    found = read(tmp_path, lines, "a.gtf")
    (gene,) = found.genes.itertuples()
    assert (gene.gene_id, gene.gene_name, gene.gene_biotype) == ("g", "AB", "x")
    assert set(found.sites["transcript_ids"]) == {"t"}


@pytest.mark.parametrize("feature", ["protein", "polypeptide"])
def test_proteins_are_no_transcripts(tmp_path, feature):
    """TAIR10 names its CDS's protein as a second parent."""
    lines = [
        row("gene", 101, 900, "ID=g"),
        row("mRNA", 101, 900, "ID=t;Parent=g"),
        row(feature, 101, 900, "ID=p;Derives_from=t"),
        *(row("exon", *p, "Parent=t") for p in ((101, 200), (401, 900))),
        *(row("CDS", *p, "Parent=t,p") for p in ((151, 200), (401, 800))),
    ]
    found = read(tmp_path, lines)
    assert bodies(found.genes) == {("g", "c", 100, 900, "+")}
    assert set(found.sites["gene_id"]) == {"g"}
    assert set(found.sites["transcript_ids"]) == {"t"}


def test_gffread_names_genes_on_transcripts(tmp_path):
    lines = []
    for name, exons in {
        "T1": ((1001, 1200), (1501, 2000)),
        "T2": ((1001, 1100), (2501, 3000)),
    }.items():
        lines.append(
            row("transcript", 1001, exons[1][1], f"ID={name};geneID=G1;gene_name=AB")
        )
        lines += [row("exon", *place, f"Parent={name}") for place in exons]
    found = read(tmp_path, lines)
    assert bodies(found.genes) == {("G1", "c", 1000, 3000, "+")}
    assert found.genes["gene_name"].tolist() == ["AB"]
    assert set(found.sites["gene_id"]) == {"G1"}
    models = read_gene_models([("", tmp_path / "a.gff3")]).sites
    assert set(models["gene_transcripts"]) == {2}
    assert set(models["transcripts"]) == {1}


def test_pieces_are_the_exons_of_transcripts_that_have_none(tmp_path):
    lines = [
        row("gene", 1, 900, "ID=g"),
        row("mRNA", 1, 900, "ID=t;Parent=g"),
        row("five_prime_UTR", 101, 150, "Parent=t"),
        row("CDS", 151, 200, "ID=c;Parent=t"),
        row("CDS", 401, 500, "ID=c;Parent=t"),
        row("three_prime_UTR", 501, 520, "Parent=t"),
        row("three_prime_UTR", 701, 900, "Parent=t"),
        row("mRNA", 2001, 2900, "ID=u;Parent=g"),
        row("exon", 2001, 2100, "Parent=u"),
        row("exon", 2301, 2900, "Parent=u"),
        row("CDS", 2051, 2100, "Parent=u"),
        row("CDS", 2301, 2400, "Parent=u"),
    ]
    found = read(tmp_path, lines)
    expected = intron(200, 400) | intron(520, 700) | intron(2100, 2300)
    assert introns(found.sites) == expected
    assert found.joined_gaps == 0


def test_exons_without_a_strand_are_counted(tmp_path, caplog):
    """StringTie has them for transcripts of one exon."""
    text = 'gene_id "g"; transcript_id "t";'
    lines = [row("exon", *p, text) for p in ((101, 200), (401, 900))]
    other = 'gene_id "h"; transcript_id "u";'
    lines += [row("exon", *p, other, strand=".") for p in ((101, 200), (401, 900))]
    found = read(tmp_path, lines, "a.gtf")
    assert bodies(found.genes) == {("g", "c", 100, 900, "+")}
    assert "2 exons without a strand are left out" in caplog.text


def test_a_first_row_that_ends_with_a_tab(tmp_path):
    text = 'gene_id "g"; transcript_id "t";\t'
    lines = [row("exon", *p, text) for p in ((101, 200), (401, 900))]
    assert introns(read(tmp_path, lines, "a.gtf").sites) == intron(200, 400)
    # Known by its rows where the name does not say it.
    assert introns(read(tmp_path, ["# x", *lines], "a.txt").sites) == intron(200, 400)


BED = [
    "c\t100\t900\tT1\t0\t+\t150\t800\t0\t3\t100,5,400,\t0,110,400,",
    "c\t850\t2000\tT2\t0\t+\t850\t850\t0\t2\t100,100\t0,1050",
    "c\t150\t900\t.\t0\t-\t150\t150\t0\t1\t750\t0",
    "c\t5000\t6000\tT1\t0\t+\t.\t.\t0\t2\t100,100\t0,900",
    "c\t5000\t6000\tT4\t0\t.\t5000\t5000\t0\t2\t100,100\t0,900",
]


def test_a_bed_of_transcripts(tmp_path):
    """Transcripts that overlap are a gene; one name at two places is two."""
    found = read(tmp_path, BED, "genes.bed")
    assert introns(found.sites) == (
        intron(215, 500) | intron(950, 1900) | intron(5100, 5900)
    )
    assert found.joined_gaps == 1, "10 bases are no intron"
    genes = found.genes.sort_values("start", kind="stable")
    columns = ["gene_id", "strand", "start", "end", "gene_biotype"]
    assert genes[columns].fillna("").to_numpy().tolist() == [
        ["T1", "+", 100, 2000, "protein_coding"],
        ["c:151", "-", 150, 900, ""],
        ["T1-2", "+", 5000, 6000, ""],
    ]
    ids = found.sites.set_index("junction")["transcript_ids"]
    assert ids[[215, 950, 5100]].tolist() == ["T1", "T2", "T1"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("c\t100\t900\tG1\t0\t+", "a BED without blocks"),
        (BED[4], "no row of it has a strand"),
        (BED[0].replace("\t3\t", "\t2\t"), "row 1: blocks that do not fill it"),
        (BED[0].replace("\t900\t", "\t901\t"), "row 1: blocks that do not fill it"),
    ],
)
def test_other_beds_are_refused(tmp_path, row, words):
    with pytest.raises(InputError, match=words):
        read(tmp_path, [row], "genes.bed")


def test_joined_names_keep_their_order_and_are_named_once(tmp_path):
    lines = []
    for gene, name in (("b", "t2"), ("a", "t1"), ("b", "t3"), ("b", "t2")):
        text = f'gene_id "{gene}"; transcript_id "{name}";'
        lines += [row("exon", *p, text) for p in ((101, 200), (401, 900))]
    sites = read(tmp_path, lines, "a.gtf").sites
    assert sites["gene_id"].tolist() == ["b,a"] * 2
    assert sites["transcript_ids"].tolist() == ["t2,t1,t3"] * 2
    assert np.issubdtype(sites["junction"].dtype, np.int64)


def test_rows_of_a_bed_are_transcripts_whatever_their_names(tmp_path):
    """Isoforms that all have the gene's name: none of their sites is lost."""
    rows = [
        f"c\t100\t400\tG\t0\t+\t100\t100\t0\t2\t50,{size}\t0,{300 - size}"
        for size in (100, 70)
    ]
    found = read(tmp_path, rows, "genes.bed")
    assert introns(found.sites) == intron(150, 300) | intron(150, 330)
    assert found.genes["gene_id"].tolist() == ["G"]


def test_exons_of_one_transcript_that_overlap_are_told(tmp_path, caplog):
    ids = 'gene_id "g"; transcript_id "t";'
    exons = [(101, 150), (301, 400), (101, 150), (331, 400)]
    lines = [f"c\tx\texon\t{a}\t{b}\t.\t+\t.\t{ids}" for a, b in exons]
    read(tmp_path, lines[:3])
    assert "overlap" not in caplog.text
    read(tmp_path, lines)
    assert "1 transcripts have exons that overlap, which are joined: t" in caplog.text


def test_a_gene_without_a_row_is_its_transcripts_parent(tmp_path):
    """A GFF3 that lost its gene rows: two isoforms stay one gene."""
    lines = []
    for name, right in (("t1", 301), ("t2", 331)):
        lines.append(f"c\tx\tmRNA\t101\t400\t.\t+\t.\tID={name};Parent=g")
        for a, b in ((101, 150), (right, 400)):
            lines.append(f"c\tx\texon\t{a}\t{b}\t.\t+\t.\tParent={name}")
    found = read(tmp_path, lines, "genes.gff3")
    assert set(found.sites["gene_id"]) == {"g"}
    assert found.genes[["gene_id", "start", "end"]].to_numpy().tolist() == [
        ["g", 100, 400]
    ]


def test_a_parquet_table_of_sites(tmp_path):
    """Contigs that are numbers there are names; what no setting maps is not advised."""
    rows = [(1, 200, "+", "donor"), (1, 401, "+", "acceptor")]
    table = pd.DataFrame(rows, columns=["chrom", "position", "strand", "splice_type"])
    table.to_parquet(tmp_path / "sites.parquet")
    found = read_annotation(tmp_path / "sites.parquet").sites
    assert found["chrom"].tolist() == ["1", "1"]
    assert found["junction"].tolist() == [200, 400]
    table.rename(columns={"position": "pos"}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="Rename its columns; no setting") as caught:
        read_annotation(tmp_path / "other.parquet")
    assert not caught.value.settings


def test_copies_of_a_site_keep_all_genes_and_the_most_reads(tmp_path):
    """Rows of one gene, sample or junction each: none of them decides alone."""
    names = ["chrom", "position", "strand", "splice_type", "gene_id", "gene_ids"]
    names += ["transcript_id", "reads"]
    rows = [
        ("c", 10, "+", "donor", "A", "A,B", "a1", 0),
        ("c", 30, "-", "donor", "D", "D", "d1", 3),
        ("c", 10, "+", "donor", "C", "C", "c1", 12),
        ("c", 10, "+", "donor", "A", "A,B", "a1", "NA"),
    ]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "s.tsv", sep="\t", index=False)
    sites = read_annotation(tmp_path / "s.tsv").sites
    columns = ["junction", "gene_id", "transcript_ids", "reads"]
    assert list(sites.columns) == [
        "chrom",
        "junction",
        "strand",
        "splice_type",
        *columns[1:],
    ]
    assert sites[columns].to_numpy().tolist() == [
        [10, "A,B,C", "a1,c1", 12],
        [29, "D", "d1", 3],
    ]
