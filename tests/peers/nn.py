"""Time of a training step: langevin-nn against PyTorch's eager loop with torch.optim.SGD, of the same version of libtorch.

    cargo build --release -p langevin-nn
    python tests/peers/nn.py [--threads N] [--rounds R] [--only WORKLOAD] [--binary FILE]

Rounds of both are interleaved, so that a busy machine slows both; the table shows medians over rounds. "recorded" keeps the loss,
|delta|^2 and |Delta|^2 of every step. Both draw batches of the same size from data that is in memory, with the same weight decay.
Processes of langevin-nn read their file and data before their clock starts, and PyTorch's loop runs some steps before its own does.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--only")
parser.add_argument("--binary", default=pathlib.Path(__file__).parents[2] / "target" / "release" / "langevin-nn")
arguments = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(arguments.threads)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

torch.set_num_threads(arguments.threads)
RATE, BETA, DECAY = 0.01, 0.9, 1e-4


def block(inputs, outputs, stride):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
            around = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)]
            self.around = nn.Sequential(*(around if stride > 1 or inputs != outputs else []))

        def forward(self, x):
            return torch.relu(self.body(x) + self.around(x))

    return Block()


def resnet18():
    layers, channels = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
    for stage in range(4):
        for number in range(2):
            layers.append(block(channels, 64 << stage, 2 if stage and not number else 1))
            channels = 64 << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def small_conv():
    return nn.Sequential(nn.Conv2d(1, 16, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(128, 10))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


# name: PyTorch's model, lines of [model], shape of an input, samples, batch, steps of a round
WORKLOADS = {
    "mlp": (mlp, 'kind = "mlp"\nhidden = [64, 64]', (1, 8, 8), 1797, 64, 2000),
    "small-conv": (small_conv, 'kind = "small-conv"\nchannels = [16, 32]', (1, 8, 8), 1797, 64, 500),
    "resnet18": (resnet18, 'kind = "resnet18"', (3, 32, 32), 512, 32, 4),
}


def pytorch(make, data, batch, steps, recorded, warm):
    inputs, labels = data
    model = make()
    parameters = list(model.parameters())
    optimiser = torch.optim.SGD(parameters, lr=RATE, momentum=BETA, weight_decay=DECAY)
    loss_of = nn.CrossEntropyLoss()
    start = nn.utils.parameters_to_vector(parameters).detach().clone()
    records = []
    begun = None
    with_order = torch.randperm(len(inputs))
    at = 0
    for step in range(-warm, steps):
        if step == 0:
            begun = time.perf_counter()
        if at + batch > len(inputs):
            with_order, at = torch.randperm(len(inputs)), 0
        chosen = with_order[at:at + batch]
        at += batch
        optimiser.zero_grad(set_to_none=True)
        loss = loss_of(model(inputs[chosen]), labels[chosen])
        loss.backward()
        before = nn.utils.parameters_to_vector(parameters).detach() if recorded else None
        optimiser.step()
        if recorded:
            now = nn.utils.parameters_to_vector(parameters).detach()
            local, whole = now - before, now - start
            records.append((loss.detach(), local.dot(local), whole.dot(whole)))
    for row in records:
        [float(value) for value in row]
    return (time.perf_counter() - begun) / steps


def langevin(folder, name, lines, shape, batch, steps, recorded):
    text = f"""
[data]
source = "npy"
path = "{name}.npy"
target = "{name}-labels.npy"
one_hot = true
[model]
{lines}
image = {list(shape)}
[sgd]
learning_rate = {RATE}
momentum = {BETA}
weight_decay = {DECAY}
batch_size = {batch}
sampling = "reshuffle"
[run]
steps = {steps}
[track]
every = {1 if recorded else steps + 1}
"""
    file = folder / "run.toml"
    file.write_text(text)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [arguments.binary, "train", file, "--out", pathlib.Path(out) / "run", "--device", "cpu", "--threads", str(arguments.threads), "--json"]
        found = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if found.returncode:
        sys.exit(found.stderr)
    return json.loads(found.stdout)["seconds"] / steps


def main():
    print(f"PyTorch {torch.__version__}, {arguments.threads} thread(s), {arguments.rounds} rounds, ms per step")
    print(f"{'workload':<24} {'langevin-nn':>12} {'PyTorch':>12} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, (make, lines, shape, samples, batch, steps) in WORKLOADS.items():
            if arguments.only and arguments.only != name:
                continue
            generator = np.random.default_rng(1)
            images = generator.standard_normal((samples, *shape)).astype(np.float32)
            labels = np.arange(samples) % 10
            np.save(folder / f"{name}.npy", images.reshape(samples, -1))
            np.save(folder / f"{name}-labels.npy", labels)
            data = torch.from_numpy(images), torch.from_numpy(labels)
            for recorded in (False, True):
                ours, theirs = [], []
                for _ in range(arguments.rounds):
                    ours.append(langevin(folder, name, lines, shape, batch, steps, recorded))
                    theirs.append(pytorch(make, data, batch, steps, recorded, warm=min(20, steps)))
                a, b = 1e3 * statistics.median(ours), 1e3 * statistics.median(theirs)
                print(f"{name + (', recorded' if recorded else ''):<24} {a:>12.3f} {b:>12.3f} {b / a:>7.2f}", flush=True)


main()
