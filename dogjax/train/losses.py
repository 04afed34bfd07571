"""Training losses, as sums over a batch."""

import jax
import jax.numpy as jnp
import optax

from dogjax.config import OptimConfig

# The value that Lin et al. (ICCV 2017, section 5.1) found best.
FOCAL_GAMMA = 2.0


def mean_loss(logits: jax.Array, labels: jax.Array, config: OptimConfig) -> jax.Array:
    """The configured loss, averaged over a batch.

    Args:
      logits: float32 `[batch, classes]`.
      labels: int32 `[batch]`.
      config: `loss` and `label_smoothing`.

    Returns:
      float32 scalar. Focal loss is (1 - p_t)^gamma times the cross-entropy (Lin et al., ICCV 2017,
      eq. 4); smoothing mixes the uniform distribution into the target (Szegedy et al., CVPR 2016).
    """
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), config.label_smoothing)
    log_probabilities = jax.nn.log_softmax(logits)
    per_class = -targets * log_probabilities
    if config.loss == "focal":
        per_class *= (1 - jnp.exp(log_probabilities)) ** FOCAL_GAMMA
    return per_class.sum(-1).mean()
