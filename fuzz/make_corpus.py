"""Writes the first inputs of the corpora (Python 3, standard library): python3 fuzz/make_corpus.py

They are small valid files and documents, so that fuzzing starts past the first checks. What fuzzing found is added beside
them by hand, under a name that says what it was.
"""
import json
import pathlib
import random
import struct

ROOT = pathlib.Path(__file__).resolve().parent
CORPUS = ROOT / "corpus"


def put(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def problem(data, sgd="learning_rate = 0.1\nmomentum = 0.5\nbatch_size = 2", run="", sweep=""):
    return f"[data]\n{data}\n[sgd]\n{sgd}\n[run]\n{run}\n{sweep}"


INLINE = 'source = "inline"\nfeatures = [[1.0, 0.5], [0.2, -1.0], [0.3, 0.4]]\ntargets = [1.0, 0.0, -1.0]'
GAUSSIAN = 'source = "gaussian"\neigenvalues = [1.0, 0.1]\nnoise = 0.5\nrows = 6\nseed = 3'
put("problem_file", "inline", problem(INLINE))
put("problem_file", "gaussian", problem(GAUSSIAN, run='steps = 10\nchains = 4\nstart = "minimum"\nrecord = ["moments", {trajectory = {every = 2}}]'))
put("problem_file", "sweep", problem(INLINE, sweep='[sweep]\nmomentum = [0.0, 0.5]\nlearning_rate = {from = 0.01, to = 0.1, count = 3, scale = "log"}'))
put("problem_file", "modes", problem(GAUSSIAN, sgd="learning_rate = 0.1\nmomentum = [0.0, 0.9]\nbatch_size = 2", run='steps = 5\nstart = "random"\nrecord = ["modes"]\neigenpairs = 2\nmodes = 1'))
put("problem_file", "start", problem(INLINE, sgd='learning_rate = 0.1\nmomentum = 0.0\nweight_decay = 0.1\nbatch_size = 3\nsampling = "without-replacement"\nnoise = "gaussian"', run='start = [0.5, 1.0]\nseed = 9\nrecord = ["displacement", "autocovariance"]'))
put("problem_file", "csv", problem('source = "csv"\npath = "table.csv"\ntarget = "y"\nstandardize = "unit"\none_hot = true\nrows = 3'))


def npy(shape, kind, values):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values


def two(first, second):
    """The reader's target cuts its input in the middle."""
    size = max(len(first), len(second))
    return first.ljust(size, b"\0"), second.ljust(size, b"\0")


numbers = struct.pack("<6d", 1, 2, 3, 4, 5, 6)
targets = struct.pack("<3d", 1, 0, 1)
put("data_reader", "csv", b"\0\0a,b,y\n1,2,3\n4,5,6\n-7,8e-3,9\n")
put("data_reader", "csv_target", b"\0\x40a,b,y\n1,2,3\n4,5,6\n")
# arrays of equal length in bytes, so that the cut falls between them
put("data_reader", "npy", b"\1\0" + npy("(3, 2)", "<f8", numbers) + npy("(3, 2)", "<f8", numbers))
put("data_reader", "npy_f4", b"\1\4" + npy("(3, 1)", "<f4", struct.pack("<3f", 1, 2, 3)) + npy("(3, 1)", "<i4", struct.pack("<3i", 0, 1, 0)))
images = struct.pack(">4B3I", 0, 0, 8, 3, 4, 1, 1) + bytes([0, 50, 100, 200])
labels = struct.pack(">4BI", 0, 0, 8, 1, 12) + bytes([0, 1] * 6)
put("data_reader", "idx", b"\2\4" + b"".join(two(images, labels)))
put("data_reader", "cifar10", b"\3\0" + b"".join(bytes([label]) + bytes(range(256)) * 12 for label in (0, 9)))

for number, case in enumerate(json.loads((ROOT.parent / "tests/reference/cases.json").read_text())):
    text = json.dumps(case["input"])
    if len(text) < 2000:
        put("predict_document", f"case_{number:03}", text)
put("predict_document", "stability", json.dumps([{"kind": "stability", "momentum": 0.9, "curvature": 2.0, "curvature_variance": 0.1}]))

for name in ("examples/claims.toml", "tests/claims/right.toml", "tests/claims/wrong.toml"):
    claims = (ROOT.parent / name).read_text().split("[[claim]]")[1:]
    for number, claim in enumerate(claims):
        text = "[[claim]]" + claim.split("\n#")[0]
        put("claim_file", f"{pathlib.Path(name).stem}_{number:02}", text)
        for line in claim.splitlines():
            key, _, value = line.partition(" = ")
            total = any(word in claim for word in ('"speed"', '"msd', '"excess_loss"', '"kinetic"', '"learning_rate_limit"'))
            if key in ("expression", "where"):
                choice = (4 if key == "where" else 0) + (1 if total else 0)
                put("expression", f"{pathlib.Path(name).stem}_{number:02}_{key}", bytes([choice]) + value.strip().strip('"').encode())

draw = random.Random(1)
for target, count in (("predict_kind", 44), ("law", 36), ("linear_algebra", 18)):
    for number in range(count):
        put(target, f"seed_{number:02}", bytes(draw.randrange(256) for _ in range(draw.choice((32, 128, 512)))))
