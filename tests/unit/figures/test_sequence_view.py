from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.figures import (
    Element,
    Page,
    SequenceView,
    draw_sequence_view,
    find_elements,
    use_style,
)
from error_sequence_model.figures.elements import guess_splice_type
from error_sequence_model.figures.sequence_view import choose_row_length, plan_pages
from page_checks import collect_texts, find_text_problems

ACCEPTOR = "GAGTACTAACATGGATTCTTTTCCTTTTTTCAACAG" + "GATGAACGATTACGAACG"
DONOR = "GATGAACGATTACGAACAG" + "GTAAGTATGGGGATCAGCATGA"


def make_view(length: int, **changes) -> SequenceView:
    generator = np.random.default_rng(length)
    attention = generator.gamma(2, 1, length)
    starts = np.arange(0, length, 5)
    known = {
        "sequence": "".join(generator.choice(list("ACGT"), length)),
        "attention": attention / attention.sum(),
        "attribution": generator.normal(0, 0.2, length),
        "spans": np.stack([starts, np.minimum(starts + 5, length)], axis=1),
        "junction": length // 2,
        "prediction_type": "FN",
        "probability": 0.4,
    }
    return SequenceView(**(known | changes))


@pytest.mark.parametrize("length", [50, 120, 400, 1000])
def test_no_text_overlaps_or_is_cut(length, monkeypatch):
    elements = [
        Element(at, at + 8, f"a motif with a long name at {at}", "motif")
        for at in range(0, length - 8, 17)
    ]
    view = make_view(
        length,
        highlights=tuple(elements),
        regions=((0, 4), (length // 2 - 3, length // 2 + 9), (length - 3, length)),
        warnings=("integrated gradients FAILED: " + "so " * 30, "attention FAILED."),
        checks="Checked on this sequence: " + "the sum misses 12.3%; " * 9,
    )
    with use_style():
        pages = plan_pages(view)
        for number, spec in enumerate(pages, start=1):
            page = Page(spec, header="x", number=number, total=len(pages))
            spec.draw(page)
            assert find_text_problems(page.figure, monkeypatch) == []
            written = [t.get_text() for t in collect_texts(page.figure, monkeypatch)]
            assert any("attention FAILED" in text for text in written)
            assert "┊ junction" in written
    assert len(pages) <= 1 + length // 200


@pytest.mark.parametrize("length", [200, 400, 600, 1000, 1024])
def test_the_junction_is_well_inside_a_row(length):
    size = choose_row_length(length, length // 2)
    inside = (length // 2) % size
    assert min(inside, size - inside) >= 20


def test_a_view_is_written_with_and_without_tracks(tmp_path):
    path = draw_sequence_view(SequenceView(DONOR, junction=19), tmp_path / "a.pdf")
    assert path.read_bytes().startswith(b"%PDF")
    view = SequenceView(
        DONOR,
        junction=19,
        attribution=np.zeros(len(DONOR)),
        attention=np.full(len(DONOR), 1 / len(DONOR)),
        spans=np.array([[0, 0], [0, 20], [20, len(DONOR)], [0, 0]]),
        highlights=find_elements(DONOR, 19),
    )
    draw_sequence_view(view, tmp_path / "b.pdf")
    assert (tmp_path / "b.pdf").stat().st_size > 5_000


def test_bad_tracks_are_refused():
    with pytest.raises(InputError, match="one per base"):
        SequenceView("ACGT", attribution=np.zeros(3))
    with pytest.raises(InputError, match="junction 9"):
        SequenceView("ACGT", junction=9)
    with pytest.raises(InputError, match="'m': 2 to 5 is no stretch"):
        SequenceView("ACGT", highlights=[Element(2, 5, "m", "x")])
    with pytest.raises(InputError, match="empty"):
        SequenceView("")


def test_acceptor_elements_are_found():
    junction = ACCEPTOR.index("CAGGATG") + 3
    found = {e.kind: e for e in find_elements(ACCEPTOR, junction)}
    branch = found["branch point"]
    assert ACCEPTOR[branch.start : branch.end] == "CTAAC"
    tract = found["polypyrimidine tract"]
    assert ACCEPTOR[tract.start : tract.end] == "TTCTTTTCCTTTTTTC"
    assert found["acceptor"].end == junction + 1


def test_donor_elements_are_found():
    found = find_elements(DONOR, 19)
    kinds = {e.kind: e for e in found}
    assert "100%" in kinds["donor"].label or "9" in kinds["donor"].label
    assert (kinds["donor"].start, kinds["donor"].end) == (16, 25)
    run = kinds["G-run"]
    assert DONOR[run.start : run.end] == "GGGG"
    assert found == sorted(found)


def test_splice_type_is_guessed():
    assert guess_splice_type(DONOR, 19) == "donor"
    assert guess_splice_type(ACCEPTOR, ACCEPTOR.index("CAGGATG") + 3) == "acceptor"
    assert guess_splice_type("CCCCCCCC", 4) is None
    assert find_elements("CCCCCCCC", 4) == []
    assert find_elements("GT", 0, "donor")[0].start == 0
    assert find_elements("", 0) == []
