"""Time of a training step and of a product with the Hessian: langevin-nn against PyTorch's eager mode, of the same version of libtorch.

    cargo build --release -p langevin-nn
    python tests/peers/nn.py [steps] [hessian] [--threads N] [--rounds R] [--only WORKLOAD] [--binary FILE]

Rounds of all are interleaved, so that a busy machine slows all; the table shows medians over rounds, and their ratio: below 1, langevin-nn is
faster. Processes of langevin-nn read their file and data before their clock starts, and PyTorch runs some steps before its own does.

steps      a loop with torch.optim.SGD; both draw batches of the same size from data in memory, with the same weight decay. "recorded" keeps the
           loss, |delta|^2 and |Delta|^2 of every step: langevin-nn's is compared with PyTorch's loop that keeps nothing, and one that does.
hessian    torch.autograd.grad of the gradient (create_graph = True) with grad_outputs = v: the same weights, running averages, vector and samples,
           all in one chunk. "first" computes the loss and its gradient, too; "next" has the graph of the gradient already (retain_graph = True).
           The products must agree: to 1e-9 in double precision; to 1e-2 in single precision, where PyTorch's own product for ResNet-18
           is 3e-3 from its product in double precision (rounding moves values across kinks of max(x, 0)).
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
parser.add_argument("parts", nargs="*", metavar="steps|hessian", help="what is timed (default: both)")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--only")
parser.add_argument("--binary", default=pathlib.Path(__file__).parents[2] / "target" / "release" / "langevin-nn")
arguments = parser.parse_args()
arguments.parts = arguments.parts or ["steps", "hessian"]
if unknown := set(arguments.parts) - {"steps", "hessian"}:
    parser.error(f"{unknown.pop()} is not timed; it must be steps or hessian")
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


def training_file(folder, name, lines, shape, batch, steps, every, more=""):
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
{more}
[track]
every = {every}
"""
    file = folder / "run.toml"
    file.write_text(text)
    return file


def run(*words):
    command = [arguments.binary, *words, "--device", "cpu", "--threads", arguments.threads, "--json"]
    found = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if found.returncode:
        sys.exit(found.stderr)
    return json.loads(found.stdout)


def langevin(folder, name, lines, shape, batch, steps, recorded):
    file = training_file(folder, name, lines, shape, batch, steps, 1 if recorded else steps + 1)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        return run("train", file, "--out", pathlib.Path(out) / "run")["seconds"] / steps


def save_data(folder, name, shape, samples):
    generator = np.random.default_rng(1)
    images = generator.standard_normal((samples, *shape)).astype(np.float32)
    labels = np.arange(samples) % 10
    np.save(folder / f"{name}.npy", images.reshape(samples, -1))
    np.save(folder / f"{name}-labels.npy", labels)
    return torch.from_numpy(images), torch.from_numpy(labels)


def compare_steps(folder):
    print(f"ms per step\n{'workload':<24} {'langevin-nn':>12} {'PyTorch':>12} {'ratio':>7}")
    for name, (make, lines, shape, samples, batch, steps) in WORKLOADS.items():
        if arguments.only and arguments.only != name:
            continue
        data = save_data(folder, name, shape, samples)
        times = {key: [] for key in ("ours", "ours, recorded", "theirs", "theirs, recorded")}
        for _ in range(arguments.rounds):
            for recorded, after in (False, ""), (True, ", recorded"):
                times["ours" + after].append(langevin(folder, name, lines, shape, batch, steps, recorded))
                times["theirs" + after].append(pytorch(make, data, batch, steps, recorded, warm=min(20, steps)))
        median = {key: 1e3 * statistics.median(found) for key, found in times.items()}
        for row, ours, theirs in (
            (name, "ours", "theirs"),
            ("  recorded, against not", "ours, recorded", "theirs"),
            ("  both recorded", "ours, recorded", "theirs, recorded"),
        ):
            print(f"{row:<24} {median[ours]:>12.3f} {median[theirs]:>12.3f} {median[ours] / median[theirs]:>7.2f}", flush=True)


def normalised(name):
    return [f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]


def names_of_resnet18():
    names = ["conv1.weight", *normalised("bn1")]
    for stage in range(1, 5):
        for number in range(2):
            front = f"layer{stage}.{number}."
            for part in (1, 2):
                names += [f"{front}conv{part}.weight", *normalised(f"{front}bn{part}")]
            if stage > 1 and not number:
                names += [f"{front}downsample.0.weight", *normalised(f"{front}downsample.1")]
    return [*names, "fc.weight", "fc.bias"]


# the names of langevin-nn, in the order of PyTorch's state; samples of the loss; products a round
HESSIANS = {
    "mlp": ([f"layers.{layer}.{part}" for layer in range(3) for part in ("weight", "bias")], 1024, 20),
    "small-conv": ([f"{layer}.{part}" for layer in ("features.0", "features.1", "classifier") for part in ("weight", "bias")], 1024, 5),
    "resnet18": (names_of_resnet18(), 32, 1),
}


def save_weights(path, names, model):
    state = model.state_dict()
    assert len(names) == len(state), (len(names), len(state))
    header, body = {}, b""
    for name, value in zip(names, state.values()):
        if name.endswith("num_batches_tracked"):
            continue
        value = value.to(torch.float64).contiguous().numpy()
        header[name] = {"dtype": "F64", "shape": list(value.shape), "data_offsets": [len(body), len(body) + value.nbytes]}
        body += value.tobytes()
    header = json.dumps(header).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + body)


def seconds(job):
    begun = time.perf_counter()
    job()
    return time.perf_counter() - begun


def compare_hessians(folder):
    print(f"ms per product with the Hessian\n{'workload':<24} {'langevin-nn':>12} {'PyTorch':>12} {'ratio':>7}")
    for name, (make, lines, shape, _, _, _) in WORKLOADS.items():
        if arguments.only and arguments.only != name:
            continue
        names, samples, repeat = HESSIANS[name]
        inputs, labels = save_data(folder, name, shape, samples)
        torch.manual_seed(1)
        model = make()
        # running averages of these samples, as after training; initial ones would let activations die out from layer to layer
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = 1.0
        with torch.no_grad():
            model.train()(inputs)
        save_weights(folder / "weights.safetensors", names, model)
        for precision, kind, agreement in ("float32", torch.float32, 1e-2), ("float64", torch.float64, 1e-9):
            if agreement < 1e-6:
                repeat = max(1, repeat // 2 + 1)
            more = f'precision = "{precision}"\n[start]\nweights = "weights.safetensors"'
            file = training_file(folder, name, lines, shape, 16, 1, 1, more)
            model = model.to(kind).eval()
            parameters = list(model.parameters())
            flat = np.random.default_rng(2).standard_normal(sum(part.numel() for part in parameters))
            np.save(folder / "vector.npy", flat[None])
            pieces = torch.from_numpy(flat).to(kind).split([part.numel() for part in parameters])
            vector = [piece.view_as(part) for piece, part in zip(pieces, parameters)]
            rows, loss_of = inputs.to(kind), nn.CrossEntropyLoss()

            def gradient():
                return torch.autograd.grad(loss_of(model(rows), labels), parameters, create_graph=True)

            def first():
                return torch.autograd.grad(gradient(), parameters, grad_outputs=vector)

            product = torch.cat([part.reshape(-1) for part in first()]).to(torch.float64).numpy()
            times = {key: [] for key in ("ours first", "ours next", "theirs first", "theirs next")}
            # a product of the large network takes seconds
            for _ in range(arguments.rounds if repeat > 1 or agreement > 1e-6 else max(1, arguments.rounds // 2)):
                words = "hessian", file, "--vectors", folder / "vector.npy", "--out", folder / "product.npy", "--repeat", repeat
                found = run(*words)
                times["ours first"].append(found["seconds_first"])
                times["ours next"].append(found["seconds_next"])
                times["theirs first"].append(statistics.median(seconds(first) for _ in range(repeat)))
                graph = gradient()
                again = [seconds(lambda: torch.autograd.grad(graph, parameters, grad_outputs=vector, retain_graph=True)) for _ in range(repeat)]
                times["theirs next"].append(statistics.median(again))
                del graph
            ours = np.load(folder / "product.npy")[0]
            apart = np.linalg.norm(ours - product) / np.linalg.norm(product)
            if not apart < agreement:
                sys.exit(f"{name}, {precision}: the products differ by {apart:.1e}")
            for which in "first", "next":
                a, b = (1e3 * statistics.median(times[f"{side} {which}"]) for side in ("ours", "theirs"))
                print(f"{f'{name}, {precision}, {which}':<24} {a:>12.3f} {b:>12.3f} {a / b:>7.2f}   (apart by {apart:.0e})", flush=True)


def main():
    print(f"PyTorch {torch.__version__}, {arguments.threads} thread(s), {arguments.rounds} rounds; medians")
    with tempfile.TemporaryDirectory() as folder:
        for part, job in ("steps", compare_steps), ("hessian", compare_hessians):
            if part in arguments.parts:
                job(pathlib.Path(folder))


main()
