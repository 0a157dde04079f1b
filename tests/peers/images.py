"""Folders of images: langevin-nn against Torchvision's ImageFolder, transforms and DataLoader.

    cargo build --release -p langevin-nn
    python tests/peers/images.py [agreement] [speed] [--threads N] [--rounds R] [--images M] [--binary FILE]

agreement  the loss of Torchvision's ResNet-18 (random weights, running averages of these images) over the squares in the middle (resize 256, crop
           224). PNG holds the same bytes for both decoders, so that the losses must be equal to rounding; JPEG decoders round differently.
speed      images of 500 x 375 pixels per second, JPEG of quality 90, decoded, cropped at random (RandomResizedCrop, flips) to 224 pixels:
           langevin-nn's with training steps of a linear network, Torchvision's without any. Rounds of both are interleaved; medians.
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
parser.add_argument("parts", nargs="*", metavar="agreement|speed", help="what is compared (default: both)")
parser.add_argument("--threads", type=int, default=os.cpu_count())
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--images", type=int, default=512)
parser.add_argument("--binary", default=pathlib.Path(__file__).parents[2] / "target" / "release" / "langevin-nn")
arguments = parser.parse_args()
arguments.parts = arguments.parts or ["agreement", "speed"]
if unknown := set(arguments.parts) - {"agreement", "speed"}:
    parser.error(f"{unknown.pop()} is not compared; it must be agreement or speed")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torchvision import transforms  # noqa: E402

CLASSES = 4
NORMALISE = [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]


def picture(generator, width=500, height=375):
    """Smooth shapes, edges and some grain: a JPEG of about 70 kB."""
    total = np.zeros((height, width, 3))
    for cells, weight in ((3, 60.0), (12, 30.0), (60, 15.0)):
        coarse = generator.standard_normal((cells, cells, 3))
        rows, columns = (np.linspace(0, cells - 1e-9, length).astype(int) for length in (height, width))
        total += weight * coarse[np.ix_(rows, columns)]
    total += 6.0 * generator.standard_normal(total.shape)
    return Image.fromarray(np.clip(128 + total, 0, 255).astype(np.uint8))


def write_images(root, count, form):
    generator = np.random.default_rng(1)
    for number in range(count):
        folder = root / f"class{number % CLASSES}"
        folder.mkdir(parents=True, exist_ok=True)
        picture(generator).save(folder / f"{number:05}.{form}", **({"quality": 90} if form == "jpg" else {}))


def training_file(path, images, model, batch, steps, crop=""):
    path.write_text(f"""
[data]
source = "folder"
path = "{images}"
threads = {arguments.threads}
{crop}
[model]
{model}
[sgd]
learning_rate = 1e-6
momentum = 0.0
batch_size = {batch}
sampling = "reshuffle"
[run]
steps = {steps}
""")
    return path


def run(*words):
    found = subprocess.run([str(word) for word in (arguments.binary, *words, "--device", "cpu", "--json")], capture_output=True, text=True)
    if found.returncode:
        sys.exit(found.stderr)
    return json.loads(found.stdout)


def agreement(folder):
    torch.manual_seed(1)
    model = torchvision.models.resnet18(num_classes=CLASSES)
    middle = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *NORMALISE])
    for form, allowed in ("png", 1e-5), ("jpg", 1e-2):
        count = min(arguments.images, 128)
        write_images(folder / form, count, form)
        data = torchvision.datasets.ImageFolder(folder / form, middle)
        rows = torch.stack([image for image, _ in data])
        labels = torch.tensor(data.targets)
        with torch.no_grad():
            if form == "png":
                # running averages of these images: initial ones would let activations grow from layer to layer
                for part in model.modules():
                    if isinstance(part, torch.nn.BatchNorm2d):
                        part.momentum = 1.0
                model.train()(rows)
                weights = {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}
                save_file(weights, folder / "weights.safetensors")
            theirs = torch.nn.CrossEntropyLoss()(model.eval()(rows), labels).item()
        file = training_file(folder / f"{form}.toml", form, 'kind = "resnet18"\n[start]\nweights = "weights.safetensors"', 2, 0)
        ours = run("train", file, "--out", folder / f"{form}-run", "--threads", arguments.threads)["loss"]
        print(f"loss of {count} images, {form}: langevin-nn {ours:.7f}, Torchvision {theirs:.7f}, apart by {abs(ours - theirs):.1e}", flush=True)
        if not abs(ours - theirs) < allowed * theirs:
            sys.exit(f"apart by more than {allowed} of the loss")


def speed(folder):
    write_images(folder / "many", arguments.images, "jpg")
    size = sum(file.stat().st_size for file in (folder / "many").rglob("*.jpg")) / arguments.images
    batch, steps = 64, max(1, arguments.images // 64)
    file = training_file(folder / "speed.toml", "many", 'kind = "linear"', batch, steps, 'crop = "random"\nflip = true')
    crop = transforms.Compose([transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), *NORMALISE])
    data = torchvision.datasets.ImageFolder(folder / "many", crop)
    times = {"ours": [], "theirs": []}
    for number in range(arguments.rounds):
        out = folder / f"speed-{number}"
        times["ours"].append(run("train", file, "--out", out, "--threads", 1)["seconds"] / (batch * steps))
        # workers are processes; starting them is left out
        loader = torch.utils.data.DataLoader(data, batch, shuffle=True, num_workers=arguments.threads, persistent_workers=True, drop_last=True)
        next(iter(loader))
        begun = time.perf_counter()
        seen = sum(len(labels) for _, labels in loader)
        times["theirs"].append((time.perf_counter() - begun) / seen)
        del loader
    ours, theirs = (1.0 / statistics.median(times[side]) for side in ("ours", "theirs"))
    print(f"images per second, {arguments.threads} thread(s), {size / 1000:.0f} kB each: langevin-nn {ours:.0f}, Torchvision {theirs:.0f}, ratio {ours / theirs:.2f}")


def main():
    print(f"Torchvision {torchvision.__version__}, Pillow {Image.__version__}, {arguments.rounds} rounds")
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        for part, job in ("agreement", agreement), ("speed", speed):
            if part in arguments.parts:
                job(pathlib.Path(folder))


if __name__ == "__main__":
    main()
