"""Page one: the questions a reader comes with, answered in words with numbers.

Every sentence is made from stored results; what is not stored is said to be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from error_sequence_model.figures import (
    Block,
    format_interval,
    format_number,
    join_words,
)
from error_sequence_model.reports.findings.assessment import (
    get_reranked,
    read_unit_assessment,
)
from error_sequence_model.reports.findings.belief import PLACES, sum_up_belief
from error_sequence_model.reports.findings.causes import get_names
from error_sequence_model.reports.findings.checks import describe_checks, warn_of_chance
from error_sequence_model.reports.findings.controls import describe_control
from error_sequence_model.reports.findings.explanations import (
    answer_why,
    read_unit_explanations,
    suggest,
    sum_up_why,
)
from error_sequence_model.reports.findings.gain import (
    Gain,
    advise_seeds,
    describe_gain,
    describe_score,
    describe_seeds,
    describe_untrained,
    get_best_row,
    measure_gain,
)
from error_sequence_model.reports.findings.motifs import describe_motif_control
from error_sequence_model.reports.findings.statistics import (
    MapStatistics,
    describe_regions,
)
from error_sequence_model.results import ReportData, Unit

FEWEST_SITES = 10
Answer = tuple[str, str]


def make_answer_blocks(
    data: ReportData,
    statistics: Sequence[MapStatistics] | None = None,
    *,
    has_first_pages: bool = False,
) -> list[Block]:
    """The answers as headings and bullets, the most asked ones first.

    Args:
        data: The report's data.
        statistics: Numbers of its maps; None: where they lie is not told.
        has_first_pages: Whether each unit has a page of its own that says why.
    """
    names = name_units(data.units)
    blocks = [
        Block("heading", "In short"),
        Block("paragraph", describe_in_short(data.units)),
    ]
    questions: list[tuple[str, Callable[[Unit, str], list[Answer]]]] = [
        ("What explains the errors, and how many does nothing explain?", answer_why),
        ("Does the language model add anything over the baselines?", answer_gain),
    ]
    pairs = list(zip(data.units, names, strict=True))
    for question, answer in () if has_first_pages else questions:
        blocks.append(Block("heading", question))
        found = [line for unit, name in pairs for line in answer(unit, name)]
        blocks += [Block("bullet", text, mark) for text, mark in found]
    blocks.append(Block("heading", "Can the maps be trusted?"))
    trust = [*answer_trust(data.units), *answer_controls(data)]
    blocks += [Block("bullet", text, mark) for text, mark in trust]
    meaning = [
        line for unit, name in pairs for line in answer_meaning(unit, name, data.focus)
    ]
    if meaning and not has_first_pages:
        blocks.append(Block("heading", "What does this mean for the predictor?"))
        blocks += [Block("bullet", text, mark) for text, mark in meaning]
    if statistics is None:
        return blocks
    blocks.append(Block("heading", "Where in the sequence is the evidence?"))
    lines = [describe_place(entry) for entry in statistics]
    lines = lines or ["No attribution maps of test sites are stored."]
    return blocks + [Block("bullet", line) for line in lines]


def describe_place(entry: MapStatistics) -> str:
    """Where attribution concentrates and the classes differ, in one paragraph."""
    first, *rest = describe_regions(entry)
    others = [text.removeprefix(f"{entry.where}: ") for text in rest]
    return " ".join([first, *(text[0].upper() + text[1:] for text in others)])


def answer_gain(unit: Unit, name: str) -> list[Answer]:
    """What the language model reaches, and adds, on the held-out part."""
    gain, metrics = measure_gain(unit), unit.lead.metrics
    if gain is None or metrics.get("auprc") is None:
        return [describe_gain(unit)]
    interval = format_interval(unit.lead.get_interval("auprc"))
    guess, n = metrics.get("prevalence"), metrics.get("n_sites", 0)
    genes = metrics.get("n_genes")
    return [
        (
            f"{name}: {gain.short}. It reaches AUPRC {metrics['auprc']:.2f}"
            f"{interval}{describe_seeds(unit)}; "
            f"guessing gives {format_number(guess)} (n = {n:,} test sites"
            + (f", {genes:,} genes)." if genes is not None else ").")
            + _say_higher(unit, gain)
            + advise_seeds(unit, gain)
            + describe_untrained(unit)
            + describe_score(unit),
            gain.mark,
        )
    ]


def _say_higher(unit: Unit, gain: Gain) -> str:
    """The baseline that does best on the test part, where the model does not reach it.

    The baseline to compare with is chosen on the validation part, so that the choice is
    not part of the result; what another one reaches must not go unsaid.
    """
    best = get_best_row(unit.averages, ("baseline",))
    if best is None or best["model"] == gain.baseline or best["auprc"] <= gain.auprc:
        return ""
    return (
        f" The baseline was chosen on the validation part; {best['model']} reaches "
        f"{best['auprc']:.2f} here."
    )


def answer_trust(units: Sequence[Unit]) -> list[Answer]:
    """Which maps passed their checks, and by name what failed."""
    verdicts: dict[str, list[str]] = {}
    for unit, name in zip(units, name_units(units), strict=True):
        passed = [
            method.replace("_", " ")
            for method in [*unit.lead.methods, "attention"]
            if unit.lead.has_passed(method)
        ]
        if passed:
            verdicts.setdefault(join_words(passed), []).append(name)
    lines: list[Answer] = [
        (f"{_join_names(names)}: {methods} passed the checks.", "good")
        for methods, names in verdicts.items()
    ]
    lines += [line for unit in units for line in warn_of_chance(unit)]
    return lines + [line for unit in units for line in describe_checks(unit)]


def _join_names(names: Sequence[str]) -> str:
    """Names of units: "Donors and acceptors", or full names with semicolons."""
    if any(" " in name for name in names):
        return "; ".join(names)
    return join_words([names[0], *(name.lower() for name in names[1:])])


def answer_controls(data: ReportData) -> list[Answer]:
    """What the same steps find with shuffled labels, which must be nothing."""
    among = len(data.controls)
    lines = [describe_control(unit, among=among) for unit in data.controls]
    lines += filter(None, map(describe_motif_control, data.controls))
    if not data.controls:
        lines.append(("No control with shuffled labels was run.", "open"))
    return lines + [(note, "open") for note in data.notes]


def answer_meaning(unit: Unit, name: str, focus: str | None) -> list[Answer]:
    """What ranking again gains, and what the main causes suggest."""
    lines: list[Answer] = []
    assessment = read_unit_assessment(unit)
    row = get_reranked(unit, assessment.reranking, 0.9) if assessment else None
    if row is not None:
        interval = format_interval((row["gain_low"], row["gain_high"]))
        helps = row["gain_low"] > 0
        start = "ranked with the error model, its calls reach"
        if not helps:
            start = "ranking its calls with the error model does not help measurably:"
        lines.append(
            (
                f"{name}: {start} precision {row['precision_both']:.2f} in place of "
                f"{row['precision_score']:.2f} at recall {row['recall']:.0%} of the "
                f"real sites ({format_number(row['gain'], sign=True)}{interval}).",
                "good" if helps else "open",
            )
        )
    found = read_unit_explanations(unit)
    if found is None or unit.lead.is_control:
        return lines
    if hints := suggest(found)[:2]:
        lines.append((f"{name}, to try: {'; '.join(hints)}.", ""))
    rest = found.summary["unexplained"]
    if rest["errors"]:
        text = f"{name}: look first at the {rest['errors']:,} {get_names(unit)[0]} "
        text += "without an explanation."
        if focus:
            text += f" They are listed in tables/{focus}.{unit.key}.unexplained.tsv."
        lines.append((text, ""))
    return lines


def name_units(units: Sequence[Unit]) -> list[str]:
    """Names that tell units apart: the splice type where all compare the same calls."""
    if len({unit.pair for unit in units}) == 1:
        return [say_places([unit.splice_type]).capitalize() for unit in units]
    return [unit.name for unit in units]


def say_places(splice_types: Sequence[str]) -> str:
    """Splice types in the plural: "donors and acceptors"."""
    names = [PLACES.get(name, name) for name in splice_types]
    return join_words(names)


def describe_in_short(units: Sequence[Unit]) -> str:
    """The whole report in a few sentences per pair of classes."""
    parts = []
    for pair, group in groupby(units, key=lambda unit: unit.pair):
        members = list(group)
        sentences = [sum_up_why(members, say_places), _sum_up_scores(members)]
        sentences += [_sum_up_gains(members), sum_up_belief(members)]
        told = [text[0].upper() + text[1:] for text in sentences if text]
        parts.append(f"{pair}: {' '.join(told)}")
    parts += dict.fromkeys(filter(None, map(_explain_company, units)))
    return " ".join(parts) or "There are no test scores to sum up."


def _explain_company(unit: Unit) -> str:
    """What private and shared errors are; empty for a contrast of calls."""
    if not unit.focus_call.startswith("private "):
        return ""
    peers = join_words(unit.lead.leakage.get("peers") or ["other predictors"])
    return (
        f"Private ({unit.contrast}): errors of {unit.lead.predictor} not made by "
        f"{peers}; shared: made by all of them, in the place of correct calls."
    )


def _sum_up_scores(units: Sequence[Unit]) -> str:
    told, untold, few = [], [], []
    for unit in units:
        auroc = unit.lead.metrics.get("auroc")
        interval = unit.lead.get_interval("auroc")
        is_error = unit.test_sites["label"] == unit.positive_label
        if min(is_error.sum(), (~is_error).sum()) < FEWEST_SITES:
            few.append(say_places([unit.splice_type]))
        elif auroc is not None and interval is not None:
            where = say_places([unit.splice_type])
            where += f" (AUROC {auroc:.2f}{format_interval(interval)})"
            (told if interval[0] > 0.5 else untold).append(where)
    parts = []
    if told:
        parts.append(f"told apart by sequence alone at {join_words(told)}.")
    if untold:
        parts.append(f"not told apart, beyond chance, at {join_words(untold)}.")
    if few:
        parts.append(f"too few test sites to say at {join_words(few)}.")
    return " ".join(parts)


def _sum_up_gains(units: Sequence[Unit]) -> str:
    places: dict[str, list[str]] = {"adds": [], "nothing": [], "worse": [], "open": []}
    for unit in units:
        if gain := measure_gain(unit):
            where = say_places([unit.splice_type])
            if gain.verdict == "adds":
                where = f"{format_number(gain.delta)}{gain.interval} AUPRC over the "
                where += f"best baseline at {say_places([unit.splice_type])}"
            places[gain.verdict].append(where)
    parts = []
    if places["adds"]:
        parts.append(f"adds {join_words(places['adds'])}")
    if none := places["nothing"]:
        is_all = len(none) == len(units)
        where = "over the best baseline" if is_all else f"at {join_words(none)}"
        parts.append(f"adds nothing measurable {where}")
    if places["worse"]:
        where = join_words(places["worse"])
        parts.append(f"is worse than the best baseline at {where}")
    return f"The language model {join_words(parts)}." if parts else ""
