"""A miniature UCF101: real encoded videos in its structure, split files, and a tiny network."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from stillframe.frontend.quiet import quiet

CLASSES = ("Circling", "Falling", "Standing")
GROUPS, CLIPS = 4, 2
HEIGHT, WIDTH = 32, 40
SIZE = 28
"""Of the tiny network's input; what is cached for it has all of the videos' 32 rows."""


def scene(label: int, seed: int, frames: int) -> Iterator[npt.NDArray[np.uint8]]:
    """A bright square over still noise: going in circles, falling, or standing."""
    random = np.random.default_rng((label, seed))
    background = random.integers(0, 90, (HEIGHT, WIDTH, 3), np.uint8)
    colour = random.integers(200, 256, 3)
    for t in range(frames):
        place = [
            (12 + round(9 * np.sin(t / 3)), 16 + round(12 * np.cos(t / 3))),
            (2 * t % (HEIGHT - 8), 16),
            (12, 16),
        ][label]
        frame = background.copy()
        frame[place[0] : place[0] + 8, place[1] : place[1] + 8] = colour
        yield frame


def write_video(path: Path, label: int, seed: int, frames: int) -> None:
    """Encode a scene as UCF101 is: MPEG-4 in an .avi, 25 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 2_000_000
        for pixels in scene(label, seed, frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def write_miniature(folder: Path) -> Path:
    """Write UCF-101 and ucfTrainTestlist into a folder: 18 videos to train, 6 (all of group 1) to test."""
    train, test = [], []
    for label, name in enumerate(CLASSES):
        for group in range(1, GROUPS + 1):
            for clip in range(1, CLIPS + 1):
                video = f"{name}/v_{name}_g{group:02}_c{clip:02}.avi"
                frames = 16 + 4 * group + 20 * (clip - 1)  # 20 to 52: fewer and more than 32
                write_video(folder / "UCF-101" / video, label, 10 * group + clip, frames)
                if group == 1:
                    test.append(f"{video}\r\n")
                else:
                    train.append(f"{video} {label + 1}\r\n")
    lists = folder / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_bytes("".join(f"{i} {n}\r\n" for i, n in enumerate(CLASSES, 1)).encode())
    (lists / "trainlist01.txt").write_bytes("".join(train).encode())
    (lists / "testlist01.txt").write_bytes("".join(test).encode())
    return folder


def tiny_network(path: Path) -> Path:
    """Save a network of four MAC layers with batch norm, a residual add, a pooling and a dropout."""
    import keras

    keras.utils.set_random_seed(3)
    layers = keras.layers
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = short = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.ReLU()(layers.Add()([layers.Conv2D(8, 1)(x), short]))
    x = layers.Dropout(0.2)(layers.MaxPooling2D()(x))
    logits = layers.Dense(len(CLASSES), name="logits")(layers.GlobalAveragePooling2D()(x))
    with quiet():
        keras.Model(image, logits).save(path)
    return path


def command(data: Path, network: Path, output: Path, more: str = "") -> list[str]:
    """Arguments of ``stillframe train ucf101`` for a run of seconds."""
    fixed = f"--size {SIZE} --workers 2 --finetune-epochs 8 --epochs 2 --checkpoint-every 1"
    paths = ["--data", str(data), "--backbone", str(network), "--output", str(output)]
    return [*paths, *shlex.split(fixed), *shlex.split(more)]
