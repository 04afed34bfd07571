"""A cause is a question that a diagnosis asks of a run; its answer is named, cleared or not testable."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from dogjax.diagnose.findings import Findings
from dogjax.diagnose.thresholds import MOST

# What a cause explains, in the order in which an expert asks.
LEARNING, SIDES, JUMPS, SCORE = "learning", "sides", "jumps", "score"
ORDER = (LEARNING, SIDES, JUMPS, SCORE)
# What a change costs: nothing, a pass over frames before each evaluation, or more training.
FREE, EVALUATION, TRAINING = range(3)


@dataclasses.dataclass(frozen=True)
class Named:
    """There is evidence of the cause.

    Attributes:
      evidence: one sentence.
      fix: configuration fields and their values.
      elsewhere: the same change in Keras or PyTorch; empty where there is none.
      alone: the part of the whole that goes if this alone is changed, or that the cause takes; None if unknown.
      interval: 95 %, of `alone`; None if it cannot be estimated.
      last: what the change adds to all others; None if unknown.
      share: of what all changes do together; None if unknown.
      of: the whole that these are parts of.
      explains: where it is another thing than the cause usually explains.
    """

    evidence: str
    fix: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    elsewhere: str = ""
    alone: float | None = None
    interval: tuple[float, float] | None = None
    last: float | None = None
    share: float | None = None
    of: str = ""
    explains: str = ""


@dataclasses.dataclass(frozen=True)
class Cleared:
    """The run gave evidence, and it speaks against the cause.

    Attributes:
      evidence: one sentence.
    """

    evidence: str


@dataclasses.dataclass(frozen=True)
class NotTestable:
    """The run cannot give evidence.

    Attributes:
      why: one sentence, with what would make it testable.
    """

    why: str


Answer = Named | Cleared | NotTestable


@dataclasses.dataclass(frozen=True)
class Cause:
    """One thing that can be wrong.

    Attributes:
      name: as files and the benchmark have it.
      plain: the same in words that need no glossary.
      explains: one of `ORDER`.
      judge: asks it of a run.
      is_amplifier: whether it only enlarges what something else does; it then stands after the others of its kind.
      cost: of its change, one of `FREE`, `EVALUATION`, `TRAINING`.
    """

    name: str
    plain: str
    explains: str
    judge: Callable[[Findings], Answer]
    is_amplifier: bool = False
    cost: int = TRAINING


@dataclasses.dataclass(frozen=True)
class Account:
    """Every cause that was looked for, accounted for.

    Attributes:
      named: those with evidence: by what they explain, then by the part that goes with each alone. Where several take
        most of it they are links of a chain, and the cheapest to change comes first.
      cleared: those that the evidence speaks against.
      not_testable: those of which this run can give no evidence.
    """

    named: list[tuple[Cause, Named]]
    cleared: list[tuple[Cause, Cleared]]
    not_testable: list[tuple[Cause, NotTestable]]


def account_for(causes: tuple[Cause, ...], findings: Findings) -> Account:
    """Asks every cause of a run."""
    answers = [(cause, cause.judge(findings)) for cause in causes]
    named = [(cause, answer) for cause, answer in answers if isinstance(answer, Named)]
    return Account(
        sorted(named, key=_rank),
        [(cause, answer) for cause, answer in answers if isinstance(answer, Cleared)],
        [(cause, answer) for cause, answer in answers if isinstance(answer, NotTestable)],
    )


def _rank(judged: tuple[Cause, Named]) -> tuple[int, bool, bool, int, float]:
    cause, answer = judged
    alone = answer.alone or 0.0
    takes_most = alone > MOST
    order = ORDER.index(answer.explains or cause.explains)
    return order, cause.is_amplifier, not takes_most, cause.cost if takes_most else TRAINING, -alone
