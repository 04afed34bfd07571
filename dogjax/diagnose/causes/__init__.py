"""All causes, in the order in which an expert asks for them. A new one is an object in its family's file."""

from dogjax.diagnose.causes import learning, score, scoring, sides, steps
from dogjax.diagnose.causes.cause import Account, account_for
from dogjax.diagnose.findings import Findings

CAUSES = (*learning.CAUSES, *sides.CAUSES, *scoring.CAUSES, *steps.CAUSES, *score.CAUSES)


def judge(findings: Findings) -> Account:
    """Asks every cause of a run."""
    return account_for(CAUSES, findings)
