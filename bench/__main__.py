"""Measures everything, or one thing: `python -m bench [MEASURE]`; prints rows as JSON lines.

Without a name it writes `bench/results.json` and `docs/performance.md`, anew after every measure.
"""

import json
import pathlib
import sys

import numpy as np

from bench.measures import MEASURES, Measure
from bench.race import race, ratio_of_medians
from bench.table import write_page

FOLDER = pathlib.Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "performance.md"


def rows_of(measure: Measure) -> list[dict]:
    """Runs one race: a row a peer, or one row where there is none."""
    modes = [mode for modes in measure.peers.values() for mode in modes]
    laps = race(measure.name, [measure.ours, *modes], measure.rounds)
    ours = laps[measure.ours.name]
    row = {"measure": measure.name, "peer": None, "ratio": None, "interval": None}
    row |= {"ours": float(np.median(ours)), "theirs": None}
    if not measure.peers:
        return [row]
    rows = []
    for peer, modes in measure.peers.items():
        theirs = min((laps[mode.name] for mode in modes), key=np.median)
        ratio, interval = ratio_of_medians(theirs, ours)
        rows.append(row | {"peer": peer, "ratio": ratio, "interval": interval, "theirs": float(np.median(theirs))})
    return rows


def main() -> None:
    chosen = [measure for measure in MEASURES if measure.name in sys.argv[1:]] if sys.argv[1:] else MEASURES
    if not chosen:
        sys.exit(f"{sys.argv[1]}: no such measure; there are {', '.join(measure.name for measure in MEASURES)}")
    rows = []
    for measure in chosen:
        for row in rows_of(measure):
            rows.append(row)
            print(json.dumps(row), flush=True)
        if chosen is MEASURES:
            (FOLDER / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
            write_page(PAGE, rows)


if __name__ == "__main__":
    main()
