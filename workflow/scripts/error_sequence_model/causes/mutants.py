"""Mutants of real sites: a word taken out of errors, or put into correct calls.

The same edits can be scored again by anybody's predictor: ``mutants.vcf`` has them on
the genome ('+' strand, 1-based as VCF is), ``mutants.fa`` as windows on the transcript
strand, each with its reference. ``mutants.tsv`` lists them, columns in ``COLUMNS``.

Taken out: the word's bases give way to what a correct call without it has at the same
place. Put in: a correct call without it gets those bases of an error that has it. The
site's own consensus is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.causes.candidates import HIT, NONE, Candidate
from error_sequence_model.core import InputError, atomic_path, write_tsv
from error_sequence_model.features import OWN
from error_sequence_model.statistics import compare_classes
from error_sequence_model.tables import read_table

MOST = 50  # of a kind, per explanation
EDITS = ("knock_out", "knock_in")
COLUMNS = {
    "mutant": "name, the same in the FASTA and the VCF",
    "explanation": "key of explanations.tsv",
    "edit": "knock_out of an error, or knock_in to a correct call",
    "site_id": "the site",
    "pred_type": "its call",
    "gene_id": "its gene",
    "chrom": "its contig",
    "junction": "its junction, 0-based interbase",
    "strand": "its strand",
    "splice_type": "donor or acceptor",
    "start": "offset of the first changed base from the junction",
    "end": "offset after the last one",
    "reference": "the window, transcript strand",
    "sequence": "the window with the edit",
}
SITE_COLUMNS = ("pred_type", "gene_id", "chrom", "junction", "strand", "splice_type")
_COMPLEMENT = str.maketrans("ACGT", "TGCA")
_LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)
_CLIP = 1e-6  # of scores, before their log-odds


def make_mutants(
    named: Sequence[Candidate],
    codes: np.ndarray,
    chosen: pd.DataFrame,
    upstream: int,
    *,
    seed: int = 1,
) -> pd.DataFrame:
    """Edit what the named explanations are made of.

    Args:
        named: Explanations; what is made of no bases, or is missing, has no mutants.
        codes: Base codes of the windows, int8 (n, length).
        chosen: Their sites: site_id, label and ``SITE_COLUMNS``.
        upstream: Bases before the junction.
        seed: Of the sites and their partners.

    Returns:
        ``COLUMNS``.
    """
    rows = []
    is_error = chosen["label"].eq(1).to_numpy()
    fixed = _fix_own(chosen["splice_type"].to_numpy(), codes.shape[1], upstream)
    for number, one in enumerate(named):
        rng = np.random.default_rng([seed, number])
        if one.is_absence or (one.find is None and one.cover is None):
            continue
        if one.find is not None:
            levels, covered = one.find(codes)
        else:
            covered = one.cover(codes)
            levels = HIT * covered.any(axis=1)
        covered &= ~fixed
        carrying = np.flatnonzero(is_error & (levels == HIT) & covered.any(axis=1))
        lacking = np.flatnonzero(~is_error & (levels == NONE))
        if not len(carrying) or not len(lacking):
            continue
        for edit, edited in zip(EDITS, (carrying, lacking), strict=True):
            others = lacking if edit == "knock_out" else carrying
            for row in rng.permutation(edited)[:MOST]:
                partner = int(rng.choice(others))
                place = covered[row if edit == "knock_out" else partner] & ~fixed[row]
                new = np.where(place, codes[partner], codes[row])
                rows += _describe(one.key, edit, row, codes[row], new, chosen, upstream)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _fix_own(types: np.ndarray, length: int, upstream: int) -> np.ndarray:
    """Bases that no edit touches: the sites' own consensus, bool (n, length)."""
    fixed = np.zeros((len(types), length), dtype=bool)
    for splice_type, (first, last) in OWN.items():
        own = slice(max(upstream + first, 0), upstream + last)
        fixed[types == splice_type, own] = True
    return fixed


def _describe(
    key: str,
    edit: str,
    row: int,
    old: np.ndarray,
    new: np.ndarray,
    chosen: pd.DataFrame,
    upstream: int,
) -> list[dict[str, object]]:
    """One row, or none where nothing changed or a base is not known."""
    changed = np.flatnonzero(old != new)
    if not len(changed):
        return []
    first, last = changed[0], changed[-1] + 1
    if max(old[first:last].max(), new[first:last].max()) > 3:
        return []
    site = chosen.iloc[row]
    return [
        {
            "mutant": f"{key}|{edit}|{site['site_id']}",
            **{"explanation": key, "edit": edit, "site_id": site["site_id"]},
            **site[list(SITE_COLUMNS)],
            **{"start": first - upstream, "end": last - upstream},
            "reference": _LETTERS[old].tobytes().decode(),
            "sequence": _LETTERS[new].tobytes().decode(),
        }
    ]


def write_mutants(mutants: pd.DataFrame, upstream: int, folder: Path) -> None:
    """Write ``mutants.tsv``, ``mutants.fa`` and ``mutants.vcf``."""
    write_tsv(folder / "mutants.tsv", mutants)
    with atomic_path(folder / "mutants.fa") as temporary:
        records = [
            f">{row.mutant} {what}\n{text}\n"
            for row in mutants.itertuples()
            for what, text in (("reference", row.reference), ("mutant", row.sequence))
        ]
        temporary.write_text("".join(records), encoding="utf-8")
    lines = ["##fileformat=VCFv4.3"]
    lines += [f"##contig=<ID={name}>" for name in sorted(set(mutants["chrom"]))]
    lines += [
        f'##INFO=<ID={key},Number=1,Type=String,Description="{what}">'
        for key, what in (("EDIT", COLUMNS["edit"]), ("SITE", "site_id of the site"))
    ]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    places = [locate(row, upstream) for row in mutants.itertuples()]
    records = sorted(
        (row.chrom, *place, row.mutant, row.edit, row.site_id)
        for row, place in zip(mutants.itertuples(), places, strict=True)
    )
    lines += [
        f"{chrom}\t{position}\t{name}\t{ref}\t{alt}\t.\t.\tEDIT={edit};SITE={site}"
        for chrom, position, ref, alt, name, edit, site in records
    ]
    with atomic_path(folder / "mutants.vcf") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def locate(row: pd.Series, upstream: int) -> tuple[int, str, str]:
    """Place of an edit on the genome: 1-based position, REF and ALT on '+'."""
    inside = slice(row.start + upstream, row.end + upstream)
    ref, alt = row.reference[inside], row.sequence[inside]
    if row.strand == "+":
        return row.junction + row.start + 1, ref, alt
    ref, alt = (text.translate(_COMPLEMENT)[::-1] for text in (ref, alt))
    return row.junction - row.end + 1, ref, alt


def measure_rescored(
    mutants: pd.DataFrame, path: str | Path, *, draws: int = 1000, seed: int = 1
) -> pd.DataFrame:
    """Read a predictor's scores of the mutants back, and say what the edits changed.

    Args:
        mutants: ``mutants.tsv``.
        path: The user's table: mutant, reference_score and mutant_score (0 to 1).
        draws: Bootstrap draws over genes.
        seed: Of the draws.

    Returns:
        One row per explanation and edit: n, reference_score and mutant_score (means),
        delta_logit with low and high (95 %, bootstrap over genes).

    Raises:
        InputError: A column is missing, a score is no probability, or no mutant is one
            of these.
    """
    scores = read_table(path).frame
    names = ["reference_score", "mutant_score"]
    if missing := {"mutant", *names} - set(scores):
        raise InputError(
            f"{path}: no column {', '.join(sorted(missing))}; scores of mutants have "
            "mutant (as in mutants.vcf), reference_score and mutant_score"
        )
    found = mutants.merge(scores[["mutant", *names]], on="mutant", validate="1:1")
    if found.empty:
        raise InputError(f"{path}: no name in its column mutant is one of mutants.tsv")
    for name in names:
        found[name] = pd.to_numeric(found[name], errors="coerce")
        if not found[name].between(0, 1).all():
            raise InputError(f"{path}: {name} has values outside 0 to 1")
    logits = [np.clip(found[name], _CLIP, 1 - _CLIP) for name in names]
    before, after = (np.log(chance / (1 - chance)) for chance in logits)
    found["delta"] = after - before
    rows = []
    for (key, edit), group in found.groupby(["explanation", "edit"], sort=False):
        changes = group["delta"].to_numpy()[:, None]
        everything = np.ones(len(group), dtype=bool)
        genes = group["gene_id"].fillna(group["site_id"]).to_numpy()
        profile = compare_classes(
            changes, everything, genes, draws=draws, seed=seed
        ).first
        rows.append(
            {
                **{"explanation": key, "edit": edit, "n": len(group)},
                **{name: group[name].mean() for name in names},
                "delta_logit": float(profile.mean[0]),
                **{"low": float(profile.low[0]), "high": float(profile.high[0])},
            }
        )
    return pd.DataFrame(rows)
