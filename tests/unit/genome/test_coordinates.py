"""The one place where positions become junctions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_sequence_model.core import InputError
from error_sequence_model.genome import get_junctions, get_positions

CONVENTIONS = [(base, site) for base in (0, 1) for site in ("exon", "intron")]


@pytest.mark.parametrize(
    ("strand", "splice_type", "position"),
    # exon 1-10, intron 11-20, exon 21-30 (1-based): junctions 10 and 20.
    [
        ("+", "donor", 10),
        ("-", "acceptor", 10),
        ("+", "acceptor", 21),
        ("-", "donor", 21),
    ],
)
def test_worked_example(strand: str, splice_type: str, position: int) -> None:
    junction = get_junctions(
        np.array([position]),
        np.array([strand == "+"]),
        np.array([splice_type == "donor"]),
        coordinate_base=1,
        site_base="exon",
    )
    assert junction.tolist() == [10 if position == 10 else 20]


@given(
    st.lists(
        st.tuples(st.integers(1, 10**9), st.booleans(), st.booleans()),
        min_size=1,
        max_size=50,
    )
)
def test_same_site_same_junction_in_any_convention(
    sites: list[tuple[int, bool, bool]],
) -> None:
    junctions, is_plus, is_donor = (
        np.array(column) for column in zip(*sites, strict=True)
    )
    for base, site_base in CONVENTIONS:
        convention = {"coordinate_base": base, "site_base": site_base}
        positions = get_positions(junctions, is_plus, is_donor, **convention)
        back = get_junctions(positions, is_plus, is_donor, **convention)
        assert back.tolist() == junctions.tolist()


@given(st.integers(1, 10**9), st.booleans(), st.booleans())
def test_exonic_and_intronic_base_are_neighbours_around_the_junction(
    junction: int, is_plus: bool, is_donor: bool
) -> None:
    exon, intron = (
        get_positions(
            np.array([junction]),
            np.array([is_plus]),
            np.array([is_donor]),
            coordinate_base=0,
            site_base=site_base,
        )[0]
        for site_base in ("exon", "intron")
    )
    assert {exon, intron} == {junction - 1, junction}
    # A donor's exon lies before its intron in transcript direction.
    assert ((exon < intron) == is_plus) == is_donor


@pytest.mark.parametrize(("base", "site"), [(2, "exon"), (True, "exon"), (1, "exonic")])
def test_unknown_convention_is_refused(base: int, site: str) -> None:
    with pytest.raises(InputError, match="predictors"):
        get_junctions(
            np.array([1]),
            np.array([True]),
            np.array([True]),
            coordinate_base=base,
            site_base=site,
        )
