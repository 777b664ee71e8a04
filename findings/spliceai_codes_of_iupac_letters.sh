#!/usr/bin/env bash
# SpliceAI's one_hot_encode reads R and W as C, and B as A.
#
# One would guess: letters other than A, C, G, T are unknown, as N is (zeros).
# What happens: the letter's number modulo 5 chooses the base: R, W, M and H are C, B and
# V are A, S and D are G, Y is T. Only N is set to zeros by name (and K is, by chance).
# Why it matters: reference genomes have such letters (GRCh38 has them on chr3 and in
# alternate loci; many plant genomes by the thousand), and so have consensus sequences of
# heterozygous samples: "A or G" is scored as C, which neither allele has, with the same
# certainty as any base. They have to be made N beforehand.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==1.26.4
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    spliceai==1.3.1
"$folder/venv/bin/python" -W ignore - <<'PY'
import ast
from importlib.metadata import distribution

import numpy as np

package = distribution("spliceai")
path = package.locate_file("spliceai/utils.py")
# Only this function of theirs, so that TensorFlow is not needed.
tree = ast.parse(path.read_text())
tree.body = [n for n in tree.body if getattr(n, "name", "") == "one_hot_encode"]
space = {"np": np}
exec(compile(tree, str(path), "exec"), space)
print("spliceai", package.version)
letters = "ACGTNRYSWKMBDHV"
rows = space["one_hot_encode"](letters)
read = {c: "ACGT"[r.argmax()] if r.any() else "-" for c, r in zip(letters, rows)}
print(read)
assert [read[c] for c in "ACGTN"] == [*"ACGT-"]
assert (read["R"], read["W"], read["B"]) == ("C", "C", "A"), "it is read otherwise now"
print("as described")
PY
# Seen:
# spliceai 1.3.1
# {'A': 'A', 'C': 'C', 'G': 'G', 'T': 'T', 'N': '-', 'R': 'C', 'Y': 'T', 'S': 'G', 'W': 'C', 'K': '-', 'M': 'C', 'B': 'A', 'D': 'G', 'H': 'C', 'V': 'A'}
# as described
