"""Every rule that asks for GPUs leases them, and every cluster profile speaks of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "workflow" / "profiles"


def read_rules() -> dict[str, str]:
    """The text of every rule, by its name; of `use rule`, with what it takes over."""
    files = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    head = r"^(?:use )?rule (\w+)(?: as (\w+) with)?:$"
    base, name, part = (re.split(head, text, flags=re.M)[i::3] for i in (1, 2, 3))
    rules = {b: p for b, n, p in zip(base, name, part, strict=True) if not n}
    used = {n: rules[b] + p for b, n, p in zip(base, name, part, strict=True) if n}
    return {**rules, **used}


RULES = read_rules()
GPU_RULES = sorted(name for name, text in RULES.items() if re.search(r"\bgpu=", text))


def read_profile(name: str) -> dict:
    text = (PROFILES / name / "profile.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def test_the_rules_with_gpus_are_found():
    assert {"fine_tune", "score", "attribute", "verify_features"} <= set(GPU_RULES)
    assert "prepare_sites" not in GPU_RULES


def test_the_cluster_guide_names_them_all():
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    assert not [rule for rule in GPU_RULES if f"`{rule}`" not in text]


@pytest.mark.parametrize("rule", GPU_RULES)
def test_a_rule_that_asks_for_gpus_leases_them_before_its_command(rule):
    command = RULES[rule].split("shell:")[1].strip()
    own = command.startswith('"{params.lease} ') and "lease=get_lease" in RULES[rule]
    common = (ROOT / "workflow" / "rules" / "common.smk").read_text(encoding="utf-8")
    assert 'LAUNCH = (\n    f"{LEASES} accelerate launch' in common
    assert own or command.startswith('f"{LAUNCH}'), command


@pytest.mark.parametrize("profile", ["slurm", "kubernetes"])
@pytest.mark.parametrize("rule", GPU_RULES)
def test_a_cluster_profile_has_a_line_for_every_rule_with_gpus(profile, rule):
    resources = read_profile(profile)["set-resources"][rule]
    growing = ["mem_mb"]
    if profile == "slurm":
        growing.append("runtime")
        assert resources["slurm_partition"] == "gpu"
    for name in growing:
        assert str(resources[name]).endswith("* attempt"), name


def test_rules_that_the_workstation_does_not_name_have_a_default():
    profile = read_profile("workstation")
    assert profile["default-resources"]["mem_mb"] > 0
    text = (PROFILES / "workstation" / "profile.yaml").read_text(encoding="utf-8")
    assert "Rules that are not named take the default" in text


@pytest.mark.parametrize("profile", sorted(path.name for path in PROFILES.iterdir()))
def test_a_profile_names_rules_that_are_there(profile):
    assert set(read_profile(profile).get("set-resources", {})) <= set(RULES)


@pytest.mark.parametrize("profile", sorted(path.name for path in PROFILES.iterdir()))
def test_every_option_of_a_profile_has_a_comment_above_it(profile):
    text = (PROFILES / profile / "profile.yaml").read_text(encoding="utf-8")
    lines = text.splitlines()
    options = [i for i, line in enumerate(lines) if re.match(r"[\w-]+:", line)]
    assert options
    assert not [lines[i] for i in options if not lines[i - 1].startswith("#")]
