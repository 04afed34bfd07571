"""Holds the diagnosis against planted faults.

    python -m bench.faults                                   the development worlds
    python -m bench.faults --worlds=test                     the test worlds: once a release, and every time is noted
    python -m bench.faults --worlds=embedded --faults=few_epochs,dropout
    python -m bench.faults --part=1/4                        a quarter of the runs, on one of four machines
    python -m bench.faults --score                           from the rows that are there

Runs are kept in --root, and the same command goes on where it was stopped. After a whole part it writes
`bench/faults.json`, `docs/faults.md` and its picture.
"""

import argparse
import os
import pathlib
import sys

from bench.faults import page
from bench.faults.execute import execute, read_rows
from bench.faults.plan import DEVELOPMENT, plan, sample, worlds_of
from bench.faults.worlds import WORLDS
from dogjax.errors import UserError

ROOT = pathlib.Path(__file__).parents[2] / "runs" / "faults"


def main() -> None:
    arguments = _arguments()
    try:
        worlds = worlds_of(arguments.worlds)
        if not worlds:
            names = ", ".join(WORLDS)
            raise UserError(f"--worlds={arguments.worlds}: no such worlds here; development, test, or some of {names}")
        runs = plan(worlds)
        if arguments.faults:
            runs = [run for run in runs if run.kind in (*arguments.faults.split(","), "sound")]
        if arguments.sample:
            runs = sample(runs, arguments.sample)
        part, parts = (int(number) for number in arguments.part.split("/"))
        if not arguments.score:
            execute(runs[part - 1 :: parts], arguments.root, arguments.lanes)
        whole = not (arguments.faults or arguments.sample) and (parts == 1 or arguments.score)
        if whole:
            page.write(read_rows(plan(WORLDS.values()), arguments.root), arguments.worlds)
        elif parts > 1:
            print(f"part {part} of {parts} is done: bring the folders of all parts together, then give --score")
        else:
            print(page.summary_of(read_rows(runs, arguments.root)))
    except UserError as error:
        sys.exit(f"bench.faults: {error}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--worlds", default=DEVELOPMENT, help="development, test, or names divided by commas")
    parser.add_argument("--faults", default="", help="only these, names divided by commas")
    parser.add_argument("--part", default="1/1", help="i/n: the i-th of n parts of the runs")
    parser.add_argument("--sample", type=int, default=0, help="only so many runs, evenly spread")
    parser.add_argument("--score", action="store_true", help="train nothing: score the rows that are there")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="the folder of all runs")
    parser.add_argument("--lanes", type=int, default=len(os.sched_getaffinity(0)), help="runs at once")
    return parser.parse_args()


if __name__ == "__main__":
    main()
