"""One contender in a process of its own: `python -m bench.contenders MODULE FUNCTION ARGUMENTS`.

Prepares, says so, and runs a lap for every line on its standard input. Answers are lines of JSON.
"""

import importlib
import json
import os
import sys


def main() -> None:
    module, function, arguments = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    lap = getattr(importlib.import_module(f"bench.contenders.{module}"), function)(**json.loads(arguments))
    answers.write(json.dumps(None) + "\n")
    for _ in sys.stdin:
        answers.write(json.dumps(lap()) + "\n")


if __name__ == "__main__":
    main()
