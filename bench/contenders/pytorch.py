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


def train_step(
    size: int,
    compiled: bool,
    frames: int = post.BATCH,
    dtype: str = "float32",
    device: str = "cpu",
    deterministic: bool = False,
) -> Callable[[], float]:
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = deterministic, not deterministic
    images, labels = post.batch(size, frames=frames)
    images = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)  # a view: channels last in memory
    labels = torch.from_numpy(labels).long().to(device)
    model = network(size).to(device)
    optimizer = torch.optim.SGD(model.parameters(), post.LEARNING_RATE)
    forward = torch.compile(model) if compiled else model

    def one() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
            loss = nn.functional.cross_entropy(forward(images), labels)
        loss.backward()
        optimizer.step()

    return post.lap_of(one, torch.cuda.synchronize if device == "cuda" else lambda: None)


class _Frames(torch.utils.data.Dataset):
    """Frames in memory, each zoomed and flipped at random, as torchvision's transforms do: one by one."""

    def __init__(self, count: int, size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=generator)
        self.labels = torch.randint(0, post.CLASSES, (count,), generator=generator)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        scale = 0.8 + 0.4 * torch.rand(2)
        turn = torch.diag(torch.cat([scale * (1 - 2 * torch.randint(0, 2, (2,)))]))
        matrix = torch.cat([turn, torch.zeros(2, 1)], 1)[None]
        image = self.images[index].float()[None]
        grid = nn.functional.affine_grid(matrix, image.shape, align_corners=False)
        moved = nn.functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
        return moved[0], self.labels[index]


def epoch(size: int) -> Callable[[], float]:
    """A DataLoader over 1,350 frames, a validation on 450, eager, channels last."""
    loaders = [torch.utils.data.DataLoader(_Frames(n, size), post.BATCH, shuffle=n > 450) for n in (1350, 450)]
    model = network(size)
    optimizer = torch.optim.SGD(model.parameters(), post.LEARNING_RATE)

    def one() -> None:
        model.train()
        for images, labels in loaders[0]:
            optimizer.zero_grad()
            images = images.contiguous(memory_format=torch.channels_last)
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for images, labels in loaders[1]:
                nn.functional.cross_entropy(model(images.contiguous(memory_format=torch.channels_last)), labels).item()

    return post.lap_of(one, lambda: None, post.EPOCHS)
