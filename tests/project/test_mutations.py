"""The planted faults of `make mutations` still fit the code they are put into."""

from __future__ import annotations

import ast

import pytest

from mutations import FAULTS, LIBRARY, ROOT


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_fault_can_be_planted(fault):
    module = (ROOT / LIBRARY / fault.file).read_text(encoding="utf-8")
    assert module.count(fault.old) == 1
    faulty = module.replace(fault.old, fault.new)
    assert ast.dump(ast.parse(faulty)) != ast.dump(ast.parse(module))
    assert (ROOT / "tests" / "unit" / fault.tests).is_file()


def test_all_that_matters_has_faults():
    parts = {fault.what.split(":")[0] for fault in FAULTS}
    assert parts == {
        *("sites", "windows", "splits", "metrics", "tokens", "predictors", "variants"),
        *("maps", "gate", "explanations", "probabilities", "check"),
        *("private errors", "rows without padding"),
    }
