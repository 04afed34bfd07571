"""A race: contenders in processes of their own take turns, lap by lap, and the others stand still meanwhile."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

RESAMPLES = 2000
SECONDS_TO_END = 60


@dataclasses.dataclass(frozen=True)
class Contender:
    """A function of `bench.contenders.MODULE` that returns a lap, and what it is called with."""

    name: str
    module: str
    function: str
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


class _Runner:
    """A contender's process, stopped unless it runs a lap: a library that waits by spinning takes no core."""

    def __init__(self, contender: Contender) -> None:
        command = [sys.executable, "-m", "bench.contenders", contender.module, contender.function]
        self.name = contender.name
        self.process = subprocess.Popen(
            [*command, json.dumps(dict(contender.arguments))],
            env={**os.environ, **contender.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def lap(self) -> float:
        """Runs one lap; what it measured."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Lets the process end, and clean up after itself."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        try:
            self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answer(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self.process.wait()}; its messages are above")
        self.process.send_signal(signal.SIGSTOP)
        return json.loads(line)


def race(title: str, contenders: Sequence[Contender], rounds: int) -> dict[str, np.ndarray]:
    """What every contender's lap measured in every round; a round starts with another contender each time."""
    laps = {contender.name: np.zeros(rounds) for contender in contenders}
    with contextlib.ExitStack() as stack, tqdm(total=rounds, desc=title, unit=" rounds") as bar:
        runners = []
        for contender in contenders:
            bar.set_postfix_str(f"starting {contender.name}")
            runners.append(_Runner(contender))
            stack.callback(runners[-1].close)
        for number in range(rounds):
            first = number % len(runners)
            for runner in runners[first:] + runners[:first]:
                bar.set_postfix_str(runner.name)
                laps[runner.name][number] = runner.lap()
            bar.update()
    return laps


def ratio_of_medians(theirs: np.ndarray, ours: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Their median over ours, and its 95 % bootstrap interval over rounds (a round is drawn as a whole)."""
    rounds = np.random.default_rng(0).integers(0, len(ours), (RESAMPLES, len(ours)))
    ratios = np.median(theirs[rounds], 1) / np.median(ours[rounds], 1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(np.median(theirs) / np.median(ours)), (float(low), float(high))
