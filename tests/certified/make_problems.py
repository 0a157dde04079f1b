#!/usr/bin/env python3
"""Regenerates problems.json: problems of stochastic gradient descent with certified answers, 25 digits each, for anybody to
test their own code against. Values come from the definitions (iterated or enumerated moment equations, see
../reference/make_cases.py) at 120 digits and again at 170; both must agree to 30.

    pip install mpmath && python3 make_problems.py
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference"))

import make_cases as special  # noqa: E402
import make_general_cases as general  # noqa: E402
from mpmath import mp, mpf, nstr  # noqa: E402

DIGITS = 25
X = [[1.0, 0.5], [-0.5, 1.0], [0.25, -1.0], [1.5, 0.0], [0.5, 0.5], [-1.0, 0.75]]
Y = [1.0, 0.5, -0.75, 1.0, 0.0, -0.5]
HESSIAN = [[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 0.5]]
NOISE = [[1.0, -0.25, 0.0], [-0.25, 0.5, 0.125], [0.0, 0.125, 2.0]]


def regression(sampling, batch, eta, beta, decay):
    return {"kind": "minibatch", "features": X, "targets": Y, "learning_rate": eta, "momentum": beta, "weight_decay": decay,
            "batch_size": batch, "sampling": sampling, "initial_position": [0.0, 0.0], "initial_velocity": [0.0, 0.0],
            "steps": [0, 1, 10]}


def mode(eta, beta, h):
    return {"kind": "discrete-mode", "learning_rate": eta, "momentum": beta, "curvature": h, "noise_variance": 1.0,
            "steps": [1, 10, 100], "position": 1.0}


MODE = ["stationary_covariance", "lag_covariance", "displacement"]
DATA = ["minimum_ridge", "gradient_noise_covariance", "stationary_second_moment", "learning_rate_limit", "spectral_radius"]
PROBLEMS = [
    ("underdamped", "One direction, beta = 0.9, eta h = 0.1.", mode(0.125, 0.9, 0.8), MODE),
    ("overdamped", "One direction far below critical damping.", mode(0.0009765625, 0.9, 1.0), MODE),
    ("critical", "One direction exactly at critical damping.", mode(0.25, 0.25, 1.0), MODE),
    ("edge", "One direction one part in 2^30 below the stability edge.", mode(3 * (1 - 2.0 ** -30), 0.5, 1.0), MODE),
    ("long-memory", "One direction, beta = 0.99, eta h = 1e-6.", mode(0.001, 0.99, 0.001), MODE),
    ("noncommuting", "Three directions, constant noise that does not commute with the Hessian.",
     {"kind": "discrete", "learning_rate": 0.25, "momentum": 0.75, "weight_decay": 0.125, "hessian": HESSIAN,
      "noise_covariance": NOISE, "steps": [1, 10, 100]}, ["stationary_covariance", "lag_covariance", "displacement"]),
    ("with-replacement", "Six samples, two features, batches of two with replacement.",
     regression("with-replacement", 2, 0.25, 0.5, 0.0), DATA),
    ("without-replacement", "The same with batches of three without replacement and weight decay.",
     regression("without-replacement", 3, 0.25, 0.875, 0.125), DATA),
    ("reshuffled", "The same in reshuffled epochs of three batches: the mean is biased, and moments depend on the place.",
     regression("reshuffle", 2, 0.25, 0.5, 0.125), ["stationary_mean", "stationary_second_moment", "spectral_radius"]),
    ("gaussian-features", "Streaming Gaussian features, close to the limit that curvature noise sets.",
     {"kind": "gaussian-features", "learning_rate": 0.0625, "momentum": 0.875, "batch_size": 1, "eigenvalues": [1.0, 0.25],
      "sigma2": 1.0}, ["variance_position", "variance_velocity", "stability_sum", "spectral_radius"]),
    ("epoch-noise", "One direction, epochs of eight anticorrelated kicks.",
     {"kind": "epoch-noise", "learning_rate": 0.0625, "momentum": 0.5, "curvature": 0.25, "noise_variance": 1.0,
      "batches_per_epoch": 8, "epochs": [1, 10]}, ["covariance_by_position", "displacement"]),
    ("defective", "Ornstein-Uhlenbeck process with a defective drift.",
     {"kind": "ou", "drift": [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]], "mean": [0.0, 0.0, 0.0],
      "diffusion": [[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 2.0]], "kappa": 2.0, "initial_mean": [1.0, 0.0, 0.0],
      "times": [0.001, 1.0]}, ["covariance", "stationary_covariance", "circulation", "entropy_production"]),
]


def compute(document, keys, digits):
    mp.dps = digits
    kinds = special.KINDS if document["kind"] in special.KINDS else general.KINDS
    if document.get("sampling") == "reshuffle":
        kinds = general.KINDS
    values = kinds[document["kind"]](document)
    return {key: values[key] for key in keys}


def text(value):
    if isinstance(value, (list, tuple)):
        return [text(entry) for entry in value]
    return nstr(value, DIGITS, min_fixed=0, max_fixed=0) if isinstance(value, mpf) and abs(value) > mpf(10) ** -90 else "0"


def main():
    problems = []
    for name, statement, document, keys in PROBLEMS:
        certified = text_at(document, keys, special.DIGITS)
        assert certified == text_at(document, keys, special.CHECK_DIGITS), name
        problems.append({"name": name, "statement": statement, "input": document, "certified": certified})
        print(name)
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "problems.json"), "w") as file:
        json.dump(problems, file, indent=1)
        file.write("\n")


def text_at(document, keys, digits):
    values = compute(document, keys, digits)
    return {key: text(value) for key, value in values.items()}


if __name__ == "__main__":
    main()
