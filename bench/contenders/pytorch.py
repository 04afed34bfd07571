"""The same network in PyTorch, channels last."""

from collections.abc import Callable

import torch
from torch import nn

from bench.contenders import post


def network(size: int) -> nn.Sequential:
    """The post's network; images are `[batch, 3, size, size]`, channels last in memory."""
    parts, inputs, side = [], 3, size
    # PyTorch's momentum is one minus Keras's.
    norm = {"eps": post.EPSILON, "momentum": 1 - post.NORM_MOMENTUM}
    for width, kernel in zip(post.WIDTHS, post.KERNELS):
        parts += [nn.Conv2d(inputs, width, kernel), nn.ReLU(), nn.MaxPool2d(post.POOL, post.POOL_STRIDE)]
        parts.append(nn.BatchNorm2d(width, **norm))
        inputs, side = width, (side - kernel + 1 - post.POOL) // post.POOL_STRIDE + 1
    parts.append(nn.Flatten())
    inputs *= side * side
    for width in post.DENSE:
        parts += [nn.Linear(inputs, width), nn.ReLU(), nn.BatchNorm1d(width, **norm), nn.Dropout(post.DROPOUT)]
        inputs = width
    parts.append(nn.Linear(inputs, post.CLASSES))
    return nn.Sequential(*parts).to(memory_format=torch.channels_last)


def train_step(size: int, compiled: bool) -> Callable[[], float]:
    images, labels = post.batch(size)
    images = torch.from_numpy(images).permute(0, 3, 1, 2)  # a view: channels last in memory
    labels = torch.from_numpy(labels).long()
    model = network(size)
    optimizer = torch.optim.SGD(model.parameters(), post.LEARNING_RATE)
    forward = torch.compile(model) if compiled else model

    def one() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(forward(images), labels).backward()
        optimizer.step()

    return post.lap_of(one, lambda: None)
