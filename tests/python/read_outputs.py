"""Every number of a run, read back from npz, JSON and Parquet with NumPy and pandas, is the same number.

Usage: read_outputs.py LANGEVIN FOLDER (tests/python/run calls it).
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet

PROBLEM = """
[data]
source = "gaussian"
eigenvalues = [1.0, 0.3, 0.1]
rows = 40
[sgd]
learning_rate = 0.1
momentum = 0.8
batch_size = 4
[run]
steps = 300
chains = 20
record = ["moments", "displacement", "autocovariance", "trajectory"]
every = 100
"""
SWEEP = """
[sweep]
learning_rate = [0.05, 50.0]
momentum = { from = 0.0, to = 0.9, count = 3 }
"""
QUANTITIES = {
    "position_second_moment": ("mode",),
    "velocity_second_moment": ("mode",),
    "cross_moment": ("mode",),
    "displacement": ("lag",),
    "position_autocovariance": ("lag", "mode"),
    "velocity_autocovariance": ("lag", "mode"),
}


def check(langevin, folder, text, axes):
    (folder / "problem.toml").write_text(text)
    for name in ("run.npz", "run.json", "run.parquet"):
        subprocess.run([langevin, "simulate", "problem.toml", "--out", name], cwd=folder, check=True, capture_output=True)
    archive = np.load(folder / "run.npz")
    document = json.loads((folder / "run.json").read_text())
    table = pd.read_parquet(folder / "run.parquet")
    manifest = json.loads(archive["manifest"].tobytes())
    metadata = json.loads(pyarrow.parquet.read_metadata(folder / "run.parquet").metadata[b"langevin"])

    # one manifest in three places
    settings = {key: value for key, value in document.items() if key != "arrays"}
    assert manifest == settings == metadata
    assert len(manifest["problem_hash"]) == len(manifest["code_hash"]) == 64

    # JSON and npz hold the same arrays, bit for bit (null is NaN)
    assert set(archive.files) == set(document["arrays"]) | {"manifest"}
    for name, nested in document["arrays"].items():
        array = archive[name]
        assert array.dtype in (np.float64, np.int64), name
        np.testing.assert_array_equal(np.array(nested, dtype=array.dtype), array, err_msg=name)

    points = [archive[f"sweep_{axis}"] for axis in axes]
    shape = tuple(len(values) for values in points)
    assert all(column in table.columns for column in axes)
    for name, indices in QUANTITIES.items():
        values, errors = archive[name], archive[f"{name}_standard_error"]
        rows = table[table.quantity == name]
        assert values.shape[: len(shape)] == shape and len(rows) == values.size, name
        # a row of the table is found by its point and its indices, as a user would
        frame = rows.set_index([*axes, *indices]).sort_index()
        lags = archive["displacement_lags" if name == "displacement" else "autocovariance_lags"]
        levels = [*points, *({"mode": np.arange(3), "lag": lags}[index] for index in indices)]
        product = pd.MultiIndex.from_product(levels)
        found = frame.loc[list(product)] if len(levels) > 1 else frame.loc[levels[0]]
        np.testing.assert_array_equal(found["value"].to_numpy(), values.ravel(), err_msg=name)
        np.testing.assert_array_equal(found["standard_error"].to_numpy(), errors.ravel(), err_msg=name)
        assert rows.unit.nunique() == 1 and rows.unit.iloc[0].startswith("theta")
    for unused in ("chain", "step", "output"):
        assert table[table.quantity == "displacement"][unused].isna().all()

    # trajectories: [sweep..., chain, kept step, (theta, v), output, mode]
    trajectory = archive["trajectory"]
    assert trajectory.shape == (*shape, 20, 4, 2, 1, 3)
    np.testing.assert_array_equal(archive["trajectory_steps"], [0, 100, 200, 300])
    for part, name in enumerate(("trajectory_position", "trajectory_velocity")):
        rows = table[table.quantity == name]
        expected = trajectory[..., part, 0, :].ravel()
        frame = rows.set_index([*axes, "chain", "step", "mode"]).sort_index()
        levels = [*points, np.arange(20), archive["trajectory_steps"], np.arange(3)]
        found = frame.loc[list(pd.MultiIndex.from_product(levels)), "value"]
        np.testing.assert_array_equal(found.to_numpy(), expected, err_msg=name)

    # the physics of the units: on a stationary chain E|theta_t - theta_0|^2 = 2 (C(0) - C(t)), summed over modes
    if not axes:
        positions = archive["position_autocovariance"].sum(axis=1)
        errors = archive["displacement_standard_error"]
        spread = np.abs(archive["displacement"] - 2 * (positions[0] - positions[1:]))
        assert (spread < 12 * (errors + 2 * archive["position_autocovariance_standard_error"].sum(axis=1)[1:])).all()
    else:
        defined = archive["defined"]
        np.testing.assert_array_equal(defined, [[1, 1, 1], [0, 0, 0]])
        assert np.isnan(archive["displacement"][1]).all() and np.isfinite(archive["displacement"][0]).all()


def main():
    langevin, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    check(langevin, folder, PROBLEM, [])
    check(langevin, folder, PROBLEM + SWEEP, ["learning_rate", "momentum"])
    print(f"passed: numpy {np.__version__}, pandas {pd.__version__}, pyarrow {pyarrow.__version__}")


main()
