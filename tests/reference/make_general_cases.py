#!/usr/bin/env python3
"""Regenerates general_cases.json: reference values for the kinds `ou`, `gaussian-features`, `epoch-noise`, `gaussian-pair`,
`jko-step` and `minibatch` with reshuffled epochs. Method and number of digits as in make_cases.py, whose tools it uses:

* `ou`: propagators from Taylor series and doubling, B from one Kronecker solve, the rate of the free energy by numerical
  differentiation at 120 digits, entropy production from tr(D^-1 A B A') - tr A (full-rank D) or from the drift of the
  time-reversed process (velocities odd);
* `gaussian-features`: the explicit (2d)^2 x (2d)^2 second-moment map from Isserlis' theorem;
* `epoch-noise`: the double sum over the batches of an epoch as it stands;
* `gaussian-pair`, `jko-step`: matrix square roots from eigenvectors; a JKO step is accepted only when the optimality
  condition T C T = C_0, T = 1 + step (U - C^-1 / kappa) > 0, holds to 100 digits;
* reshuffled minibatches: all ordered partitions of the samples.

    python3 make_general_cases.py         # rewrites general_cases.json next to this file
"""

import itertools
import json
import os
import sys

from mpmath import mp, mpf

from make_cases import (CHECK_DIGITS, DIGITS, HERE, TINY, VECTORS, add, apply, block, clean_all, congruence, flow, identity, inverse,
                        kron, lin_solve, lyapunov, mat, minimum_norm_solution, mul, num, outer, scale,
                        step_powers, stein, symmetric_eig, to_double, tr, trace, unvec, vec, zeros)


def eigenvalues(a):
    """The QR iteration of mpmath may not converge; a reflection of the basis changes its course, not the eigenvalues."""
    n = len(a)
    if n == 1:
        return [a[0][0]]
    for attempt in range(8):
        try:
            return list(mp.eig(mp.matrix(a), left=False, right=False))
        except RuntimeError:
            v = [mpf((7 * i + 3 * attempt) % 11 + 1) for i in range(n)]
            reflection = add(identity(n), outer(v, v), -2 / mp.fdot(v, v))
            a = mul(mul(reflection, a), reflection)
    raise RuntimeError("no eigenvalues")


def spectral_radius(a):
    return max(abs(x) for x in eigenvalues(a))


# ---------------------------------------------------------------- Gaussian laws

def log_determinant(c):
    return mp.log(mp.det(mp.matrix(c)))


def entropy(c):
    return (len(c) * (1 + mp.log(2 * mp.pi)) + log_determinant(c)) / 2


def divergence(d, c1, c2):
    inv = inverse(c2)
    return (trace(mul(inv, c1)) - len(c1) + mp.fdot(d, apply(inv, d)) + log_determinant(c2) - log_determinant(c1)) / 2


def function_of(c, f):
    values, vectors = symmetric_eig(c)
    out = zeros(len(c))
    for value, q in zip(values, vectors):
        out = add(out, outer(q, q), f(value))
    return out


def root(x):
    return mp.sqrt(x) if x > 0 else mpf(0)


def gaussian_pair(doc):
    c1, c2 = mat(doc["covariance1"]), mat(doc["covariance2"])
    d = [num(a) - num(b) for a, b in zip(doc["mean1"], doc["mean2"])]
    r = function_of(c1, root)
    inner = function_of(mul(mul(r, c2), r), root)
    out = {"w2_squared": mp.fdot(d, d) + trace(c1) + trace(c2) - 2 * trace(inner)}
    if min(symmetric_eig(c1)[0]) > mpf(10) ** -30:
        out |= {"entropy1": entropy(c1), "entropy2": entropy(c2), "kl_12": divergence(d, c1, c2),
                "kl_21": divergence(d, c2, c1)}
    else:
        out |= {"entropy1": None, "kl_12": None}
    return out


def jko_step(doc):
    u, kappa, step = mat(doc["precision"]), num(doc.get("kappa", 1)), num(doc["step"])
    c0, m0 = mat(doc["covariance"]), [num(x) for x in doc["mean"]]
    n = len(u)
    g = add(identity(n), u, step)
    c = step / kappa
    h = function_of(g, lambda x: 1 / mp.sqrt(x))
    x = mul(mul(h, c0), h)
    y = function_of(x, lambda s: c + (s + mp.sqrt(s * s + 4 * c * s)) / 2 if s > 0 else c)
    after = mul(mul(h, y), h)
    transport = add(identity(n), add(u, inverse(after), -1 / kappa), step)
    gap = add(mul(mul(transport, after), transport), c0, -1)
    assert max(abs(v) for v in vec(gap)) < mpf(10) ** (20 - mp.dps), "not the minimiser"
    assert min(symmetric_eig(transport)[0]) > -mpf(10) ** -50

    def free_energy(m, cov):
        return (trace(mul(u, cov)) + mp.fdot(m, apply(u, m))) / 2 - entropy(cov) / kappa

    m1 = lin_solve(g, m0)
    singular = min(symmetric_eig(c0)[0]) < mpf(10) ** -30
    return {"mean": m1, "covariance": after, "free_energy_before": None if singular else free_energy(m0, c0),
            "free_energy_after": free_energy(m1, after)}


# ---------------------------------------------------------------- Ornstein-Uhlenbeck

def ou(doc):
    a, d, kappa = mat(doc["drift"]), mat(doc["diffusion"]), num(doc["kappa"])
    n = len(a)
    mu, m0 = [num(x) for x in doc["mean"]], [num(x) for x in doc["initial_mean"]]
    c0 = mat(doc["initial_covariance"]) if "initial_covariance" in doc else zeros(n)
    w = scale(d, 2 / kappa)
    start = [p - q for p, q in zip(m0, mu)]

    def law(t):
        e, c = flow(a, w, t)
        return [p + q for p, q in zip(mu, apply(e, start))], add(c, congruence(e, c0)), e

    laws = [law(num(t)) for t in doc["times"]]

    def cross(t, s):
        if t >= s:
            return mul(flow(a, w, t - s)[0], law(s)[1])
        return mul(law(t)[1], tr(flow(a, w, s - t)[0]))

    out = {"mean": [m for m, _, _ in laws], "covariance": [c for _, c, _ in laws],
           "cross_covariance": [cross(num(t), num(s)) for t, s in doc.get("pairs", [])]}
    of_law = ["lyapunov", "stationary_covariance", "circulation", "precision", "potential", "force", "current",
              "log_density", "detailed_balance", "entropy_production", "free_energy", "free_energy_rate",
              "kl_to_stationary"]
    if min(mp.re(x) for x in eigenvalues(a)) <= mpf(10) ** -40:
        return out | dict.fromkeys(of_law)
    b = lyapunov(a, scale(d, 2))
    q = add(mul(a, b), d, -1)
    out |= {"lyapunov": b, "stationary_covariance": scale(b, 1 / kappa), "circulation": q,
            "detailed_balance": bool(max(abs(x) for x in vec(q)) < mpf(10) ** -40)}
    if min(symmetric_eig(b)[0]) <= mpf(10) ** -40 * max(symmetric_eig(b)[0]):
        return out | dict.fromkeys(["precision", "potential", "force", "current", "log_density", "entropy_production",
                                    "free_energy", "free_energy_rate", "kl_to_stationary"])
    u = inverse(b)
    points = [[num(x) - m for x, m in zip(p, mu)] for p in doc.get("points", [])]
    psi = [mp.fdot(z, apply(u, z)) / 2 for z in points]
    force = [[-x for x in apply(q, apply(u, z))] for z in points]
    log_density = [-kappa * v + (n * mp.log(kappa / (2 * mp.pi)) - log_determinant(b)) / 2 for v in psi]
    out |= {"precision": u, "potential": psi, "force": force, "log_density": log_density,
            "current": [[x * mp.exp(v) for x in f] for f, v in zip(force, log_density)]}
    noisy = [i for i in range(n) if any(d[i])]
    if len(noisy) == n:
        if min(symmetric_eig(d)[0]) > mpf(10) ** -40:
            out["entropy_production"] = trace(mul(inverse(d), congruence(a, b))) - trace(a)
    elif any(abs(q[i][j]) > mpf(10) ** -40 for i in range(n) if i not in noisy for j in range(n)):
        out["entropy_production"] = None
    if "parity" in doc:
        s = [mpf(x) for x in doc["parity"]]
        flip = [[s[i] if i == j else mpf(0) for j in range(n)] for i in range(n)]
        # dX = -A x forward; backward in time -A x + 2 D U x, seen with the signs of the parities
        backward = congruence(flip, add(scale(a, -1), mul(d, u), 2))
        # reversal turns the forward drift -A into A - 2 D U
        reversed_drift = scale(backward, -1)
        gap = add(scale(a, -1), reversed_drift, -1)
        quiet = [i for i in range(n) if i not in noisy]
        if any(abs(gap[i][j]) > mpf(10) ** -40 for i in quiet for j in range(n)):
            out["entropy_production_with_parity"] = None
        else:
            inner = [[d[i][j] for j in noisy] for i in noisy]
            rows = [gap[i] for i in noisy]
            spread = mul(mul(rows, b), tr(rows))
            out["entropy_production_with_parity"] = trace(mul(inverse(inner), spread)) / 4
    ss = scale(b, 1 / kappa)

    def free_energy(t):
        m, c, _ = law(t)
        z = [p - r for p, r in zip(m, mu)]
        return (trace(mul(u, c)) + mp.fdot(z, apply(u, z))) / 2 - entropy(c) / kappa

    energies, rates, kls = [], [], []
    for t, (m, c, _) in zip(doc["times"], laws):
        t = num(t)
        if t == 0 and not any(any(row) for row in c0):
            energies.append(None), rates.append(None), kls.append(None)
            continue
        z = [p - r for p, r in zip(m, mu)]
        energies.append(free_energy(t))
        kls.append(divergence(z, c, ss))
        if t > 0:
            keep = mp.dps
            mp.dps = 3 * keep
            h = t * mpf(10) ** (-keep // 2)
            rate = (free_energy(t + h) - free_energy(t - h)) / (2 * h)
            mp.dps = keep
            rates.append(+rate)
        else:
            dc = add(w, add(mul(a, c), mul(c, tr(a))), -1)
            rates.append(trace(mul(add(u, inverse(c), -1 / kappa), dc)) / 2 - mp.fdot(apply(u, z), apply(a, z)))
    def small(values):
        """A distance that has decayed below the digits of its terms is 0 here."""
        return [mpf(0) if x is not None and abs(x) < mpf(10) ** -50 else x for x in values]

    return out | {"free_energy": energies, "free_energy_rate": small(rates), "kl_to_stationary": small(kls)}


# ---------------------------------------------------------------- discrete time

def gaussian_features(doc):
    eta, beta, size, s2 = (num(doc[k]) for k in ("learning_rate", "momentum", "batch_size", "sigma2"))
    rho = [num(x) for x in doc["eigenvalues"]]
    d = len(rho)
    h = [[rho[i] if i == j else mpf(0) for j in range(d)] for i in range(d)]
    m = zeros(2 * d)
    for i in range(d):
        m[i][i], m[i][d + i] = 1 - eta * rho[i], eta * beta
        m[d + i][i], m[d + i][d + i] = -rho[i], beta

    def noise(p):
        """Covariance of the gradient noise for a second moment p of the deviation (Isserlis), without sigma^2."""
        hph = mul(mul(h, p), h)
        return scale(add(hph, scale(h, trace(mul(h, p)))), 1 / size)

    def lift(s):
        g = [[eta if j == i else mpf(0) for j in range(d)] for i in range(d)]
        g += [[mpf(1 if j == i else 0) for j in range(d)] for i in range(d)]
        return congruence(g, s)

    n = 2 * d
    columns = []
    for i in range(n):
        for j in range(n):
            p = zeros(n)
            p[i][j] = mpf(1)
            columns.append(vec(add(congruence(m, p), lift(noise(block(p, 0, 0, d))))))
    k = tr(columns)
    radius = spectral_radius(k)
    out = {"spectral_radius": radius, "stable": bool(radius < 1)}
    if radius < 1:
        p = unvec(lin_solve(add(identity(n * n), k, -1), vec(lift(scale(h, s2 / size)))), n)
        out |= {"variance_position": [p[i][i] for i in range(d)], "variance_velocity": [p[d + i][d + i] for i in range(d)]}
        total = trace(mul(h, block(p, 0, 0, d)))
        out["stability_sum"] = total / (total + s2)
    else:
        out |= {"variance_position": None, "variance_velocity": None}
    return out


def epoch_noise(doc):
    eta, beta, h, s2 = (num(doc[k]) for k in ("learning_rate", "momentum", "curvature", "noise_variance"))
    size = doc["batches_per_epoch"]
    m, g = [[1 - eta * h, eta * beta], [-h, beta]], [eta, mpf(1)]
    if not 0 < eta * h < 2 * (1 + beta):
        return {"covariance_by_position": None, "displacement": None}

    def correlation(i, j):
        return s2 if i == j else -s2 / (size - 1)

    def kicks(count):
        w = zeros(2)
        arms = [apply(step_powers(m, zeros(2), count - 1 - i)[0], g) for i in range(count)]
        for i in range(count):
            for j in range(count):
                w = add(w, outer(arms[i], arms[j]), correlation(i, j))
        return w

    full = step_powers(m, zeros(2), size)[0]
    p0 = stein(full, kicks(size))
    positions = [add(congruence(step_powers(m, zeros(2), i)[0], p0), kicks(i)) for i in range(size)]
    displacement = []
    for e in doc["epochs"]:
        kept = mul(step_powers(m, zeros(2), e * size)[0], p0)
        displacement.append(2 * (p0[0][0] - kept[0][0]))
    return {"covariance_by_position": positions, "displacement": displacement}


def ordered_partitions(items, size):
    if not items:
        yield []
        return
    for batch in itertools.combinations(items, size):
        rest = [i for i in items if i not in batch]
        for tail in ordered_partitions(rest, size):
            yield [batch] + tail


def reshuffled(doc):
    eta, beta, lam = (num(doc[k]) for k in ("learning_rate", "momentum", "weight_decay"))
    size = doc["batch_size"]
    x, y = mat(doc["features"]), [num(t) for t in doc["targets"]]
    n, d = len(x), len(x[0])
    h = scale(mul(tr(x), x), mpf(1) / n)
    hl = add(h, scale(identity(d), lam))
    b = [s / n for s in apply(tr(x), y)]
    ridge = lin_solve(hl, b)

    def step(batch):
        hb, gb = scale(identity(d), lam), [lam * t for t in ridge]
        for i in batch:
            hb = add(hb, scale(outer(x[i], x[i]), mpf(1) / size))
            r = mp.fdot(x[i], ridge) - y[i]
            gb = [p + q * r / size for p, q in zip(gb, x[i])]
        m = zeros(2 * d)
        for i in range(d):
            m[i][i] += 1
            m[i][d + i] = eta * beta
            m[d + i][d + i] = beta
            for j in range(d):
                m[i][j] -= eta * hb[i][j]
                m[d + i][j] = -hb[i][j]
        return m, [-eta * t for t in gb] + [-t for t in gb]

    w = 2 * d
    orders = list(ordered_partitions(list(range(n)), size))
    length = n // size
    # affine maps after 0 .. L batches of every order: z -> m z + c
    paths = []
    for order in orders:
        m, c = identity(w), [mpf(0)] * w
        path = [(m, c)]
        for batch in order:
            mb, cb = step(batch)
            m, c = mul(mb, m), [p + q for p, q in zip(apply(mb, c), cb)]
            path.append((m, c))
        paths.append(path)
    weight = mpf(1) / len(orders)

    def moments(place, mean, moment):
        new_mean, new = [mpf(0)] * w, zeros(w)
        for path in paths:
            m, c = path[place]
            mm = apply(m, mean)
            new_mean = [s + weight * (p + q) for s, p, q in zip(new_mean, mm, c)]
            new = add(new, congruence(m, moment), weight)
            new = add(new, add(outer(mm, c), add(outer(c, mm), outer(c, c))), weight)
        return new_mean, new

    k, a, kick = zeros(w * w), zeros(w), [mpf(0)] * w
    for path in paths:
        m, c = path[length]
        k = add(k, kron(m, m), weight)
        a = add(a, m, weight)
        kick = [s + weight * t for s, t in zip(kick, c)]
    radius = spectral_radius(k)
    out = {"minimum_ridge": ridge, "hessian": h, "spectral_radius": radius, "stable": bool(radius < 1)}
    mean = [num(s) - t for s, t in zip(doc["initial_position"], ridge)] + [num(s) for s in doc["initial_velocity"]]
    state, at = (mean, outer(mean, mean)), {}
    for epoch in range(max(doc["steps"]) + 1):
        at[epoch] = [moments(place, *state) for place in range(length)]
        state = moments(length, *state)
    out["transient_mean"] = [[m for m, _ in at[e]] for e in doc["steps"]]
    out["transient_second_moment"] = [[p for _, p in at[e]] for e in doc["steps"]]
    if radius < 1:
        mean = lin_solve(add(identity(w), a, -1), kick)
        source = moments(length, mean, zeros(w))[1]
        moment = unvec(lin_solve(add(identity(w * w), k, -1), vec(source)), w)
        all_places = [moments(place, mean, moment) for place in range(length)]
        out["stationary_mean"] = [m for m, _ in all_places]
        out["stationary_second_moment"] = [p for _, p in all_places]
        covariance = add(moment, outer(mean, mean), -1)
        values = []
        for e in doc["steps"]:
            kept = mul(step_powers(a, zeros(w), e)[0], covariance)
            values.append(2 * mp.fsum(covariance[i][i] - kept[i][i] for i in range(d)))
        out["displacement"] = values
        ols = minimum_norm_solution(h, b)

        def loss(theta, decay):
            res = [t - mp.fdot(row, theta) for row, t in zip(x, y)]
            return mp.fdot(res, res) / (2 * n) + decay / 2 * mp.fdot(theta, theta)

        offset = loss(ridge, lam) - loss(ols, 0)
        out["excess_loss"] = [trace(mul(hl, block(p, 0, 0, d))) / 2 + offset for _, p in all_places]
        out["kinetic_energy"] = [eta * (1 + beta) / 4 * trace(block(p, 1, 1, d)) for _, p in all_places]
    return out


KINDS = {"ou": ou, "gaussian-features": gaussian_features, "epoch-noise": epoch_noise, "gaussian-pair": gaussian_pair,
         "jko-step": jko_step, "minibatch": reshuffled}
CASES = []


def case(name, kind, **inputs):
    without = inputs.pop("without", ())  # keys that are zero to the rounding of the inputs
    CASES.append((f"{kind}/{name}", {"kind": kind, **inputs}, without))


def phase_space(eta, beta, lam, hessian, sigma):
    d = len(hessian)
    f = 2 / (eta * (1 + beta))
    a = [[0.0] * d + [-1.0 if i == j else 0.0 for j in range(d)] for i in range(d)]
    a += [[f * (hessian[i][j] + (lam if i == j else 0)) for j in range(d)]
          + [f * (1 - beta) if i == j else 0.0 for j in range(d)] for i in range(d)]
    z = [[0.0] * (2 * d) for _ in range(d)]
    z += [[0.0] * d + [f * (1 - beta) * sigma[i][j] for j in range(d)] for i in range(d)]
    return a, z


def ou_cases():
    wide = [0.0, 1e-12, 1e-9, 1e-6, 1e-3, 0.1, 1.0, 10.0, 1e4]

    def one(name, drift, diffusion, kappa=1.0, times=None, mean=None, initial_mean=None, **more):
        n = len(drift)
        case(name, "ou", drift=drift, diffusion=diffusion, kappa=kappa, times=wide if times is None else times,
             mean=[0.25 * (i + 1) for i in range(n)] if mean is None else mean,
             initial_mean=[1.0 - 0.5 * i for i in range(n)] if initial_mean is None else initial_mean, **more)

    one("one dimension", [[2.0]], [[0.5]], 3.0, pairs=[[0.5, 2.0], [2.0, 0.5], [1.0, 1.0]], points=[[0.0], [1.5]])
    one("one dimension, weak", [[1e-6]], [[1.0]], 1.0, points=[[0.0]])
    one("symmetric, detailed balance", [[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.0, 1.0]], 2.0,
        points=[[0.0, 0.0], [1.0, -2.0]], pairs=[[0.1, 0.7], [0.7, 0.1]])
    one("diagonal drift and diffusion", [[1.0, 0.0], [0.0, 2.0]], [[4.0, 0.0], [0.0, 1.0]], 1.0, points=[[1.0, 1.0]])
    one("anisotropic diffusion", [[2.5, -1.5], [-1.5, 2.5]], [[1.0, 0.0], [0.0, 0.1]], 5.0, points=[[0.1, 0.2]],
        initial_covariance=[[0.5, 0.1], [0.1, 0.25]], times=wide[:-1])
    one("rotation", [[1.0, 2.0], [-2.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], 1.0, points=[[1.0, 0.0], [0.0, 3.0]],
        pairs=[[0.0, 1.0], [1.0, 0.25]], parity=[1, 1])
    one("rotation, one coordinate odd", [[1.0, 2.0], [-2.0, 1.0]], [[1.0, 0.0], [0.0, 0.5]], 1.0, parity=[1, -1],
        times=[0.5])
    one("weakly damped rotation", [[1e-6, 1.0], [-1.0, 1e-6]], [[1.0, 0.0], [0.0, 2.0]], 1.0, points=[[1.0, 1.0]])
    one("defective", [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 2.0]], 2.0, points=[[0.0, 1.0, -1.0]], pairs=[[0.3, 0.8]])
    one("defective to one part in 1e9", [[1.0, 1.0], [0.0, 1.0 + TINY]], [[1.0, 0.25], [0.25, 0.5]], 2.0,
        points=[[0.0, 1.0]])
    one("rates from 1e-3 to 1e5", [[1e5, 3.0, 0.0], [-2.0, 10.0, 1.0], [0.5, 0.0, 1e-3]],
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.5], [0.0, 0.5, 1.0]], 1.0)
    one("not normal", [[1.0, 100.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]], 1.0, points=[[10.0, 0.5]])
    for label, factor in (("critical, exact", 1.0), ("critical, 1e-9 below", 1 - TINY), ("critical, 1e-9 above", 1 + TINY)):
        one(f"oscillator, {label}", [[0.0, -1.0], [0.25 * factor, 1.0]], [[0.0, 0.0], [0.0, 1.0]], 2.0,
            points=[[0.5, -0.5]], parity=[1, -1], mean=[0.5, 0.0], pairs=[[1e-6, 1.0], [3.0, 1.0]])
    one("oscillator, even velocity", [[0.0, -1.0], [4.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]], 1.0, parity=[1, 1], times=[1.0])
    h2, commuting = [[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.25], [0.25, 0.5]]
    a, d = phase_space(0.0625, 0.875, 0.125, h2, commuting)
    one("phase space, Assumption 3", a, d, 28.0, mean=[0.5, -0.25, 0.0, 0.0], initial_mean=[1.0, 1.0, 0.0, 0.0],
        parity=[1, 1, -1, -1], points=[[0.0, 0.0, 0.5, 0.5]], times=wide[:-1], pairs=[[0.5, 2.0]])
    a, d = phase_space(0.0625, 0.5, 0.25, h2, [[1.0, -0.25], [-0.25, 3.0]])
    one("phase space, Sigma and H do not commute", a, d, 6.0, mean=[0.5, -0.25, 0.0, 0.0],
        initial_mean=[1.0, 1.0, 0.0, 0.0], parity=[1, 1, -1, -1], points=[[0.0, 0.0, 0.5, 0.5]], times=wide[:-1])
    a, d = phase_space(0.0625, 0.5, 0.25, [[1.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]])
    one("phase space, a direction without noise", a, d, 6.0, times=[0.0, 1.0], points=[[0.0, 0.0, 0.0, 0.0]])
    one("three integrators", [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 3.0, 3.0]],
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]], 1.0, times=[1e-4, 0.01, 1.0, 100.0])
    one("no noise", [[1.0, 0.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]], 1.0, times=[0.0, 1.0],
        initial_covariance=[[1.0, 0.5], [0.5, 1.0]])
    one("no restoring force", [[0.0, -1.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]], 1.0, times=[0.0, 1e-6, 1.0, 100.0])
    one("unstable", [[-0.5, 0.0], [0.25, 1.0]], [[1.0, 0.0], [0.0, 1.0]], 1.0, times=[0.0, 1.0, 10.0],
        points=[[0.0, 0.0]])
    one("undamped", [[0.0, -1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], 1.0, times=[0.0, 1.0, 10.0])
    one("opposite rates: a Lyapunov solution that is no covariance", [[1.0, 0.0], [0.0, -3.0]],
        [[1.0, 0.5], [0.5, 1.0]], 1.0, times=[0.5])


def pair_cases():
    def one(name, m1, c1, m2, c2, **more):
        case(name, "gaussian-pair", mean1=m1, covariance1=c1, mean2=m2, covariance2=c2, **more)

    one("one dimension", [0.0], [[1.0]], [3.0], [[4.0]])
    one("equal covariances", [0.0, 1.0], [[2.0, 0.5], [0.5, 1.0]], [0.5, -1.0], [[2.0, 0.5], [0.5, 1.0]])
    one("not commuting", [0.0, 1.0], [[2.0, 0.5], [0.5, 1.0]], [0.5, -1.0], [[1.0, -0.75], [-0.75, 3.0]])
    one("close", [0.0, 0.0], [[1.0, 0.25], [0.25, 1.0]], [0.0, 0.0], [[1.0 + TINY, 0.25], [0.25, 1.0 - TINY]])
    one("close means and covariances", [1.0, 0.0], [[1.0, 0.25], [0.25, 1.0]], [1.0 + 2.0 ** -20, 0.0],
        [[1.0 + 2.0 ** -18, 0.25], [0.25, 1.0]])
    one("scales far apart", [0.0, 0.0], [[1e-8, 0.0], [0.0, 1.0]], [0.0, 0.0], [[1.0, 1e-5], [1e-5, 1e-8]])
    one("point and Gaussian", [1.0, 2.0], [[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0], [[1.0, 0.5], [0.5, 2.0]])
    one("three dimensions", [0.0, 0.0, 1.0], [[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 0.5]], [1.0, 0.0, 0.0],
        [[1.0, 0.0, 0.5], [0.0, 3.0, -0.5], [0.5, -0.5, 2.0]])


def jko_cases():
    def one(name, u, kappa, m, c, step):
        case(name, "jko-step", precision=u, kappa=kappa, mean=m, covariance=c, step=step)

    one("one dimension", [[2.0]], 1.0, [1.0], [[0.25]], 0.125)
    one("stationary", [[2.0, 0.0], [0.0, 4.0]], 2.0, [0.0, 0.0], [[0.25, 0.0], [0.0, 0.125]], 0.5)
    one("not commuting", [[2.0, 0.5], [0.5, 1.0]], 3.0, [1.0, -1.0], [[1.0, -0.75], [-0.75, 3.0]], 0.25)
    one("small step", [[2.0, 0.5], [0.5, 1.0]], 3.0, [1.0, -1.0], [[1.0, -0.75], [-0.75, 3.0]], 1e-6)
    one("large step", [[2.0, 0.5], [0.5, 1.0]], 3.0, [1.0, -1.0], [[1.0, -0.75], [-0.75, 3.0]], 100.0)
    one("from a point", [[2.0, 0.5], [0.5, 1.0]], 1.0, [1.0, 0.0], [[0.0, 0.0], [0.0, 0.0]], 0.5)
    one("flat direction", [[1.0, 0.0], [0.0, 0.0]], 1.0, [1.0, 1.0], [[1.0, 0.5], [0.5, 1.0]], 0.5)


def discrete_cases():
    def features(name, eta, beta, size, rho, s2):
        case(name, "gaussian-features", learning_rate=eta, momentum=beta, batch_size=size, eigenvalues=rho, sigma2=s2)

    features("one dimension", 0.1, 0.0, 1, [1.0], 1.0)
    features("momentum", 0.05, 0.9, 1, [1.0], 0.5)
    features("three directions", 0.05, 0.5, 4, [2.0, 1.0, 0.25], 2.0)
    features("near the limit", 0.0974, 0.9, 1, [1.0], 1.0)
    features("beyond the limit", 0.0976, 0.9, 1, [1.0], 1.0)
    features("beyond the limit, many directions", 0.4, 0.0, 2, [1.0, 1.0, 1.0, 1.0, 1.0], 1.0)
    features("batch noise negligible", 0.5, 0.25, 100000, [1.0, 0.5], 1.0)
    features("tiny rate", 1e-8, 0.9, 2, [1.0, 1e-3], 1.0)

    def epoch(name, eta, beta, h, s2, size, epochs):
        case(name, "epoch-noise", learning_rate=eta, momentum=beta, curvature=h, noise_variance=s2,
             batches_per_epoch=size, epochs=epochs)

    epoch("two batches", 0.1, 0.0, 1.0, 1.0, 2, [0, 1, 2, 10, 1000])
    epoch("twenty batches", 0.1, 0.0, 1.0, 1.0, 20, [0, 1, 2, 5])
    epoch("momentum", 0.1, 0.9, 1.0, 2.0, 12, [0, 1, 2, 5, 100])
    epoch("slow direction", 0.001, 0.9, 0.05, 1.0, 8, [0, 1, 10, 1000, 100000])
    epoch("tiny u", 1e-6, 0.5, 1e-4, 1.0, 6, [0, 1, 1000, 1000000])
    epoch("near the edge", 2.99, 0.5, 1.0, 1.0, 7, [0, 1, 2, 50])
    epoch("unstable", 3.01, 0.5, 1.0, 1.0, 7, [1])

    def data(name, eta, beta, lam, size, x, y, start, velocity, epochs, without=()):
        case(name, "minibatch", learning_rate=eta, momentum=beta, weight_decay=lam, batch_size=size, sampling="reshuffle",
             features=x, targets=y, initial_position=start, initial_velocity=velocity, steps=epochs, without=without)

    x1, y1 = [[1.0], [-0.5], [0.25], [2.0]], [1.0, 0.5, -0.25, 1.5]
    data("reshuffle, four samples one by one", 0.125, 0.0, 0.0, 1, x1, y1, [0.5], [0.0], [0, 1, 2, 5])
    data("reshuffle, momentum and decay", 0.125, 0.5, 0.25, 2, x1, y1, [0.5], [-1.0], [0, 1, 3])
    x2 = [[1.0, 0.5], [-0.5, 1.0], [0.25, -1.0], [1.5, 0.0], [0.5, 0.5], [-1.0, 0.75]]
    y2 = [1.0, 0.5, -0.75, 1.0, 0.0, -0.5]
    data("reshuffle, two features", 0.25, 0.5, 0.125, 2, x2, y2, [0.0, 1.0], [0.0, 0.0], [0, 1, 2])
    data("reshuffle, three at a time", 0.25, 0.0, 0.0, 3, x2, y2, [0.0, 1.0], [0.5, 0.0], [0, 1, 2])
    data("reshuffle, the whole data", 0.25, 0.5, 0.125, 4, x1, y1, [1.0], [0.0], [0, 1, 2],
         without=("stationary_mean", "stationary_second_moment", "displacement", "kinetic_energy"))
    data("reshuffle, unstable", 2.0, 0.5, 0.0, 2, x1, y1, [1.0], [0.0], [0, 1])


for build in (ou_cases, pair_cases, jko_cases, discrete_cases):
    build()

VECTOR_KEYS = VECTORS | {"force", "current", "stationary_mean"}


def compute(doc, digits):
    mp.dps = digits
    return {key: to_double(clean_all(value), key in VECTOR_KEYS) for key, value in KINDS[doc["kind"]](doc).items()}


def main():
    documents = []
    for name, doc, without in CASES:
        expected = {key: value for key, value in compute(doc, DIGITS).items() if key not in without}
        again = {key: value for key, value in compute(doc, CHECK_DIGITS).items() if key not in without}
        assert expected == again, f"{name}: the doubles depend on the precision"
        entry = {"name": name, "input": doc, "expected": expected}
        documents.append(entry)
        print(name, file=sys.stderr)
    text = "[\n" + ",\n".join(json.dumps(d, allow_nan=False) for d in documents) + "\n]\n"
    print("cases", len(documents), "bytes", len(text))
    with open(os.path.join(HERE, "general_cases.json"), "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
