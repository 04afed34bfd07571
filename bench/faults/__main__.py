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
from bench.faults.plan import DEVELOPMENT, only, part_of, plan, worlds_of
from bench.faults.worlds import WORLDS
from dogjax.errors import Stopped, UserError
from dogjax.interrupt import stop_at_once

ROOT = pathlib.Path(__file__).parents[2] / "runs" / "faults"


def main() -> None:
    arguments = _arguments()
    stop_at_once()
    try:
        worlds = worlds_of(arguments.worlds)
        if not worlds:
            names = ", ".join(WORLDS)
            raise UserError(f"--worlds={arguments.worlds}: no such worlds here; development, test, or some of {names}")
        runs = plan(worlds)
        if arguments.faults:
            runs = only(runs, arguments.faults.split(","))
        if not arguments.score:
            execute(part_of(runs, arguments.part), arguments.root, arguments.lanes)
        rows = read_rows(runs, arguments.root)
        if len(rows) < len(runs):
            print(
                f"{len(rows)} of {len(runs)} runs are done: bring the folders of all parts together, then give --score"
            )
        elif arguments.faults:
            print(page.summary_of(rows))
        else:
            page.write(read_rows(plan(WORLDS.values()), arguments.root), arguments.worlds)
    except UserError as error:
        print(f"bench.faults: {error}", file=sys.stderr)
        sys.exit(2)
    except Stopped as stopped:
        print(f"bench.faults: {stopped}", file=sys.stderr)
        sys.exit(stopped.exit_status)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--worlds", default=DEVELOPMENT, help="development, test, or names divided by commas")
    parser.add_argument("--faults", default="", help="only these, names divided by commas")
    parser.add_argument("--part", default="1/1", help="i/n: the i-th of n parts of the runs")
    parser.add_argument("--score", action="store_true", help="train nothing: score the rows that are there")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="the folder of all runs")
    parser.add_argument("--lanes", type=int, default=len(os.sched_getaffinity(0)), help="runs at once")
    return parser.parse_args()


if __name__ == "__main__":
    main()
