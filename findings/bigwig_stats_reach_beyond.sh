#!/usr/bin/env bash
# pyBigWig's stats() of a stretch: the largest score may lie outside of it, the sum is
# not a sum.
#
# One would guess: stats(contig, start, end, type="max") is the largest value from start
# to end, type="sum" the sum of the values there.
# What happens: in a file large enough to have zoom levels both are taken from these,
# unless exact=True. A zoom bin that begins or ends in the stretch gives its maximum
# although that lies beyond it; the sum is not even of the right size.
# Why it matters: "is there a splice site scored above 0.5 in this exon?" asked of a
# predictor's track gives another exon's site. values() and exact=True are right.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    pyBigWig==0.3.25 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import numpy as np
import pyBigWig

random = np.random.default_rng(0)
places = np.sort(random.choice(50_000_000, 200_000, replace=False))
scores = random.random(200_000) * 0.5
scores[100_000] = 0.99  # one high score; all others are below 0.5
with pyBigWig.open("scores.bw", "w") as file:
    file.addHeader([("chr1", 50_000_000)])
    file.addEntries(
        ["chr1"] * len(places),
        places.tolist(),
        ends=(places + 1).tolist(),
        values=scores.tolist(),
    )
high = int(places[100_000])
stretch = ("chr1", high + 1, high + 20_001)  # begins after the high score
with pyBigWig.open("scores.bw") as track:
    print("pyBigWig", pyBigWig.__version__, "stretch after the high score:", stretch)
    found = {
        (kind, exact): track.stats(*stretch, type=kind, exact=exact)[0]
        for kind in ("max", "sum")
        for exact in (False, True)
    }
    values = np.nan_to_num(track.values(*stretch))
print(f"max:  stats {found['max', False]:.3f}, exact {found['max', True]:.3f}, "
      f"of values() {values.max():.3f}")
print(f"sum:  stats {found['sum', False]:.3f}, exact {found['sum', True]:.3f}, "
      f"of values() {values.sum():.3f}")
assert abs(found["max", True] - values.max()) < 1e-6
assert abs(found["sum", True] - values.sum()) < 1e-3
assert found["max", False] > 0.98, "the maximum is of the stretch now"
assert found["sum", False] < values.sum() / 10, "the sum is a sum now"
print("as described")
PY
# Seen:
# pyBigWig 0.3.25 stretch after the high score: ('chr1', 25001900, 25021900)
# max:  stats 0.990, exact 0.495, of values() 0.495
# sum:  stats 0.740, exact 22.877, of values() 22.877
# as described
