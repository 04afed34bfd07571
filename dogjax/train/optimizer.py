"""Optimizers and learning-rate schedules by name."""

import jax
import optax

from dogjax.config import OptimConfig


def make_optimizer(config: OptimConfig, steps_per_epoch: int, epochs: int) -> optax.GradientTransformation:
    """Clipping, then the named rule, then decoupled weight decay, then the learning rate.

    Weight decay is decoupled (Loshchilov & Hutter, ICLR 2019) and acts on kernels only: a decayed norm
    scale or bias changes what the norm does. Gradients are averaged over `accumulate` batches first.
    """
    parts = [
        optax.clip_by_global_norm(config.clip_norm) if config.clip_norm else optax.identity(),
        _rule(config),
        optax.add_decayed_weights(config.weight_decay, mask=_is_kernel) if config.weight_decay else optax.identity(),
        optax.scale_by_learning_rate(make_schedule(config, steps_per_epoch, epochs)),
    ]
    optimizer = optax.chain(*parts)
    if config.accumulate > 1:
        return optax.MultiSteps(optimizer, config.accumulate).gradient_transformation()
    return optimizer


def make_schedule(config: OptimConfig, steps_per_epoch: int, epochs: int) -> optax.Schedule:
    """The learning rate at each update: linear warm-up, then constant, or cosine or linear to 0."""
    warmup = round(config.warmup_epochs * steps_per_epoch / config.accumulate)
    rest = max(1, epochs * steps_per_epoch // config.accumulate - warmup)
    after = {
        "constant": optax.constant_schedule(config.learning_rate),
        "cosine": optax.cosine_decay_schedule(config.learning_rate, rest),
        "linear": optax.linear_schedule(config.learning_rate, 0.0, rest),
    }[config.schedule]
    if not warmup:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, config.learning_rate, warmup), after], [warmup])


def _rule(config: OptimConfig) -> optax.GradientTransformation:
    match config.name:
        case "sgd":
            return optax.trace(config.momentum) if config.momentum else optax.identity()
        case "adam" | "adamw":
            return optax.scale_by_adam()
        case "nadamw":
            return optax.scale_by_adam(nesterov=True)
        case "rmsprop":
            momentum = optax.trace(config.momentum) if config.momentum else optax.identity()
            return optax.chain(optax.scale_by_rms(), momentum)
        case "lion":
            return optax.scale_by_lion()
        case "adagrad":
            return optax.scale_by_rss()
    raise ValueError(f"unknown optimizer {config.name!r}")


def _is_kernel(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
