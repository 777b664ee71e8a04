"""README.md of a report's tables folder: which figure a TSV belongs to, and its units.

The name of a file is what it is of, from the whole to the part:
``{report}.{contrast}.{splice type}.{what}.tsv``, or ``{report}.{what}.tsv``.
"""

from __future__ import annotations

from pathlib import Path

from error_sequence_model.core import atomic_path

# What a file holds, by the last part of its name; the page it belongs to in brackets.
CONTENTS = {
    "agreement": "rank correlation of each pair of maps, median over sites [trust]",
    "answers": "one row of answers per contrast and splice type [overview]",
    "assessment_models": "every model: AUPRC, AUROC, top-k accuracy, recall at 90 and "
    "95 % precision, ECE, Brier and log loss before and after one temperature [all "
    "models]",
    "assessment_pairs": "difference of each pair of models (model minus other), 95 % "
    "interval over genes, p by Holm over pairs [all models]",
    "assessment_reranking": "precision at a recall of real sites: the predictor's "
    "score, the error model, both, and the gain of both over the score [all models]",
    "assessment_strata": "scores by kind of site; few: fewer than 50 errors [where the "
    "model does well]",
    "assessment_weights": "weights of the ensemble's members [all models]",
    "attention_heads": "attention received per base over uniform, log2, mean over the "
    "explained sites, a column per layer and head [attention]",
    "attention_profile": "attention received per base, share of the total, mean over "
    "layers, heads and sites [where the model looks]",
    "attention_views": "the views of attention, share of the total per base "
    "[attention]",
    "attribution_profile": "mean scaled attribution per base with 95 % interval over "
    "genes; p: family-wise, per position [where the model looks]",
    "cascade": "correlations with the real map, and the share of its highest bases "
    "that stay, after weights were drawn anew [trust]",
    "causes": "prevalence, odds ratio, q of each named cause; joint: beside all others "
    "[named causes]",
    "checks": "verdicts on every map as they are printed [trust]",
    "chromosomes": "sites per contig and part of the split [data]",
    "confusion": "test sites by truth (rows) and model (columns) [performance]",
    "curves": "precision-recall and ROC curves (model, curve, x, y) [performance]; "
    "without a contrast in the name: deletion and insertion curves, log-odds by share "
    "of bases, along the map's own order and those it must beat [trust]",
    "elements": "known elements by region: sites with a hit, adjusted odds ratio, q "
    "[known elements]",
    "exemplars": "attribution (log-odds) and attention (share) per base of the sites "
    "drawn, and the rule that chose them [single sites]",
    "gate": "log-odds that a map moves at its own sites beyond what knows nothing of "
    "the site, with 95 % interval over genes [trust]",
    "leakage": "what training and test share [data]",
    "logos": "height of each letter: mean scaled attribution [regions and letters]",
    "motif_logos": "height of each letter of a motif: contribution (scaled "
    "attribution) or bits [motifs]",
    "motif_places": "hits per 100 held-out sites by offset, in bins of 5; seqlets: "
    "their number [motifs]",
    "motifs": "motifs of the maps: letters, place, hits, adjusted odds ratio, q, "
    "effect on the log-odds [motifs]",
    "predictor_scores": "share of a class in a bin of the predictor's score [data]",
    "regions": "named regions: mean scaled attribution of errors and correct calls, "
    "their difference, share of |attribution| [regions and letters]",
    "reliability": "observed share of errors by predicted probability, 95 % Wilson "
    "interval [performance]",
    "scores": "every model on the same test sites; delta: AUPRC minus that of the best "
    "baseline [performance]",
    "shap": "mean |SHAP| (log-odds) of each feature; direction: rank correlation of "
    "SHAP and value [model plus features]",
    "sites": "sites by call and splice type [overview]",
    "subtype_profiles": "mean scaled attribution per base of each group [subtypes]",
    "subtypes": "group of each explained site; distance: to the others of its group "
    "[subtypes]",
    "summary_scores": "test scores of each leading model [summary]",
    "unexplained": "the errors without any enriched cause, with the model's "
    "probability [named causes]",
    "verification": "change of the log-odds (classical, model) when a feature is "
    "changed in the sequence; verdict [feature verification]",
}


def write_readme(folder: Path) -> None:
    """Write README.md into a tables folder; all reports write the same."""
    lines = [
        "# The numbers of every figure",
        "",
        "Tab-separated, one file per figure or table:",
        "`{report}.{contrast}.{splice type}.{what}.tsv`, or `{report}.{what}.tsv` for",
        "a whole report. `{report}` is FP, FN, TP, TN or overview. Offsets count from",
        "the junction (0 is the first base 3' of it); `_low` and `_high` are the ends",
        "of 95 % intervals by bootstrap over genes, unless the page says otherwise;",
        "`error` is the positive class; scaled attribution is divided, per site, by",
        "the 95th percentile of its absolute values; above 0 it speaks for an error.",
        "",
        "| what | content [page] |",
        "|---|---|",
        *(
            f"| `{name}` | {text.replace('|', chr(92) + '|')} |"
            for name, text in sorted(CONTENTS.items())
        ),
        "",
    ]
    with atomic_path(folder / "README.md") as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
