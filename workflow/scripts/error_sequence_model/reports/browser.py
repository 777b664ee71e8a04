"""The site browser: one HTML file with every held-out site, its causes and its maps.

The file holds its data, quantised to a byte per base, and needs no network. Sequences
and maps are cut to ``REACH`` bases on either side of the junction.
"""

from __future__ import annotations

import base64
import html
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.causes import label_explanation
from error_sequence_model.core import atomic_path, read_saved_table
from error_sequence_model.features import place_words, read_words
from error_sequence_model.figures import (
    ATTENTION_COLOUR,
    BASE_COLOURS,
    CLASS_NAMES,
    INK,
    MUTED,
    NEGATIVE,
    POSITIVE,
    get_class_colour,
    use_style,
)
from error_sequence_model.reports.findings.causes import UnitCauses, read_unit_causes
from error_sequence_model.reports.findings.explanations import (
    HIT,
    read_unit_explanations,
)
from error_sequence_model.reports.findings.statistics import get_warning
from error_sequence_model.results import (
    Maps,
    Unit,
    load_units,
    read_rows,
    read_sites,
)
from error_sequence_model.windows import read_windows

logger = logging.getLogger(__name__)

TEMPLATE = Path(__file__).with_name("browser.html")
REACH = 250
MOST_ROWS = 20_000
PARTS = ("test", "validation")
UCSC = "https://genome.ucsc.edu/cgi-bin/hgTracks?position={ucsc}&db="
ENSEMBL = "/Location/View?r={ensembl}"
IGV = "http://localhost:60151/goto?locus={ucsc}"
LINKS = {
    name: {"UCSC": f"{UCSC}{name}", "Ensembl": f"https://{page}{ENSEMBL}", "IGV": IGV}
    for name, page in {
        "hg38": "www.ensembl.org/Homo_sapiens",
        "hg19": "grch37.ensembl.org/Homo_sapiens",
        "mm39": "www.ensembl.org/Mus_musculus",
        "mm10": "nov2020.archive.ensembl.org/Mus_musculus",
    }.items()
}
LINKS["tair10"] = {
    "Ensembl": f"https://plants.ensembl.org/Arabidopsis_thaliana{ENSEMBL}",
    "IGV": IGV.replace("{ucsc}", "{place}"),
}


def write_browser(
    runs: Sequence[str | Path],
    output: str | Path,
    *,
    predictor: str,
    sites: str | Path,
    windows: str | Path,
    colours: Mapping[str, str] | None = None,
    assemblies: Mapping[str, str] | None = None,
    peers: str | Path | None = None,
) -> Path:
    """Write the site browser of one predictor.

    Args:
        runs: Run folders of the predictor; controls are left out.
        output: The HTML file.
        predictor: Its name.
        sites: ``sites.parquet``.
        windows: ``windows.arrow``.
        colours: Colours of pred_types ("#rrggbb") that differ from the usual ones.
        assemblies: Assembly by prefix of contigs ("" without a pool), for links.
        peers: ``peers.parquet``: who else errs at a site.

    Returns:
        The path of the file.

    Raises:
        InputError: A sites table or run path that is not one.
    """
    units, _ = load_units(runs, read_sites(sites))
    data = collect_data(units, predictor, Path(windows), peers and Path(peers))
    data["links"] = {
        prefix: LINKS[name]
        for prefix, name in (assemblies or {}).items()
        if name in LINKS
    }
    with use_style(colours):
        page = fill_template(TEMPLATE.read_text(encoding="utf-8"), predictor, data)
    with atomic_path(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    logger.info("%s: %d rows, %.1f MB", output, data["rows"], len(page) / 1e6)
    return Path(output)


def fill_template(template: str, predictor: str, data: dict[str, Any]) -> str:
    """Put data, colours and title into the template.

    Names of genes and contigs come from the user's files, so nothing of the data may
    end the script element it is in: every "<" is written as an escape.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    colours = {
        **{f"base-{base.lower()}": colour for base, colour in BASE_COLOURS.items()},
        **{f"class-{name.lower()}": get_class_colour(name) for name in CLASS_NAMES},
        "positive": POSITIVE,
        "negative": NEGATIVE,
        "attention": ATTENTION_COLOUR,
        "ink": INK,
        "muted": MUTED,
    }
    css = " ".join(f"--{name}: {colour};" for name, colour in colours.items())
    page = template.replace("{{TITLE}}", html.escape(predictor))
    return page.replace("{{COLOURS}}", css).replace("{{DATA}}", text)


def collect_data(
    units: Sequence[Unit], predictor: str, windows: Path, peers: Path | None = None
) -> dict[str, Any]:
    """Everything the page shows, as plain values.

    Args:
        units: Contrasts and splice types.
        predictor: Its name.
        windows: ``windows.arrow``; without it there are no letters.
        peers: ``peers.parquet``; without it nothing is said of other predictors.
    """
    described, frames = [], []
    for number, unit in enumerate(units):
        causes = read_unit_causes(unit)
        rows = list_rows(unit, causes).assign(unit=number)
        rows, explanations = add_explanations(rows, unit, windows)
        entry, has_map = _describe_unit(unit, causes, rows)
        described.append({**entry, "explanations": explanations})
        frames.append(rows.assign(map=has_map))
    rows = pd.concat(frames) if frames else pd.DataFrame()
    n_all = len(rows)
    if n_all > MOST_ROWS:
        # Explained sites first, then the test part: what there is most to see of.
        order = (rows["map"] < 0).astype(int) * 2 + (rows["part"] != "test")
        rows = rows.iloc[np.argsort(order.to_numpy(), kind="stable")[:MOST_ROWS]]
    names = []
    if peers and len(rows):
        rows, names = add_peers(rows, read_saved_table(peers), predictor)
    return {
        "predictor": predictor,
        "peers": names,
        "rows": len(rows),
        "left_out": n_all - len(rows),
        "units": described,
        "columns": _encode_columns(rows) if len(rows) else {},
        "sequences": _read_sequences(windows, rows),
    }


def list_rows(unit: Unit, causes: UnitCauses | None) -> pd.DataFrame:
    """Held-out sites of a unit, test before validation.

    Returns:
        The site's columns, part, probability (of the positive class), is_error (label
        of the positive class), is_called (the model says error), causes (numbers of
        flags) and is_unexplained; indexed by site_id.
    """
    run, column = unit.lead, None
    table = run.predictions
    if table is not None:
        column = f"probability_{run.classes[unit.positive_label]}"
    if table is None or column not in table or unit.sites.empty:
        return unit.sites.iloc[:0].assign(
            probability=0.0, is_error=False, is_called=False, causes=None, rest=False
        )
    # Of several folds the one counts in which a site is tested.
    table = table[table["part"].isin(PARTS)].sort_values(["part", "site_id"])
    table = table.drop_duplicates("site_id").set_index("site_id")
    rows = unit.sites.drop(columns="part").join(
        table[["part", column]].rename(columns={column: "probability"}), how="inner"
    )
    threshold = run.metrics.get("threshold") or 0.5
    rows = rows.sort_values("part", kind="stable")
    rows["is_error"] = rows["label"] == unit.positive_label
    rows["is_called"] = rows["probability"] >= threshold
    if causes is None:
        return rows.assign(causes=[[]] * len(rows), rest=False)
    flags = causes.sites.reindex(rows.index)[causes.flags].eq(True).fillna(False)
    rest = causes.sites["is_unexplained"].reindex(rows.index)
    return rows.assign(
        causes=[np.flatnonzero(row).tolist() for row in flags.to_numpy(dtype=bool)],
        rest=rest.eq(True).to_numpy(),
    )


def add_explanations(
    rows: pd.DataFrame, unit: Unit, windows: Path
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Add what explains each site, and where its words lie.

    Args:
        rows: From ``list_rows``.
        unit: The unit.
        windows: ``windows.arrow``; without it words have no place.

    Returns:
        The rows with explained (numbers of named explanations) and hits (number,
        first and last offset, half-open), and the explanations.
    """
    found = read_unit_explanations(unit)
    if found is None:
        return rows.assign(explained=[[]] * len(rows), hits=[[]] * len(rows)), []
    named = list(found.named.itertuples())
    levels = found.sites.reindex(rows.index)[[row.explanation for row in named]]
    has_it = levels.eq(HIT).to_numpy(dtype=bool)
    hits: dict[int, list[list[int]]] = {}
    words = read_words(unit.lead.path.parents[2], unit.lead.path)
    numbers = {row.explanation: number for number, row in enumerate(named)}
    if words and windows.is_file() and len(rows):
        table = read_rows(windows, rows.index.to_numpy(), ["site_id", "sequence"])
        sequences = dict(zip(*table.values(), strict=True))
        upstream = read_windows(windows).upstream
        for hit in place_words(words, found.sites, sequences, upstream).itertuples():
            place = [numbers[words[hit.word].key], hit.start, hit.end]
            hits.setdefault(hit.site_id, []).append([int(value) for value in place])
    rows = rows.assign(
        explained=[np.flatnonzero(row).tolist() for row in has_it],
        hits=[hits.get(int(site), []) for site in rows.index],
    )
    return rows, [
        {
            "label": label_explanation(row.name, row.is_absence),
            "place": row.place if isinstance(row.place, str) else "",
        }
        for row in named
    ]


def add_peers(
    rows: pd.DataFrame, table: pd.DataFrame, predictor: str
) -> tuple[pd.DataFrame, list[str]]:
    """Add whether other predictors err at each site, and name them.

    Args:
        rows: From ``list_rows``.
        table: ``peers.parquet``.
        predictor: The one whose sites these are.

    Returns:
        The rows with peers, a letter for each other predictor: 1 (errs), 0 (does not)
        or ? (not known); and the other predictors.
    """
    names = [name for name in table if table[name].dtype == "boolean"]
    names = [name for name in names if name != predictor]
    own = table.dropna(subset=["site_id"]).set_index("site_id")[names]
    letters = own.astype("Int8").astype("string").fillna("?").agg("".join, axis=1)
    found = letters.reindex(rows.index).fillna("?" * len(names))
    return rows.assign(peers=found.to_numpy()), names


def _describe_unit(
    unit: Unit, causes: UnitCauses | None, rows: pd.DataFrame
) -> tuple[dict[str, Any], np.ndarray]:
    """A unit's names, causes and maps; and the number of each row's map, or −1."""
    run = unit.lead
    entry: dict[str, Any] = {
        "name": unit.name,
        "contrast": unit.contrast,
        "splice_type": unit.splice_type,
        "model": run.name,
        "positive": unit.positive_name,
        "threshold": run.metrics.get("threshold") or 0.5,
        "causes": [
            {
                "label": row.cause,
                "definition": row.definition,
                "enriched": bool(row.is_enriched),
            }
            for row in (causes.table.itertuples() if causes else ())
        ],
        "key": unit.key,
        "maps": [],
        "attention": None,
        "changes": None,
    }
    if not run.methods:
        return entry, np.full(len(rows), -1)
    maps = run.attributions[run.methods[0]]
    places = {int(site): place for place, site in enumerate(maps.site_id)}
    numbers = np.array([places.get(int(site), -1) for site in rows.index], dtype=int)
    shown = numbers[numbers >= 0]
    site_ids = maps.site_id[shown]
    # The first method is shown, the others on demand.
    entry["maps"] = [
        {
            "method": method.replace("_", " "),
            "warning": get_warning(unit, method),
            **_encode_maps(run.attributions[method], site_ids),
        }
        for method in run.methods
    ]
    mutated = [m for m in run.attributions.values() if "substitutions" in m.extra]
    if mutated:
        entry["changes"] = _encode_changes(mutated[0], site_ids)
    if run.attention is not None:
        notes = {True: "", False: " (FAILED its faithfulness check)"}
        note = notes.get(run.has_passed("attention"), " (not checked)")
        entry["view"] = f"{run.attention.attributes.get('view', 'attention')}{note}"
        entry["attention"] = _encode_maps(run.attention, site_ids)
    compact = np.full(len(rows), -1)
    compact[numbers >= 0] = np.arange(len(shown))
    return entry, compact


def _encode_maps(maps: Maps, site_ids: np.ndarray) -> dict[str, Any]:
    """Maps of some sites as signed bytes with a scale each; a missing one is zeros."""
    return _encode(maps, maps.scores, site_ids)


def _encode_changes(maps: Maps, site_ids: np.ndarray) -> dict[str, Any]:
    """Changes by substitution in the same way, four values (A, C, G, T) per base."""
    return _encode(maps, maps.extra["substitutions"], site_ids)


def _encode(maps: Maps, stored: np.ndarray, site_ids: np.ndarray) -> dict[str, Any]:
    first = max(maps.upstream - REACH, 0)
    last = min(maps.upstream + REACH, stored.shape[1])
    rows = pd.Index(maps.site_id).get_indexer(site_ids)
    size = (last - first) * int(np.prod(stored.shape[2:]))
    values = stored[rows, first:last].reshape(len(rows), size).astype(np.float32)
    values[rows < 0] = 0
    scale = np.abs(values).max(axis=1, initial=0.0)
    steps = np.round(values / np.where(scale > 0, scale, 1)[:, None] * 127)
    return {
        "first": first - maps.upstream,
        "length": last - first,
        "scale": [float(f"{size:.4g}") for size in scale],
        "bytes": base64.b64encode(steps.astype(np.int8).tobytes()).decode("ascii"),
    }


def _encode_columns(rows: pd.DataFrame) -> dict[str, Any]:
    """Columns as lists; repeated text as a list of values and their numbers."""
    columns: dict[str, Any] = {
        "site": rows.index.tolist(),
        **{name: rows[name].tolist() for name in ("causes", "explained", "hits")},
    }
    for name in ("unit", "junction", "map"):
        columns[name] = [int(value) for value in rows[name]]
    for name in ("is_error", "is_called", "rest"):
        columns[name] = [int(value) for value in rows[name]]
    for name in ("probability", "score"):
        columns[name] = [
            None if pd.isna(value) else round(float(value), 4) for value in rows[name]
        ]
    gene = rows["gene_name"].where(rows["gene_name"].notna(), rows["gene_id"])
    texts = {name: rows[name] for name in ("chrom", "strand", "splice_type", "part")}
    if "peers" in rows:
        texts["peers"] = rows["peers"]
    texts |= {"pred_type": rows["call"], "gene": gene, "gene_id": rows["gene_id"]}
    for name, column in texts.items():
        codes, values = pd.factorize(column.astype(object), sort=False)
        columns[name] = {
            "codes": codes.tolist(),
            "values": [str(value) for value in values],
        }
    return columns


def _read_sequences(windows: Path, rows: pd.DataFrame) -> dict[str, Any]:
    """Letters around the junction by site_id, and the offset of the first one."""
    if not len(rows) or not windows.is_file():
        return {"first": 0, "letters": {}}
    upstream = read_windows(windows).upstream
    first = max(upstream - REACH, 0)
    found = read_rows(windows, rows.index.to_numpy(), ["site_id", "sequence"])
    return {
        "first": first - upstream,
        "letters": {
            str(site): sequence[first : upstream + REACH]
            for site, sequence in zip(*found.values(), strict=True)
        },
    }
