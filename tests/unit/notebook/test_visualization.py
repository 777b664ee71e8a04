from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model import visualize_attention_regions
from error_sequence_model.attribution import attribute
from error_sequence_model.classifier import create_classifier
from error_sequence_model.core import InputError
from error_sequence_model.notebook import visualization
from tiny_models import draw_sequences, make_tiny_classifier


@pytest.mark.parametrize("length", [50, 401, 1000])
def test_a_pdf_of_any_length(tmp_path, monkeypatch, length) -> None:
    monkeypatch.setattr(
        "error_sequence_model.attribution.integration.SHUFFLES", 2
    )  # quicker
    model = make_tiny_classifier().eval()
    sequence = draw_sequences(np.random.default_rng(0), 1, length, length)[0]
    path = visualize_attention_regions(
        model=model,
        tokenizer=model.tokenizer,
        sequence=sequence,
        prediction_type="FP",
        output_path=tmp_path / "new" / "attention_FP.pdf",
        highlight_motifs=True,
    )
    assert path == tmp_path / "new" / "attention_FP.pdf"
    assert path.read_bytes().startswith(b"%PDF")
    assert path.stat().st_size > 5000


def read_drawn(monkeypatch) -> dict:
    """Catch what is handed to the drawing of the PDF."""
    drawn: dict = {}

    def draw(view, output_path):
        drawn.update(vars(view))
        return output_path

    monkeypatch.setattr(visualization, "draw_sequence_view", draw)
    monkeypatch.setattr("error_sequence_model.attribution.integration.SHUFFLES", 2)
    return drawn


def test_motifs_regions_and_checks_reach_the_figure(tmp_path, monkeypatch) -> None:
    drawn = read_drawn(monkeypatch)
    model = make_tiny_classifier().eval()
    sequence = draw_sequences(np.random.default_rng(0), 1, 80, 80)[0]
    visualize_attention_regions(
        model,
        sequence=sequence,
        output_path=tmp_path / "a.pdf",
        motifs=[(3, 9, "PTBP1")],
    )
    assert (3, 9, "PTBP1", "motif") in [tuple(e) for e in drawn["highlights"]]
    scores = drawn["attribution"]
    limit = np.quantile(np.abs(scores), 0.95)
    for start, end in drawn["regions"]:
        assert end - start >= 3
        assert abs(scores[start]) > limit and abs(scores[end - 1]) > limit
    assert "misses" in drawn["checks"]
    assert drawn["checks"].count("random bases") == 2


def test_a_map_that_fails_says_so_on_the_figure(tmp_path, monkeypatch) -> None:
    drawn = read_drawn(monkeypatch)
    model = make_tiny_classifier().eval()
    sequence = draw_sequences(np.random.default_rng(0), 1, 80, 80)[0]

    def spoil(*given, **options):
        maps = attribute(*given, **options)
        return maps._replace(
            attributions=-maps.attributions, completeness_error=np.array([0.2])
        )

    visualize_attention_regions(model, sequence=sequence, output_path=tmp_path / "a")
    assert not [w for w in drawn["warnings"] if w.startswith("integrated")]
    monkeypatch.setattr(visualization, "attribute", spoil)
    visualize_attention_regions(model, sequence=sequence, output_path=tmp_path / "a")
    failed = [w for w in drawn["warnings"] if w.startswith("integrated gradients FAIL")]
    assert len(failed) == 2
    assert "misses 20.0%" in failed[0]


def test_other_backbones_case_rna_and_junction(tmp_path) -> None:
    model = create_classifier(
        "hyenadna", options={"layers": 1, "hidden_size": 16, "max_seq_len": 128}
    )
    path = visualize_attention_regions(
        model,
        sequence="acguNNgguaaguacgucagguaaguacguacgu",
        prediction_type="TN",
        output_path=tmp_path / "a.pdf",
        highlight_motifs=False,
        junction=12,
    )
    assert path.is_file()
    assert model.training, "the mode is restored"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sequence": "N" * 60}, "all N"),
        ({"sequence": "ACGT"}, "at least 20"),
        ({"sequence": "ACGTX" * 12}, "no nucleotide"),
        ({"sequence": "ACGT" * 12, "prediction_type": "XX"}, "allowed are TP, FP"),
        ({"sequence": "ACGT" * 12, "junction": 49}, "outside"),
        ({"sequence": "ACGT" * 12, "junction": -1}, "outside"),
        ({"sequence": "ACGT" * 12, "junction": 2.5}, "junction 2.5 is no whole number"),
        ({"sequence": None}, "sequence is a NoneType"),
        ({"sequence": list("ACGT" * 12)}, "sequence is a list"),
        ({"sequence": "ACGT" * 12, "tokenizer": "hyenadna"}, "tokenized with hyenadna"),
        ({"sequence": "ACGT" * 12, "tokenizer": "nonsense"}, "nonsense"),
        ({"sequence": "ACGT" * 12, "motifs": [(40, 50, "m")]}, "no stretch"),
    ],
)
def test_what_cannot_be_drawn_is_refused_without_a_file(
    tmp_path, options, words
) -> None:
    model = make_tiny_classifier().eval()
    with pytest.raises(InputError, match=words):
        visualize_attention_regions(model, output_path=tmp_path / "a.pdf", **options)
    assert not list(tmp_path.iterdir())
