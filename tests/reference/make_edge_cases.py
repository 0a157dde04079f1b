#!/usr/bin/env python3
"""Regenerates edge_cases.json: laws so close to a border, or so nearly cancelling, that doubles alone lose their digits. Method
and number of digits as in make_cases.py and make_general_cases.py, whose definitions it uses; sums of (17) over a million
steps come from the geometric series

    sum_{k<n} (n - k) E^k = [n I - (n + 1) E + E^{n+1}] (I - E)^{-2}

of the propagator E over a step.

    python3 make_edge_cases.py            # rewrites edge_cases.json next to this file
"""

import json
import os

from mpmath import mp, mpf

import make_cases
import make_general_cases
from make_cases import (CHECK_DIGITS, DIGITS, HERE, VECTORS, add, apply, block, displacement_covariance, flow, identity, inverse,
                        lyapunov, mat, mul, num, scale, step_powers, symmetric_eig, to_double, trace, zeros)

CASES = []
STATIONARY = ("stationary_second_moment", "displacement", "speed", "potential_energy", "kinetic_energy", "excess_loss")


def case(name, definition, only, **inputs):
    CASES.append((name, definition, only, inputs))


def sde(doc):
    eta, beta = num(doc["learning_rate"]), num(doc["momentum"])
    h, sigma = mat(doc["hessian"]), mat(doc["noise_covariance"])
    d, size = len(h), doc["batch_size"]
    friction, inertia = 2 * (1 - beta) / (eta * (1 + beta)), 2 / (eta * (1 + beta))
    a, w = zeros(2 * d), zeros(2 * d)
    for i in range(d):
        a[i][d + i] = mpf(-1)
        a[d + i][d + i] = friction
        for j in range(d):
            a[d + i][j] = inertia * h[i][j]
            w[d + i][d + j] = 4 * sigma[i][j] / (size * eta * (1 + beta) ** 2)
    minimum = apply(inverse(h), [num(t) for t in doc["linear_term"]])
    start = [num(s) - t for s, t in zip(doc["initial_position"], minimum)] + [num(s) for s in doc["initial_velocity"]]
    means = []
    for t in doc["times"]:
        moved = apply(flow(a, w, num(t))[0], start)
        means.append([p + q for p, q in zip(moved, minimum + [mpf(0)] * d)])
    values, vectors = symmetric_eig(h)
    strengths = [mp.fdot(q, apply(sigma, q)) for q in vectors]
    kappa = size * (1 - beta ** 2)

    def literal_17(time):
        answer = [mpf(0)] * len(doc["steps"])
        for value, strength in zip(values, strengths):
            e = flow([[mpf(0), mpf(-1)], [inertia * value, friction]], zeros(2), time)[0]
            rest = inverse(mul(add(identity(2), e, -1), add(identity(2), e, -1)))
            for index, n in enumerate(doc["steps"]):
                last = step_powers(e, zeros(2), n + 1)[0]
                series = mul(add(add(scale(identity(2), n), e, -(n + 1)), last), rest)
                answer[index] += eta ** 2 * strength / kappa * (2 * series[1][1] - n)
        return answer

    p = lyapunov(a, w)
    return {
        "mean": means,
        "displacement_eq17": literal_17(eta),
        "displacement_eq17_as_printed": literal_17(mpf(1)),
        "displacement": [trace(block(displacement_covariance(*flow(a, w, eta * k), p), 0, 0, d)) for k in doc["steps"]],
    }


def learning_rate_limit(doc):
    mp.dps = DIGITS
    return make_cases.minibatch(doc | {"learning_rate": 1e-3, "steps": [0]})["learning_rate_limit"]


def minibatch_cases():
    def one(name, distance, beta, lam, size, x, y, sampling):
        doc = {"momentum": beta, "weight_decay": lam, "batch_size": size, "features": x, "targets": y, "sampling": sampling,
               "initial_position": [0.0] * len(x[0]), "initial_velocity": [0.0] * len(x[0]), "steps": [0, 1, 2, 31]}
        rate = float(learning_rate_limit(doc) * (1 - mpf(distance)))
        case("minibatch/" + name, make_cases.minibatch, STATIONARY, kind="minibatch", learning_rate=rate, **doc)

    x, y = [[1.0, 0.5], [0.5, -1.0], [2.0, 1.0]], [1.0, -0.5, 0.75]
    wide = [[0.3221905225186595, 0.1051374186396118], [0.627734108907894, 0.176053117998347], [1.2457086130607473, -2.0],
            [1.0, 1.5204618094692202]]
    one("1e-9 from the mean-square limit", 1e-9, 0.0, 0.0, 1, x, y, "with-replacement")
    one("1e-9 from the mean-square limit, momentum and decay", 1e-9, 0.9, 0.1, 2, x, y, "with-replacement")
    one("1e-9 from the mean-square limit, without replacement", 1e-9, 0.0, 0.001, 2, wide, y + [-2.0], "without-replacement")
    one("curvature without noise, 1e-9 from the edge", 1e-9, 0.5, 0.0, 1, [[0.7], [-0.7], [0.7]], y, "with-replacement")
    case("minibatch/data fit exactly", make_cases.minibatch, STATIONARY + ("gradient_noise_covariance",), kind="minibatch",
         learning_rate=0.05, momentum=0.9, weight_decay=0.0, batch_size=2,
         features=[[0.6141808407202183, 0.20866850784670335], [-0.8058798658834002, 1.1498424865271482]],
         targets=[1.2565275359396906, -1.083656870763061], sampling="with-replacement", initial_position=[0.0, 0.0],
         initial_velocity=[0.0, 0.0], steps=[0, 1, 10])
    x, y = [[1.0, 0.3], [-0.4, 1.1], [0.6, -0.9], [1.2, 0.8]], [0.3, -1.0, 0.7, 1.1]
    for eta, beta, lam, size in ((1e-3, 0.0, 0.1, 1), (1e-4, 0.9, 0.0, 1), (1e-5, 0.5, 0.0, 2)):
        case(f"minibatch/reshuffled, learning rate {eta}", make_general_cases.reshuffled,
             STATIONARY + ("stationary_mean",), kind="minibatch", learning_rate=eta, momentum=beta, weight_decay=lam,
             batch_size=size, features=x, targets=y, sampling="reshuffle", initial_position=[0.0, 0.0],
             initial_velocity=[0.0, 0.0], steps=[0, 1])


def discrete_cases():
    # a rotation of 2 I, with the rounding errors of one
    h = [[2.0, 2.220446049250313e-16, -1.1102230246251565e-16], [2.220446049250313e-16, 1.9999999999999998, 3.3306690738754696e-16],
         [-1.1102230246251565e-16, 3.3306690738754696e-16, 2.0000000000000004]]
    noise = [[1.0, -1.0, 0.5], [-1.0, 2.0, 0.0], [0.5, 0.0, 1.0]]
    mp.dps = DIGITS
    steepest = max(symmetric_eig(mat(h))[0])
    for beta in (0.0, 0.9):
        rate = float(2 * (1 + num(beta)) / steepest * (1 - mpf(1e-9)))
        case(f"discrete/twice the identity to rounding, 1e-9 from the edge, momentum {beta}", make_cases.discrete,
             ("stationary_covariance", "speed", "displacement", "potential_energy", "kinetic_energy"), kind="discrete",
             learning_rate=rate, momentum=beta, weight_decay=0.0, hessian=h, noise_covariance=noise, steps=[0, 1, 2, 17, 1000])


def sde_cases():
    for beta, eta in ((0.9999, 0.1), (0.999999, 0.7), (0.999999, 1e-3)):
        case(f"sde/momentum {beta}, learning rate {eta}", sde, None, kind="sde", learning_rate=eta, momentum=beta,
             weight_decay=0.0, batch_size=3, hessian=[[2.0, 0.5], [0.5, 0.3]], linear_term=[1.0, -0.5],
             noise_covariance=[[1.0, 0.2], [0.2, 0.5]], initial_position=[1.0, 2.0], initial_velocity=[0.5, -1.0],
             times=[0.0, 1.0, 1e3, 1e6], steps=[0, 1, 1000, 1000000])


def compute(definition, doc, digits, only):
    mp.dps = digits
    return {key: to_double(value, key in VECTORS | {"stationary_mean"}) for key, value in definition(doc).items()
            if only is None or key in only}


def main():
    minibatch_cases()
    discrete_cases()
    sde_cases()
    documents = []
    for name, definition, only, doc in CASES:
        expected = compute(definition, doc, DIGITS, only)
        assert expected == compute(definition, doc, CHECK_DIGITS, only), f"{name}: the doubles depend on the precision"
        # a covariance of directions that doubles tell apart by nothing but rounding has entries a million times smaller than the
        # terms they are made of
        tolerance = 1e-9 if doc["kind"] == "discrete" else 1e-10
        documents.append({"name": name, "input": doc, "tolerance": tolerance, "expected": expected})
    text = "[\n" + ",\n".join(json.dumps(d, allow_nan=False) for d in documents) + "\n]\n"
    print("cases", len(documents), "bytes", len(text))
    with open(os.path.join(HERE, "edge_cases.json"), "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
