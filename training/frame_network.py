"""Trains the frame network of the ear: `python3 training/frame_network.py --help`.

Needs numpy. Reads what `callprobe bench hearing DIR --inputs OUT` wrote for each labelled folder, and that folder's
labels.json; writes little-endian 32-bit floats as src/hearing/network.rs reads them. Deterministic for a seed.
"""

import argparse
import json
from pathlib import Path

import numpy as np

CLASSES = ["sil", "ring", "tone", "music", "voice"]
CLASS_OF = {
    "sil": 0, "ring": 1, "tone": 2, "beep": 2, "music": 3, "color": 3,
    "ivr": 4, "ann": 4, "agent": 4, "bot": 4,
}
FRAME = 0.02
HIDDEN = 32
# A class that is rare is not drowned, one that is frequent not forgotten.
BALANCE = 0.5


def load(sets, sight):
    """Inputs, classes and center of every frame of the labelled folders."""
    rows, classes, centers = [], [], []
    for folder, inputs in sets:
        for call in json.loads((Path(folder) / "labels.json").read_text()):
            path = Path(inputs) / (Path(call["file"]).stem + "." + sight)
            width = INPUTS
            x = np.fromfile(path, dtype="<f4").reshape(-1, width)
            y = np.full(len(x), -1)
            middle = (np.arange(len(x)) + 0.5) * FRAME
            for segment in call["segments"]:
                kind = CLASS_OF.get(segment["label"])
                if kind is not None:
                    y[(middle >= segment["start"]) & (middle < segment["end"])] = kind
            held = y >= 0
            rows.append(x[held])
            classes.append(y[held])
            centers.append(np.full(held.sum(), call["center"]))
    return np.concatenate(rows), np.concatenate(classes), np.concatenate(centers)


def train(x, y, epochs, seed):
    """One hidden layer with a rectifier, Adam, decaying steps; returns the numbers of the network."""
    random = np.random.default_rng(seed)
    mean, deviation = x.mean(0), x.std(0) + 1e-3
    x = np.clip((x - mean) / deviation, -5, 5).astype(np.float32)
    share = np.bincount(y, minlength=len(CLASSES)) / len(y)
    weight = (1 / np.maximum(share, 1e-3)) ** BALANCE
    weight = (weight / weight[y].mean())[y].astype(np.float32)
    w1 = (random.standard_normal((HIDDEN, x.shape[1])) * np.sqrt(2 / x.shape[1])).astype(np.float32)
    b1 = np.zeros(HIDDEN, np.float32)
    w2 = (random.standard_normal((len(CLASSES), HIDDEN)) * np.sqrt(1 / HIDDEN)).astype(np.float32)
    b2 = np.zeros(len(CLASSES), np.float32)
    parameters = [w1, b1, w2, b2]
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    batch, step = 512, 0
    total = epochs * (len(x) // batch)
    for _ in range(epochs):
        order = random.permutation(len(x))
        for n in range(len(x) // batch):
            at = order[n * batch:(n + 1) * batch]
            inputs = x[at]
            hidden = np.maximum(inputs @ w1.T + b1, 0)
            kept = hidden * (random.random(hidden.shape) > 0.1) / 0.9
            raised = kept @ w2.T + b2
            raised -= raised.max(1, keepdims=True)
            p = np.exp(raised)
            p /= p.sum(1, keepdims=True)
            p[np.arange(len(at)), y[at]] -= 1
            p *= weight[at][:, None] / len(at)
            g2 = p.T @ kept
            back = (p @ w2) * (hidden > 0) * (kept != 0) / 0.9
            gradients = [back.T @ inputs + 1e-4 * w1, back.sum(0), g2 + 1e-4 * w2, p.sum(0)]
            step += 1
            rate = 2e-3 * (0.5 + 0.5 * np.cos(np.pi * step / total)) + 1e-5
            for k, (parameter, gradient) in enumerate(zip(parameters, gradients)):
                first[k] += 0.1 * (gradient - first[k])
                second[k] += 0.001 * (gradient ** 2 - second[k])
                scale = np.sqrt(second[k] / (1 - 0.999 ** step)) + 1e-8
                parameter -= (rate * (first[k] / (1 - 0.9 ** step)) / scale).astype(np.float32)
    return [mean, deviation, w1, b1, w2, b2]


def accuracy(numbers, x, y):
    mean, deviation, w1, b1, w2, b2 = numbers
    x = np.clip((x - mean) / deviation, -5, 5)
    told = (np.maximum(x @ w1.T + b1, 0) @ w2.T + b2).argmax(1)
    recall = [float((told[y == c] == c).mean()) if (y == c).any() else 0.0 for c in range(len(CLASSES))]
    return float((told == y).mean()), recall


def write(numbers, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.concatenate([np.ravel(n) for n in numbers]).astype("<f4").tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", nargs=2, action="append", required=True, metavar=("DIR", "INPUTS"),
                        help="a labelled folder and the inputs written for it; may be given again")
    parser.add_argument("--sight", choices=["centred", "causal"], required=True)
    parser.add_argument("--out", type=Path, help="train on everything and write the weights here")
    parser.add_argument("--folds", type=Path, help="train one network without each center, into this folder")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    x, y, centers = load(arguments.set, arguments.sight)
    print(f"{len(x)} frames of {len(set(centers))} centers")
    if arguments.folds:
        sums, frames = 0.0, 0
        for center in sorted(set(centers)):
            out = centers == center
            numbers = train(x[~out], y[~out], arguments.epochs, arguments.seed)
            write(numbers, arguments.folds / f"{center}.f32")
            right, recall = accuracy(numbers, x[out], y[out])
            sums, frames = sums + right * out.sum(), frames + out.sum()
            print(f"{center}: {right:.3f}  " + " ".join(f"{c} {r:.2f}" for c, r in zip(CLASSES, recall)))
        print(f"held-out centers together: {sums / frames:.4f}")
    if arguments.out:
        numbers = train(x, y, arguments.epochs, arguments.seed)
        write(numbers, arguments.out)
        print(f"{arguments.out}: {accuracy(numbers, x, y)[0]:.4f} on what it was trained on")


INPUTS = 70

if __name__ == "__main__":
    main()
