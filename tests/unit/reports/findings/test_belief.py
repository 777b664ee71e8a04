from __future__ import annotations

from types import SimpleNamespace

import pytest

from error_sequence_model.reports.findings.belief import say_belief, sum_up_belief

GATES = ("other_site", "class_mean", "position_only", "randomisation", "completeness")


def check(*failed: str, passed: bool | None = False):
    checks = {name: {"passed": name not in failed} for name in GATES}
    return {**checks, "own": {}, "planted": None, "passed": passed}


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (("other_site",), "no better than that of another site; believe the mean"),
        (("class_mean",), "no better than its class's mean; believe the mean profile"),
        (("position_only", "class_mean"), "closeness to the junction; believe no base"),
        (("randomisation", "other_site"), "learnt nothing; believe none of it"),
        (("completeness",), "believe which bases matter, not how much"),
        (("completeness", "class_mean"), "believe the mean profile"),
    ],
)
def test_what_stays_is_said_by_what_failed(failed, words):
    text = say_belief("integrated_gradients", check(*failed))
    assert text.startswith("integrated gradients FAILED")
    assert words in text


def test_what_stays_is_said_of_the_map_that_is_drawn():
    assert "motifs' tests" in say_belief("saliency", check("position_only"))
    text = say_belief("saliency", check("position_only"), is_drawn=False)
    assert text.endswith("believe no base of it")


def test_what_passed_or_was_not_judged():
    assert say_belief("saliency", check(passed=True)) == ""
    text = say_belief("saliency", check(passed=None))
    assert text == "saliency was checked on too few sites: read it as a hypothesis"
    assert "do not rely on it" in say_belief("saliency", {"passed": False})


def test_the_summary_speaks_of_the_map_that_is_drawn():
    def make_unit(places, **methods):
        lead = SimpleNamespace(
            methods=list(methods),
            has_passed=lambda name: methods[name]["passed"],
            faithfulness={"methods": methods},
        )
        kinds = {"donors": "donor", "acceptors": "acceptor", "sites": "any"}
        return SimpleNamespace(lead=lead, splice_type=kinds[places])

    good, bad = check(passed=True), check("class_mean")
    units = [make_unit("donors", a=good, b=bad), make_unit("acceptors", b=bad)]
    assert sum_up_belief(units[:1]) == ""
    text = sum_up_belief(units)
    assert text.startswith("At acceptors, b FAILED: at its own site a map is no better")
    assert sum_up_belief([make_unit("donors")]) == ""
    assert sum_up_belief([make_unit("sites", b=bad)]).startswith("At all sites, b")
