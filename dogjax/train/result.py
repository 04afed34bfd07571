"""`result.json`: where a run stands, from its metrics."""

from typing import Any

import numpy as np

from dogjax.eval.curves import von_neumann_volatility


def best_epoch(metrics: list[dict[str, Any]]) -> int | None:
    """The number, from 1, of the epoch with the lowest validation loss; null before the first."""
    losses = [line["validation"]["loss"] for line in metrics]
    return int(np.argmin(losses)) + 1 if losses else None


def describe_result(
    status: str, step: int, metrics: list[dict[str, Any]], identity: str, digest: str | None
) -> dict[str, Any]:
    """The content of `result.json`.

    Args:
      status: `running`, `stopped`, `finished` or `diverged`.
      step: batches seen; of a run that diverged, those before the first bad one.
      metrics: the lines of `metrics.jsonl`.
      identity: SHA-256 of the run's identity.
      digest: SHA-256 of the state; null for a run that diverged.
    """
    best = best_epoch(metrics)
    return {
        "status": status,
        "epoch": len(metrics),
        "step": step,
        "identity": identity,
        "state_sha256": digest,
        "validation": {
            "final": metrics[-1]["validation"] if metrics else None,
            "best": {"epoch": best, **metrics[best - 1]["validation"]} if best else None,
        },
        "volatility": von_neumann_volatility(np.array([line["validation"]["loss"] for line in metrics])),
    }
