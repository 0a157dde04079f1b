#!/usr/bin/env python3
"""Regenerates cases.json: reference values for `langevin predict`, computed from the definitions.

    pip install mpmath            # gmpy2, when present, only makes it faster
    python3 make_cases.py         # rewrites cases.json next to this file, prints the checks
    python3 make_cases.py --dry   # computes and checks, writes nothing

How the values are made. Every input is an IEEE double and enters exactly. All arithmetic is mpmath at 120
decimal digits; everything is then computed a second time at 170 digits and the rounded doubles must be the same.
No closed form for a moment is used for an expected value. Instead:

* discrete time: the recursion z' = M z + g n is iterated for mean and covariance (literally up to 256 steps, by
  binary doubling of the pair (M^k, C_k) beyond); stationary laws are the Kronecker solution of the Stein equation;
  displacements are the variance of z_t - z_0 for that start;
* continuous time: e^{-A t} and int_0^t e^{-A s} W e^{-A' s} ds from the Taylor series on a short interval followed by
  doubling; stationary laws are the Kronecker solution of the Lyapunov equation A P + P A' = W;
* minibatch: all N^S tuples (with replacement) or all subsets (without) are enumerated, the second-moment map is the
  explicit (2d)^2 x (2d)^2 matrix, its spectral radius comes from its eigenvalues, and the learning-rate limit is the
  point where that radius crosses 1 (bracketed; the bracket is verified to 1e-15 relative).

Expected values are the nearest doubles. A quantity that does not exist is null; a quantity whose existence is a
matter of convention is left out of `expected` altogether. `tolerance` is relative, 1e-9 where it is absent; it is
looser only where moving the inputs by one unit in the last place moves the result by more than that.

The closed forms of the errata study (section 5) are compared with these values at the end; the largest relative
difference per identity is printed under `identities_checked`.
"""

import itertools
import json
import math
import os
import sys

import mpmath
from mpmath import mp, mpf

DIGITS = 120
CHECK_DIGITS = 170
HERE = os.path.dirname(os.path.abspath(__file__))


# ---------------------------------------------------------------- matrices as lists of rows

def num(x):
    """The exact value of a double (or of an already exact number)."""
    return mpf(x)


def mat(rows):
    return [[num(x) for x in row] for row in rows]


def zeros(n, m=None):
    return [[mpf(0)] * (n if m is None else m) for _ in range(n)]


def identity(n):
    return [[mpf(1 if i == j else 0) for j in range(n)] for i in range(n)]


def mul(a, b):
    bt = list(zip(*b))
    return [[mp.fdot(row, col) for col in bt] for row in a]


def apply(a, v):
    return [mp.fdot(row, v) for row in a]


def tr(a):
    return [list(c) for c in zip(*a)]


def add(a, b, s=1):
    return [[x + s * y for x, y in zip(r, q)] for r, q in zip(a, b)]


def scale(a, s):
    return [[s * x for x in r] for r in a]


def outer(u, v):
    return [[x * y for y in v] for x in u]


def trace(a):
    return mp.fsum(a[i][i] for i in range(len(a)))


def block(a, i, j, d):
    return [row[j * d:(j + 1) * d] for row in a[i * d:(i + 1) * d]]


def congruence(e, c):
    return mul(mul(e, c), tr(e))


def kron(a, b):
    """Acts on row-major vec: vec(A X B') = kron(A, B) vec(X)."""
    return [[x * y for x in ra for y in rb] for ra in a for rb in b]


def vec(a):
    return [x for r in a for x in r]


def unvec(v, n):
    return [list(v[i * n:(i + 1) * n]) for i in range(n)]


def lin_solve(a, b):
    return list(mp.lu_solve(mp.matrix(a), mp.matrix(b)))


def inverse(a):
    n = len(a)
    cols = [lin_solve(a, [mpf(1 if i == j else 0) for i in range(n)]) for j in range(n)]
    return tr(cols)


def norm(a):
    return max(sum(abs(x) for x in r) for r in a)


def eigenvalues(a):
    if len(a) == 1:
        return [a[0][0]]
    return list(mp.eig(mp.matrix(a), left=False, right=False))


def spectral_radius(a):
    return max(abs(e) for e in eigenvalues(a))


def symmetric_eig(h):
    """Eigenvalues ascending and the eigenvectors as rows."""
    w, q = mp.eigsy(mp.matrix(h))
    n = len(h)
    return [w[i] for i in range(n)], [[q[r, i] for r in range(n)] for i in range(n)]


def tiny():
    return mpf(10) ** (-(mp.dps - 25))


# ---------------------------------------------------------------- discrete time

def step_powers(m, w, k):
    """(M^k, sum_{j<k} M^j W M'^j): propagator and covariance after k steps from a point."""
    n = len(m)
    e, c = identity(n), zeros(n)
    if k <= 256:
        for _ in range(k):
            e, c = mul(m, e), add(congruence(m, c), w)
        return e, c
    for bit in bin(k)[2:]:
        e, c = mul(e, e), add(c, congruence(e, c))
        if bit == "1":
            e, c = mul(m, e), add(congruence(m, c), w)
    return e, c


def stein(m, w):
    """P = M P M' + W by one Kronecker solve."""
    n = len(m)
    k = kron(m, m)
    return unvec(lin_solve(add(identity(n * n), k, -1), vec(w)), n)


def displacement_covariance(e, c, p):
    """Cov(z_t - z_0) for z_t = E z_0 + (independent, covariance C), Cov z_0 = P."""
    return add(congruence(add(e, identity(len(e)), -1), p), c)


# ---------------------------------------------------------------- continuous time

def flow(a, w, t):
    """(e^{-A t}, int_0^t e^{-A s} W e^{-A' s} ds): Taylor on t/2^n, then doubling."""
    n = len(a)
    if t == 0:
        return identity(n), zeros(n)
    size = norm(a) * t
    doublings = max(0, int(mp.ceil(mp.log(size, 2))) + 8) if size > 0 else 0
    tau = t / mpf(2) ** doublings
    terms = int(mp.dps * 3.33 / 7) + 45
    e, term = identity(n), identity(n)
    c, cterm = scale(w, tau), scale(w, tau)
    for k in range(1, terms):
        term = scale(mul(a, term), -tau / k)
        e = add(e, term)
        ac = mul(a, cterm)
        cterm = scale(add(ac, mul(cterm, tr(a))), -tau / (k + 1))
        c = add(c, cterm)
    for _ in range(doublings):
        c = add(c, congruence(e, c))
        e = mul(e, e)
    return e, c


def lyapunov(a, w):
    """A P + P A' = W by one Kronecker solve."""
    n = len(a)
    i = identity(n)
    return unvec(lin_solve(add(kron(a, i), kron(i, a)), vec(w)), n)


# ---------------------------------------------------------------- discrete-mode

def characteristic_roots(m):
    """Roots of a real 2x2 matrix from its trace and determinant, larger real part first, then positive imaginary."""
    t = m[0][0] + m[1][1]
    d = m[0][0] * m[1][1] - m[0][1] * m[1][0]
    disc = t * t - 4 * d
    if disc >= 0:
        s = mp.sqrt(disc)
        return [[(t + s) / 2, mpf(0)], [(t - s) / 2, mpf(0)]]
    s = mp.sqrt(-disc)
    return [[t / 2, s / 2], [t / 2, -s / 2]]


def discrete_mode(doc):
    eta, beta, h = num(doc["learning_rate"]), num(doc["momentum"]), num(doc["curvature"])
    s2, steps, x0 = num(doc["noise_variance"]), doc["steps"], num(doc.get("position", 1))
    u = eta * h
    m = [[1 - u, eta * beta], [-h, beta]]
    g = [eta, mpf(1)]
    w = scale(outer(g, g), s2)
    roots = characteristic_roots(m)
    stable = 0 < u < 2 * (1 + beta)
    disc = (1 + beta - u) ** 2 - 4 * beta
    if not stable:
        regime = "unstable"
    elif disc == 0:
        regime = "critical"
    elif disc < 0:
        regime = "underdamped"
    else:
        regime = "overdamped" if u < 1 + beta else "alternating"
    powers = [step_powers(m, w, k) for k in steps]
    out = {
        "regime": regime,
        "roots": roots,
        "transient_mean": [apply(e, [x0, mpf(0)]) for e, _ in powers],
        "transient_covariance": [c for _, c in powers],
    }
    if stable:
        p = stein(m, w)
        rest = [[p[0][0], mpf(0)], [mpf(0), mpf(0)]]
        out |= {
            "stationary_covariance": p,
            "ratio_to_sde": p[0][0] / (eta * s2 / (2 * h * (1 - beta))),
            "lag_covariance": [mul(e, p) for e, _ in powers],
            "speed": displacement_covariance(m, w, p)[0][0],
            "displacement": [displacement_covariance(e, c, p)[0][0] for e, c in powers],
            "displacement_from_rest": [displacement_covariance(e, c, rest)[0][0] for e, c in powers],
            "potential_energy": h * p[0][0] / 2,
            "kinetic_energy": eta * (1 + beta) / 2 * p[1][1] / 2,
        }
    else:
        out |= dict.fromkeys(["stationary_covariance", "ratio_to_sde", "lag_covariance", "potential_energy"])
        if h == 0:
            # The velocity alone is stationary (v' = beta v + n) and z_t - z_0 does not see x_0.
            v = s2 / (1 - beta * beta)
            p = [[mpf(0), mpf(0)], [mpf(0), v]]
            out["speed"] = displacement_covariance(m, w, p)[0][0]
            out["displacement"] = [displacement_covariance(e, c, p)[0][0] for e, c in powers]
            out["displacement_from_rest"] = [c[0][0] for _, c in powers]
        else:
            out |= dict.fromkeys(["speed", "displacement", "displacement_from_rest", "kinetic_energy"])
    return out


# ---------------------------------------------------------------- sde-mode

def sde_mode(doc):
    eta, beta, batch = num(doc["learning_rate"]), num(doc["momentum"]), num(doc["batch_size"])
    sigma2, rho = num(doc["sigma2"]), num(doc["curvature"])
    h = rho + num(doc.get("weight_decay", 0))
    x0, v0 = num(doc["position"]), num(doc["velocity"])
    gamma = (1 - beta) / (eta * (1 + beta))
    omega2 = 2 * h / (eta * (1 + beta))
    # Sign of gamma^2 - omega^2 without a division, so that equality is exact.
    sign = mp.sign((1 - beta) ** 2 - 2 * h * eta * (1 + beta))
    a = [[mpf(0), mpf(-1)], [omega2, 2 * gamma]]
    w = [[mpf(0), mpf(0)], [mpf(0), 4 * sigma2 * rho / (batch * eta * (1 + beta) ** 2)]]
    times = [num(t) for t in doc["times"]]
    flows = [flow(a, w, t) for t in times]
    out = {
        "gamma": gamma,
        "omega": mp.sqrt(omega2),
        "zeta": gamma / mp.sqrt(omega2) if h > 0 else None,
        "alpha": mp.sqrt(abs(gamma ** 2 - omega2)) if sign != 0 else mpf(0),
        "regime": {1: "overdamped", 0: "critical", -1: "underdamped"}[int(sign)],
        "kappa": batch * (1 - beta ** 2),
        "mass": eta * (1 + beta) / 2,
        "propagator": [e for e, _ in flows],
        "mean": [apply(e, [x0, v0]) for e, _ in flows],
        "covariance": [c for _, c in flows],
    }
    if h > 0:
        p = lyapunov(a, w)
        lags = [flow(a, w, eta * k) for k in doc["steps"]]
        out |= {
            "stationary_covariance": p,
            "stationary_cross_covariance": [mul(p, tr(e)) for e, _ in flows],
            "displacement": [displacement_covariance(e, c, p)[0][0] for e, c in lags],
        }
        if rho > 0 and sigma2 > 0:
            out["velocity_correlation"] = [clean(mul(p, tr(e))[1][1] / p[1][1], norm(e)) for e, _ in lags]
    else:
        out |= dict.fromkeys(["stationary_covariance", "stationary_cross_covariance"])
    return out


# ---------------------------------------------------------------- sde

def null_space_cut(values):
    return max([abs(x) for x in values] + [mpf(0)]) * mpf(10) ** (-mp.dps // 2)


def minimum_norm_solution(h, b):
    w, q = symmetric_eig(h)
    cut = null_space_cut(w)
    out = [mpf(0)] * len(b)
    for value, vector in zip(w, q):
        if abs(value) > cut:
            s = mp.fdot(vector, b) / value
            out = [o + s * x for o, x in zip(out, vector)]
    return out


def sde(doc):
    eta, beta, batch = num(doc["learning_rate"]), num(doc["momentum"]), num(doc["batch_size"])
    lam = num(doc.get("weight_decay", 0))
    h, b = mat(doc["hessian"]), [num(x) for x in doc["linear_term"]]
    d = len(h)
    sigma = scale(h, num(doc["sigma2"])) if "sigma2" in doc else mat(doc["noise_covariance"])
    hl = add(h, scale(identity(d), lam))
    rate = 2 / (eta * (1 + beta))
    gamma = (1 - beta) / (eta * (1 + beta))
    kappa = batch * (1 - beta ** 2)
    n = 2 * d
    a, diffusion = zeros(n), zeros(n)
    for i in range(d):
        a[i][d + i] = mpf(-1)
        a[d + i][d + i] += rate * (1 - beta)
        for j in range(d):
            a[d + i][j] = rate * hl[i][j]
            diffusion[d + i][d + j] = rate * (1 - beta) * sigma[i][j]
    w = scale(diffusion, 2 / kappa)
    values, vectors = symmetric_eig(h)
    singular = min(values) + lam <= null_space_cut(values)
    ols = minimum_norm_solution(h, b)
    z0 = [num(x) for x in doc["initial_position"]] + [num(x) for x in doc["initial_velocity"]]
    # The mean without reference to a minimiser: a constant 1 is appended to the state.
    affine = [[a[i][j] if i < n and j < n else mpf(0) for j in range(n + 1)] for i in range(n + 1)]
    for i in range(d):
        affine[d + i][n] = -rate * b[i]
    times = [num(t) for t in doc["times"]]
    flows = [flow(a, w, t) for t in times]
    means = [apply(flow(affine, zeros(n + 1), t)[0], z0 + [mpf(1)])[:n] for t in times]
    out = {
        "drift": a,
        "diffusion": diffusion,
        "kappa": kappa,
        "minimum_ols": ols,
        "eigenvalues": sorted([mpf(0) if abs(x) <= null_space_cut(values) else x for x in values], reverse=True),
        "mean": means,
        "covariance": [c for _, c in flows],
    }
    if singular:
        out |= dict.fromkeys(["stationary_covariance", "circulation", "precision", "speed", "displacement",
                              "excess_loss", "kinetic_energy", "entropy_production_with_parity"])
        return out
    ridge = lin_solve(hl, b)
    p = lyapunov(a, w)
    lyap = scale(p, kappa)
    spread = block(p, 1, 1, d)

    def loss(theta, decay):
        return mp.fdot(theta, apply(h, theta)) / 2 - mp.fdot(b, theta) + decay / 2 * mp.fdot(theta, theta)

    offset = loss(ridge, lam) - loss(ols, 0)
    strengths = [mp.fdot(q, apply(sigma, q)) for q in vectors]
    modes = [[[mpf(0), mpf(-1)], [rate * (x + lam), 2 * gamma]] for x in values]

    def literal_17(lag_time):
        """Equation (17) summed term by term, the autocorrelation of mode l at time lag_time * k."""
        last = max(doc["steps"])
        c = [mpf(0)] * (last + 1)
        for s, m in zip(strengths, modes):
            e1 = flow(m, zeros(2), lag_time)[0]
            e = identity(2)
            for k in range(last + 1):
                c[k] += s * e[1][1]
                e = mul(e, e1)
        return [eta ** 2 / kappa * (trace(sigma) * t + 2 * mp.fsum((t - k) * c[k] for k in range(1, t + 1)))
                for t in doc["steps"]]

    out |= {
        "minimum_ridge": ridge,
        "stationary_covariance": p,
        "circulation": add(mul(a, lyap), diffusion, -1),
        "speed": eta ** 2 * trace(spread),
        "displacement_eq17": literal_17(eta),
        "displacement_eq17_as_printed": literal_17(mpf(1)),
        "displacement": [trace(block(displacement_covariance(*flow(a, w, eta * k), p), 0, 0, d)) for k in doc["steps"]],
        "loss_offset": clean(offset, 1),
        "excess_loss": trace(mul(hl, block(p, 0, 0, d))) / 2 + offset,
        "kinetic_energy": eta * (1 + beta) / 4 * trace(spread),
    }
    size = max(abs(x) for x in symmetric_eig(lyap)[0])
    regular = min(symmetric_eig(lyap)[0]) > size * mpf(10) ** (-mp.dps // 2)
    out["precision"] = inverse(lyap) if regular else None
    noise = scale(block(diffusion, 1, 1, d), 1 / kappa)
    if min(symmetric_eig(sigma)[0]) > null_space_cut(symmetric_eig(sigma)[0]):
        g = inverse(noise)
        value = 4 * gamma ** 2 * trace(mul(g, spread)) - 2 * gamma * d
        # The same rate as mean heat flow: 2 gamma E[v' G f], f = -rate (H + lambda) x.
        xv = block(p, 0, 1, d)
        heat = -2 * gamma * rate * trace(mul(mul(g, hl), xv))
        assert abs(value - heat) < tiny() * gamma * d * 100 + abs(value) * tiny()
        out["entropy_production_with_parity"] = clean(value, gamma * d)
    elif regular:
        out["entropy_production_with_parity"] = None  # noiseless but dissipating direction: infinite
    return out


# ---------------------------------------------------------------- discrete

def discrete_maps(doc):
    eta, beta = num(doc["learning_rate"]), num(doc["momentum"])
    h = mat(doc["hessian"])
    d = len(h)
    hl = add(h, scale(identity(d), num(doc.get("weight_decay", 0))))
    m = zeros(2 * d)
    gam = zeros(2 * d, d)
    for i in range(d):
        m[i][i] += 1
        m[i][d + i] = eta * beta
        m[d + i][d + i] = beta
        gam[i][i], gam[d + i][i] = eta, mpf(1)
        for j in range(d):
            m[i][j] -= eta * hl[i][j]
            m[d + i][j] = -hl[i][j]
    w = mul(mul(gam, mat(doc["noise_covariance"])), tr(gam))
    return eta, beta, d, hl, m, w


def discrete(doc):
    eta, beta, d, hl, m, w = discrete_maps(doc)
    radius = spectral_radius(m)
    out = {"spectral_radius": radius}
    if not radius < 1 - mpf(10) ** -40:
        out |= dict.fromkeys(["stationary_covariance", "lag_covariance", "potential_energy"])
        if radius > 1 + mpf(10) ** -40:
            out |= dict.fromkeys(["speed", "displacement", "kinetic_energy"])
        return out
    p = stein(m, w)
    powers = [step_powers(m, w, k) for k in doc["steps"]]
    return out | {
        "stationary_covariance": p,
        "speed": trace(block(displacement_covariance(m, w, p), 0, 0, d)),
        "displacement": [trace(block(displacement_covariance(e, c, p), 0, 0, d)) for e, c in powers],
        "lag_covariance": [mul(e, p) for e, _ in powers],
        "potential_energy": trace(mul(hl, block(p, 0, 0, d))) / 2,
        "kinetic_energy": eta * (1 + beta) / 4 * trace(block(p, 1, 1, d)),
    }


# ---------------------------------------------------------------- minibatch

def enumerate_batches(sampling, n, size):
    if sampling == "with-replacement":
        return list(itertools.product(range(n), repeat=size))
    return list(itertools.combinations(range(n), size))


def batch_maps(doc, eta):
    """Every batch as an affine map z -> M_B z + c_B of z = (theta - ridge minimum, v), with its weight."""
    beta, lam, size = num(doc["momentum"]), num(doc.get("weight_decay", 0)), doc["batch_size"]
    x, y = mat(doc["features"]), [num(t) for t in doc["targets"]]
    n, d = len(x), len(x[0])
    h = scale(mul(tr(x), x), mpf(1) / n)
    hl = add(h, scale(identity(d), lam))
    b = [s / n for s in apply(tr(x), y)]
    ridge = lin_solve(hl, b)
    counted = {}
    batches = enumerate_batches(doc["sampling"], n, size)
    for batch in batches:
        key = tuple(sorted(batch))
        counted[key] = counted.get(key, 0) + 1
    maps = []
    for batch, count in counted.items():
        hb = scale(identity(d), lam)
        gb = [lam * t for t in ridge]
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
        c = [-eta * t for t in gb] + [-t for t in gb]
        maps.append((mpf(count) / len(batches), m, c))
    return maps, h, hl, ridge, x, y


def second_moment_map(maps):
    n = len(maps[0][1])
    k = zeros(n * n)
    for p, m, _ in maps:
        k = add(k, kron(m, m), p)
    return k


def symmetric_part_map(maps):
    """The same map on symmetric matrices only: the radius is attained there (a positive map)."""
    n = len(maps[0][1])
    pairs = [(i, j) for i in range(n) for j in range(i, n)]
    k = second_moment_map(maps)
    cols = []
    for i, j in pairs:
        e = [mpf(0)] * (n * n)
        e[i * n + j] = mpf(1)
        e[j * n + i] = mpf(1)
        image = apply(k, e)
        cols.append([image[p * n + q] for p, q in pairs])
    return tr(cols)


def limit_of(radius, largest):
    """sup of eta with radius(eta) < 1, for a radius that crosses 1 once below `largest`, where it is >= 1."""
    grid = [largest * mpf(2) ** (-mpf(i) / 2) for i in range(40, 0, -1)] + [largest * mpf("1.001")]
    flags = [radius(e) < 1 for e in grid]
    assert flags[0] and not flags[-1], flags
    cross = flags.index(False)
    assert not any(flags[cross:]), "stability is not an interval"
    lo, hi = grid[cross - 1], grid[cross]
    flo, fhi = radius(lo) - 1, radius(hi) - 1
    side = 0
    for _ in range(200):
        if hi - lo < mpf(10) ** -40 * hi:
            break
        mid = (lo * fhi - hi * flo) / (fhi - flo)
        if not lo < mid < hi:
            mid = (lo + hi) / 2
        f = radius(mid) - 1
        if abs(f) < mpf(10) ** -60:
            lo = hi = mid
            break
        if f < 0:
            lo, flo = mid, f
            if side == -1:
                fhi /= 2
            side = -1
        else:
            hi, fhi = mid, f
            if side == 1:
                flo /= 2
            side = 1
    root = (lo + hi) / 2
    assert radius(root * (1 - mpf(10) ** -15)) < 1 < radius(root * (1 + mpf(10) ** -15))
    return root


def minibatch(doc):
    eta, beta = num(doc["learning_rate"]), num(doc["momentum"])
    lam = num(doc.get("weight_decay", 0))
    maps, h, hl, ridge, x, y = batch_maps(doc, eta)
    n, d = len(x), len(x[0])
    grads = [[q * (mp.fdot(row, ridge) - t) for q in row] for row, t in zip(x, y)]
    average = [mp.fsum(g[i] for g in grads) / n for i in range(d)]
    sigma = zeros(d)
    for g in grads:
        e = [p - q for p, q in zip(g, average)]
        sigma = add(sigma, outer(e, e), mpf(1) / n)
    k = second_moment_map(maps)
    radius = spectral_radius(k)
    stable = radius < 1
    mean_map, mean_kick = zeros(2 * d), [mpf(0)] * (2 * d)
    source = zeros(2 * d)
    for p, m, c in maps:
        mean_map = add(mean_map, m, p)
        mean_kick = [s + p * t for s, t in zip(mean_kick, c)]
        source = add(source, outer(c, c), p)
    largest = 2 * (1 + beta) / max(symmetric_eig(hl)[0])

    means, moments = {}, {}
    mean = [num(s) - t for s, t in zip(doc["initial_position"], ridge)] + [num(s) for s in doc["initial_velocity"]]
    moment = outer(mean, mean)
    for step in range(max(doc["steps"]) + 1):
        means[step], moments[step] = mean, moment
        new_mean, new_moment = [mpf(0)] * (2 * d), zeros(2 * d)
        for p, m, c in maps:
            mm = apply(m, mean)
            new_mean = [s + p * (t + q) for s, t, q in zip(new_mean, mm, c)]
            new_moment = add(new_moment, congruence(m, moment), p)
            new_moment = add(new_moment, outer(mm, c), p)
            new_moment = add(new_moment, outer(c, mm), p)
            new_moment = add(new_moment, outer(c, c), p)
        mean, moment = new_mean, new_moment
    out = {
        "minimum_ridge": ridge,
        "hessian": h,
        "gradient_noise_covariance": sigma,
        "spectral_radius": radius,
        "stable": bool(stable),
        "learning_rate_limit": limit_of(lambda e: spectral_radius(symmetric_part_map(batch_maps(doc, e)[0])), largest),
        "transient_mean": [means[s] for s in doc["steps"]],
        "transient_second_moment": [moments[s] for s in doc["steps"]],
    }
    if not stable:
        out |= dict.fromkeys(["stationary_second_moment", "displacement", "excess_loss", "kinetic_energy"])
    else:
        size = (2 * d) ** 2
        r = unvec(lin_solve(add(identity(size), k, -1), vec(source)), 2 * d)
        # E|theta_t - theta_0|^2 from the enumerated second moments of (z_t, theta_0).
        start = [row + row[:d] for row in r] + [row + row[:d] for row in r[:d]]
        big = []
        for p, m, c in maps:
            wide = [row + [mpf(0)] * d for row in m]
            wide += [[mpf(1 if j == 2 * d + i else 0) for j in range(3 * d)] for i in range(d)]
            big.append((p, wide, c + [mpf(0)] * d))
        joint, values = start, {}
        for step in range(max(doc["steps"]) + 1):
            values[step] = mp.fsum(joint[i][i] + joint[2 * d + i][2 * d + i] - 2 * joint[i][2 * d + i] for i in range(d))
            new = zeros(3 * d)
            for p, m, c in big:
                new = add(new, congruence(m, joint), p)
                new = add(new, outer(c, c), p)  # the stationary mean is zero
            joint = new
        ols = minimum_norm_solution(h, [s / n for s in apply(tr(x), y)])

        def loss(theta, decay):
            res = [t - mp.fdot(row, theta) for row, t in zip(x, y)]
            return mp.fdot(res, res) / (2 * n) + decay / 2 * mp.fdot(theta, theta)

        out |= {
            "stationary_second_moment": r,
            "displacement": [values[s] for s in doc["steps"]],
            "excess_loss": trace(mul(hl, block(r, 0, 0, d))) / 2 + loss(ridge, lam) - loss(ols, 0),
            "kinetic_energy": eta * (1 + beta) / 4 * trace(block(r, 1, 1, d)),
        }
    assert max(abs(s) for s in mean_kick) < tiny()
    return {key: clean_all(value) for key, value in out.items()}


# ---------------------------------------------------------------- stability

def stability(doc):
    beta = num(doc["momentum"])

    def unit_map(u):
        return [[1 - u, beta], [-u, beta]]  # eta = 1, h = u

    def disc(m):
        return (m[0][0] + m[1][1]) ** 2 - 4 * (m[0][0] * m[1][1] - m[0][1] * m[1][0])

    def radius(u):
        return max(mp.sqrt(re * re + im * im) for re, im in characteristic_roots(unit_map(u)))

    def bisect(good, lo, hi):
        for _ in range(int(mp.dps * 3.4)):
            mid = (lo + hi) / 2
            if good(mid):
                lo = mid
            else:
                hi = mid
        return (lo + hi) / 2

    centre = 1 + beta  # where the trace vanishes: oscillating (beta > 0) or doubly zero (beta = 0)
    out = {
        "limit": bisect(lambda u: radius(u) < 1, centre, mpf(5)),
        "critical_lower": bisect(lambda u: disc(unit_map(u)) > 0, mpf(0), centre),
        "critical_upper": bisect(lambda u: disc(unit_map(u)) <= 0, centre, mpf(5)),
        "critical_sde": bisect(lambda u: ((1 - beta) / (1 + beta)) ** 2 > 2 * u / (1 + beta), mpf(0), mpf(2)),
        "mean_square_learning_rate_limit": None,
    }
    if "curvature" in doc and "curvature_variance" in doc:
        h, c = num(doc["curvature"]), num(doc["curvature_variance"])

        def moment_radius(eta):
            maps = []
            for hb in (h - mp.sqrt(c), h + mp.sqrt(c)):
                maps.append((mpf(1) / 2, [[1 - eta * hb, eta * beta], [-hb, beta]], None))
            return spectral_radius(symmetric_part_map(maps))

        out["mean_square_learning_rate_limit"] = limit_of(moment_radius, 2 * (1 + beta) / h)
    return out


KINDS = {"discrete-mode": discrete_mode, "sde-mode": sde_mode, "sde": sde, "discrete": discrete,
         "minibatch": minibatch, "stability": stability}


# ---------------------------------------------------------------- cases

CASES = []
TINY = 2.0 ** -30  # about 1e-9, and exact in products with short numbers


def case(name, kind, tolerance=None, without=(), only=None, **inputs):
    """`without` drops keys that the doubles do not determine well; `only` keeps nothing but the keys named."""
    CASES.append((name, {"kind": kind, **inputs}, tolerance, tuple(without), only))


def discrete_mode_cases():
    def one(name, eta, beta, h, s2, steps, position=1.0, **more):
        case("discrete-mode/" + name, "discrete-mode", learning_rate=eta, momentum=beta, curvature=h,
             noise_variance=s2, steps=steps, position=position, **more)

    one("no momentum", 0.1, 0.0, 1.0, 1.0, [0, 1, 2, 3, 10, 100, 1000])
    one("no momentum, u = 1: one step forgets", 0.5, 0.0, 2.0, 0.5, [0, 1, 2, 3, 10, 1000])
    one("no momentum, alternating", 0.5, 0.0, 3.5, 2.0, [0, 1, 2, 3, 10, 101], -3.0)
    one("momentum 0.5, underdamped", 0.3, 0.5, 1.7, 0.25, [0, 1, 2, 7, 50, 500])
    one("momentum 0.9, underdamped", 0.1, 0.9, 1.0, 1.0, [0, 1, 2, 5, 20, 100, 1000])
    one("momentum 0.9, overdamped", 0.001, 0.9, 1.0, 1.0, [0, 1, 10, 100, 1000, 10000])
    one("momentum 0.99, underdamped", 0.01, 0.99, 3.0, 0.125, [0, 1, 10, 100, 1000, 10000], 2.5)
    one("momentum 0.99, overdamped", 0.00390625, 0.99, 0.001953125, 1e-6, [0, 1, 30, 1000, 100000])
    one("momentum 0.9, alternating near the limit", 0.5, 0.9, 7.596, 1.0, [0, 1, 2, 3, 11, 1000])
    one("critical, lower, exact", 0.25, 0.25, 1.0, 1.0, [0, 1, 2, 3, 10, 100])
    one("critical, lower, 1e-9 below", 0.25 * (1 - TINY), 0.25, 1.0, 1.0, [0, 1, 2, 3, 10, 100])
    one("critical, lower, 1e-9 above", 0.25 * (1 + TINY), 0.25, 1.0, 1.0, [0, 1, 2, 3, 10, 100])
    one("critical, upper, exact", 1.125, 0.25, 2.0, 1.0, [0, 1, 2, 3, 10, 101])
    one("critical, upper, 1e-9 below", 1.125 * (1 - TINY), 0.25, 2.0, 1.0, [0, 1, 2, 3, 10, 101])
    one("critical, upper, 1e-9 above", 1.125 * (1 + TINY), 0.25, 2.0, 1.0, [0, 1, 2, 3, 10, 101])
    one("critical, lower, one part in 1e13 above", 0.25 * (1 + 2.0 ** -43), 0.25, 1.0, 1.0, [0, 1, 2, 3, 10, 100])
    low = (1 - math.sqrt(0.9)) ** 2
    one("momentum 0.9, 1e-9 below critical", low * (1 - 1e-9), 0.9, 1.0, 1.0, [0, 1, 10, 100, 1000])
    one("momentum 0.9, 1e-9 above critical", low * (1 + 1e-9), 0.9, 1.0, 1.0, [0, 1, 10, 100, 1000])
    one("near-unstable, momentum 0.5", 3 * (1 - TINY), 0.5, 1.0, 1.0, [0, 1, 2, 3, 1001, 1000000])
    one("near-unstable, momentum 0.875", 0.9375 * (1 - TINY), 0.875, 4.0, 0.0625, [0, 1, 2, 3, 1001, 1000000])
    one("near-unstable, no momentum", 1 - TINY, 0.0, 2.0, 1.0, [0, 1, 2, 3, 1001])
    one("tiny u = 1e-12, momentum 0.9", 0.001, 0.9, 1e-9, 1.0, [0, 1, 10, 1000, 1000000])
    one("tiny u = 1e-12, momentum 0.99", 1e-6, 0.99, 1e-6, 4.0, [0, 1, 100, 10000, 1000000])
    one("tiny u = 1e-12, no momentum", 1e-6, 0.0, 1e-6, 1.0, [0, 1, 2, 1000000])
    one("tiny u, large scales", 1e-15, 0.5, 1000.0, 1e8, [0, 1, 5, 1000000], 1e6)
    one("null mode", 0.1, 0.9, 0.0, 1.0, [0, 1, 2, 10, 1000, 1000000])
    one("null mode, no momentum", 0.25, 0.0, 0.0, 3.0, [0, 1, 2, 10, 1000000])
    one("exactly at the limit", 1.5, 0.5, 2.0, 1.0, [0, 1, 2, 10, 100])
    one("1e-9 beyond the limit", 3 * (1 + TINY), 0.5, 1.0, 1.0, [0, 1, 2, 10, 1000])
    one("unstable", 1.0, 0.9, 4.0, 1.0, [0, 1, 2, 5, 20])


def sde_mode_cases():
    def one(name, eta, beta, lam, size, sigma2, rho, x, v, times, steps, **more):
        case("sde-mode/" + name, "sde-mode", learning_rate=eta, momentum=beta, weight_decay=lam, batch_size=size,
             sigma2=sigma2, curvature=rho, position=x, velocity=v, times=times, steps=steps, **more)

    wide = [0.0, 1e-12, 1e-9, 1e-6, 0.001, 0.1, 1.0, 10.0]
    one("no momentum, overdamped", 0.1, 0.0, 0.0, 1, 1.0, 1.0, 1.0, 0.0, wide + [100.0], [0, 1, 2, 10, 100])
    one("no momentum, underdamped", 0.9, 0.0, 0.0, 4, 2.0, 1.5, -1.0, 0.5, wide, [0, 1, 2, 10, 30])
    one("critical, exact", 0.5, 0.0, 0.0, 2, 1.0, 1.0, 1.0, -0.25, wide, [0, 1, 2, 10, 40])
    one("critical, exact, from weight decay", 0.25, 0.0, 0.5, 2, 1.0, 1.5, 1.0, 2.0, wide, [0, 1, 2, 10, 40])
    one("1e-9 below critical", 0.5 * (1 - TINY), 0.0, 0.0, 2, 1.0, 1.0, 1.0, -0.25, wide, [0, 2, 3, 10, 40],
        without=["alpha"])
    one("1e-9 below critical, exact in doubles", 0.5, 0.0, 0.0, 2, 1.0, 1 - TINY, 1.0, -0.25, wide, [0, 2, 3, 10, 40])
    one("1e-9 above critical, exact in doubles", 0.5, 0.0, 0.0, 2, 1.0, 1 + TINY, 1.0, -0.25, wide, [0, 2, 3, 10, 40])
    one("1e-13 above critical, exact in doubles", 0.5, 0.0, 0.0, 2, 1.0, 1 + 2.0 ** -43, 1.0, -0.25, wide, [0, 2, 3, 10])
    near = 0.01 / 3.8
    one("momentum 0.9, critical to rounding", 0.125, 0.9, 0.0, 8, 1.0, near / 0.125, 1.0, 1.0, wide + [50.0],
        [0, 1, 10, 100, 1000], without=["alpha", "regime"])
    one("momentum 0.9, 1e-9 overdamped", 0.125, 0.9, 0.0, 8, 1.0, near / 0.125 * (1 - 1e-9), 1.0, 1.0, wide + [50.0],
        [0, 1, 10, 100, 1000], without=["alpha"])
    one("momentum 0.9, 1e-9 underdamped", 0.125, 0.9, 0.0, 8, 1.0, near / 0.125 * (1 + 1e-9), 1.0, 1.0, wide + [50.0],
        [0, 1, 10, 100, 1000], without=["alpha"])
    one("momentum 0.9, underdamped", 0.01, 0.9, 0.001, 32, 0.5, 4.0, 1.0, 0.0, wide, [0, 1, 5, 20, 100, 1000])
    one("momentum 0.5, underdamped", 0.1, 0.5, 0.25, 3, 1.0, 2.0, 0.0, 1.0, wide, [0, 1, 2, 10, 100])
    one("momentum 0.99, underdamped", 0.001, 0.99, 1e-4, 128, 1.0, 30.0, 2.0, -3.0, wide, [0, 1, 30, 300, 3000])
    one("overdamped, slow", 0.001, 0.9, 0.0, 1, 1.0, 0.001, 1.0, 0.0, wide + [100.0, 1e4], [0, 1, 26, 45, 88, 1000, 1000000])
    one("strongly overdamped", 1e-6, 0.5, 0.0, 1, 1.0, 1e-6, 1.0, 1.0, wide + [1e4], [0, 1, 2, 100, 1000000])
    one("strongly overdamped, momentum 0.99", 1e-4, 0.99, 1e-9, 256, 3.0, 1e-8, -2.0, 5.0, wide + [1e4], [0, 1, 100, 10000, 1000000])
    one("beyond the discrete limit", 0.5, 0.9, 0.0, 1, 1.0, 40.0, 1.0, 0.0, [0.0, 1e-12, 0.01, 0.5, 5.0, 20.0], [0, 1, 2, 5, 50])
    one("long time, weakly damped", 2.0, 0.99, 0.0, 1, 1.0, 0.5, 1.0, 0.0, [0.0, 1e-12, 1.0, 100.0, 1e4], [0, 1, 2, 100, 5000])
    one("no curvature, weight decay: no noise", 0.1, 0.9, 0.5, 4, 1.0, 0.0, 1.0, 0.0, wide, [0, 1, 10],
        without=["displacement"])
    one("null mode", 0.1, 0.9, 0.0, 4, 1.0, 0.0, 1.0, 0.5, wide + [1e4], [0, 1, 10])


def sde_cases():
    def one(name, eta, beta, lam, size, h, b, x, v, times, steps, **more):
        case("sde/" + name, "sde", learning_rate=eta, momentum=beta, weight_decay=lam, batch_size=size, hessian=h,
             linear_term=b, initial_position=x, initial_velocity=v, times=times, steps=steps, **more)

    times = [0.0, 1e-9, 0.001, 0.1, 1.0, 10.0]
    one("one dimension", 0.1, 0.9, 0.25, 2, [[1.5]], [0.75], [1.0], [0.0], times, [0, 1, 2, 10, 100, 1000], sigma2=1.0)
    one("two dimensions, noise follows the Hessian", 0.05, 0.9, 0.125, 4, [[2.0, 0.5], [0.5, 1.0]], [1.0, -0.5],
        [0.0, 1.0], [0.5, 0.0], times, [0, 1, 5, 50, 500], sigma2=0.5)
    one("two dimensions, noise does not commute", 0.05, 0.5, 0.01, 3, [[2.0, 0.5], [0.5, 0.25]], [0.3, 0.7],
        [1.0, -1.0], [0.0, 0.0], times, [0, 1, 5, 50, 500], noise_covariance=[[1.0, -0.6], [-0.6, 0.75]])
    one("equal eigenvalues, anisotropic noise", 0.2, 0.9, 0.0, 1, [[1.0, 0.0], [0.0, 1.0]], [1.0, 2.0],
        [0.0, 0.0], [0.0, 0.0], times, [0, 1, 5, 50], noise_covariance=[[4.0, 1.0], [1.0, 0.5]])
    one("singular Hessian, weight decay", 0.1, 0.9, 0.5, 2, [[1.0, 1.0], [1.0, 1.0]], [0.5, 0.5],
        [1.0, 0.0], [0.0, 1.0], times, [0, 1, 5, 50], sigma2=1.0)
    one("singular Hessian, no weight decay: no stationary law", 0.1, 0.9, 0.0, 2, [[1.0, 1.0], [1.0, 1.0]], [0.5, 0.5],
        [1.0, 0.0], [0.0, 1.0], times, [0, 1, 5, 50], sigma2=1.0)
    one("singular noise that reaches every direction", 0.1, 0.5, 0.0, 1, [[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 1.0]],
        [1.0, 0.0, -1.0], [0.5, 0.5, 0.5], [0.0, 0.0, 0.0], times, [0, 1, 5, 50],
        noise_covariance=[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    one("stiff spectrum", 0.001, 0.9, 0.0, 32, [[100.0, 0.0, 0.0], [0.0, 0.01, 0.0], [0.0, 0.0, 1e-6]], [1.0, 1.0, 1e-6],
        [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1e-12, 0.001, 1.0, 1e4], [0, 1, 10, 100, 2000], sigma2=1.0)


def discrete_cases():
    def one(name, eta, beta, lam, h, noise, steps, **more):
        case("discrete/" + name, "discrete", learning_rate=eta, momentum=beta, weight_decay=lam, hessian=h,
             noise_covariance=noise, steps=steps, **more)

    steps = [0, 1, 2, 10, 100, 1000]
    one("one dimension", 0.5, 0.5, 0.25, [[1.5]], [[0.5]], steps)
    one("noise follows the Hessian", 0.2, 0.9, 0.0, [[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.25], [0.25, 0.5]], steps)
    one("noise does not commute", 0.3, 0.9, 0.0625, [[2.0, 0.5], [0.5, 0.25]], [[1.0, -0.6], [-0.6, 0.75]], steps)
    one("no momentum, noise does not commute", 0.4, 0.0, 0.0, [[4.0, 1.0], [1.0, 0.5]], [[0.25, 0.1], [0.1, 2.0]], steps)
    one("singular Hessian, weight decay", 0.1, 0.9, 0.5, [[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], steps)
    one("singular Hessian, no weight decay", 0.1, 0.9, 0.0, [[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], steps)
    one("all regimes, singular noise", 1.0, 0.25, 0.0,
        [[2.375, 0.0, 0.125], [0.0, 0.125, 0.0], [0.125, 0.0, 0.5]],
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], steps)
    one("one mode near the limit", 1.0, 0.5, 0.0, [[3 * (1 - TINY), 0.0], [0.0, 0.25]], [[1.0, 0.5], [0.5, 1.0]],
        [0, 1, 2, 10, 1000, 100000], tolerance=1e-6)
    one("unstable in one direction", 1.0, 0.5, 0.0, [[3.25, 0.5], [0.5, 0.25]], [[1.0, 0.0], [0.0, 1.0]], steps)


def minibatch_cases():
    def one(name, eta, beta, lam, size, x, y, sampling, z, v, steps, **more):
        case("minibatch/" + name, "minibatch", learning_rate=eta, momentum=beta, weight_decay=lam, batch_size=size,
             features=x, targets=y, sampling=sampling, initial_position=z, initial_velocity=v, steps=steps, **more)

    x1, y1 = [[1.0], [-0.5], [2.0], [0.25]], [1.0, 0.5, 1.5, -1.0]
    x2 = [[1.0, 0.5], [0.25, -1.0], [2.0, 1.0], [0.5, 0.5], [-1.0, 0.25]]
    y2 = [1.0, 2.0, -1.0, 0.5, 0.0]
    steps = [0, 1, 2, 5, 30]
    one("one dimension, pairs with replacement", 0.2, 0.5, 0.0, 2, x1, y1, "with-replacement", [0.0], [0.0], steps)
    one("one dimension, pairs without replacement", 0.2, 0.5, 0.0, 2, x1, y1, "without-replacement", [0.0], [0.0], steps)
    one("one dimension, no momentum, weight decay", 0.3, 0.0, 0.125, 1, x1, y1, "with-replacement", [2.0], [-1.0], steps)
    one("one sample", 0.25, 0.5, 0.5, 1, [[2.0]], [1.0], "with-replacement", [1.0], [0.0], steps)
    one("one sample, without replacement", 0.25, 0.5, 0.5, 1, [[2.0]], [1.0], "without-replacement", [1.0], [0.5], steps)
    one("whole data set each step", 0.2, 0.9, 0.25, 3, x2[:3], y2[:3], "without-replacement", [1.0, -1.0], [0.0, 0.0], steps)
    one("two dimensions, triples with replacement", 0.1, 0.9, 0.1, 3, x2, y2, "with-replacement", [0.0, 1.0], [0.5, 0.0], steps)
    one("two dimensions, triples without replacement", 0.1, 0.9, 0.1, 3, x2, y2, "without-replacement", [0.0, 1.0], [0.5, 0.0], steps)
    one("rank-deficient features, weight decay", 0.1, 0.5, 0.25, 2, [[1.0, 2.0], [2.0, 4.0], [-0.5, -1.0]], [1.0, 0.0, 3.0],
        "with-replacement", [1.0, 1.0], [0.0, 0.0], steps)
    one("mean stable, mean square unstable", 0.8, 0.9, 0.0, 1, x1, y1, "with-replacement", [0.0], [0.0], [0, 1, 2, 5, 20])
    one("unstable in the mean", 2.0, 0.5, 0.25, 2, x2[:4], y2[:4], "with-replacement", [0.0, 0.0], [0.0, 0.0], [0, 1, 2, 5])


def stability_cases():
    def one(name, **inputs):
        case("stability/" + name, "stability", **inputs)

    one("no momentum", momentum=0.0, curvature=1.5, curvature_variance=0.75)
    one("momentum 0.25", momentum=0.25)
    one("momentum 0.5", momentum=0.5, curvature=2.0, curvature_variance=8.0)
    one("momentum 0.9, streaming Gaussian", momentum=0.9, curvature=1.0, curvature_variance=2.0)
    one("momentum 0.99, streaming Gaussian", momentum=0.99, curvature=1.0, curvature_variance=2.0)
    one("momentum 0.99, small variance", momentum=0.99, curvature=30.0, curvature_variance=1e-3)
    one("momentum 0.9, no variance", momentum=0.9, curvature=0.5, curvature_variance=0.0)
    one("momentum 0.999", momentum=0.999)


for build in (discrete_mode_cases, sde_mode_cases, sde_cases, discrete_cases, minibatch_cases, stability_cases):
    build()


# ---------------------------------------------------------------- output

def clean(x, size):
    return mpf(0) if abs(x) < tiny() * size else x


def clean_all(value):
    if isinstance(value, list):
        return [clean_all(v) for v in value]
    return clean(value, 1) if isinstance(value, mpf) else value


VECTORS = {"mean", "transient_mean", "roots"}  # lists of vectors, not matrices


def to_double(value, vectors=False):
    """Nearest doubles; entries at the level of the working precision of their matrix (or vector) become 0."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, list):
        is_matrix = value and all(isinstance(v, list) and v and all(isinstance(x, mpf) for x in v) for v in value)
        if is_matrix and vectors:
            return [to_double([v])[0] for v in value]
        if is_matrix:
            size = max(abs(x) for v in value for x in v)
            return [[float(clean(x, size)) for x in v] for v in value]
        return [to_double(v) for v in value]
    return float(value)


def compute(doc, digits, without=(), only=None):
    mp.dps = digits
    result = KINDS[doc["kind"]](doc)
    return {key: to_double(value, key in VECTORS) for key, value in result.items()
            if key not in without and (only is None or key in only)}


# ---------------------------------------------------------------- conditioning

def nudged(doc, signs):
    """The inputs moved by one unit in the last place: scalars one by one, a matrix as a whole."""
    ulp = mpf(2) ** -53

    def move(value, s):
        return [move(v, s) for v in value] if isinstance(value, list) else num(value) * (1 + s * ulp)

    out = dict(doc)
    for i, key in enumerate(k for k in doc if k not in ("kind", "steps", "batch_size", "sampling")):
        out[key] = move(doc[key], signs[i % len(signs)])
    return out


def largest_change(a, b):
    """(relative to the entry, relative to the largest entry of its innermost matrix or vector)."""
    if isinstance(a, list):
        if a and all(isinstance(x, float) for r in a for x in (r if isinstance(r, list) else [r])):
            fa = [x for r in a for x in (r if isinstance(r, list) else [r])]
            fb = [x for r in b for x in (r if isinstance(r, list) else [r])]
            size = max(abs(x) for x in fa) or 1.0
            entry = max((abs(x - y) / abs(x) if x else 0.0) for x, y in zip(fa, fb))
            return entry, max(abs(x - y) for x, y in zip(fa, fb)) / size
        pairs = [largest_change(x, y) for x, y in zip(a, b)]
        return max([p[0] for p in pairs], default=0.0), max([p[1] for p in pairs], default=0.0)
    if isinstance(a, float) and isinstance(b, float):
        return (abs(a - b) / abs(a) if a else 0.0,) * 2
    return 0.0, 0.0


def conditioning():
    for name, doc, tolerance, without, only in CASES:
        base = compute(doc, 60 if doc["kind"] == "minibatch" else DIGITS, without, only)
        for signs in ([1, -1, 1, 1, -1], [1, 1, -1, -1, 1, -1]):
            other = compute(nudged(doc, signs), mp.dps, without, only)
            for key in base:
                if base[key] != other[key]:
                    if (base[key] is None) != (other[key] is None) or isinstance(base[key], str):
                        print(f"{name}: {key}: changes kind")
                        continue
                    entry, whole = largest_change(base[key], other[key])
                    if entry > 1e-11:
                        print(f"{name}: {key}: entry {entry:.1e}, matrix {whole:.1e}")


# ---------------------------------------------------------------- comparison with the closed forms (checks only)

class Agreement:
    """Largest relative difference per identity, and the case where it occurs."""

    def __init__(self):
        self.worst, self.count = {}, {}

    def __call__(self, label, name, found, formula):
        a, b = (v if isinstance(v, list) else [v] for v in (found, formula))
        a, b = (vec(v) if v and isinstance(v[0], list) else v for v in (a, b))
        assert len(a) == len(b)
        size = max([abs(x) for x in a] + [abs(x) for x in b])
        gap = max(abs(x - y) for x, y in zip(a, b)) / size if size else mpf(0)
        self.count[label] = self.count.get(label, 0) + 1
        if label not in self.worst or gap > self.worst[label][0]:
            self.worst[label] = (gap, name)

    def show(self):
        print("identities_checked")
        for label, (gap, name) in self.worst.items():
            verdict = "agrees" if gap < mpf(10) ** -45 else "DISAGREES"
            print(f"  {verdict}  {label}: {mpmath.nstr(gap, 3)} over {self.count[label]} comparisons"
                  + (f" (worst: {name})" if gap >= mpf(10) ** -45 else ""))


def closed_discrete_mode(same, name, doc):
    """Section 5, items 1-6, E03, E27."""
    eta, b, h = num(doc["learning_rate"]), num(doc["momentum"]), num(doc["curvature"])
    s2, x0 = num(doc["noise_variance"]), num(doc["position"])
    u, t1 = eta * h, 1 + b - eta * h
    out = discrete_mode(doc)
    seq = [mpf(0), mpf(1)]
    for _ in range(1100):
        seq.append(t1 * seq[-1] - b * seq[-2])
    m, g = [[1 - u, eta * b], [-h, b]], [eta, mpf(1)]
    w = scale(outer(g, g), s2)
    stable = out["regime"] != "unstable"
    same("item 1: stable iff 0 < u < 2(1+b)", name, mpf(stable),
         mpf(max(abs(mp.mpc(*r)) for r in out["roots"]) < 1 - mpf(10) ** -50))
    for i, k in enumerate(doc["steps"]):
        if not 1 <= k <= 1001:
            continue
        e, c = step_powers(m, w, k)
        same("item 2: M^n", name, e, [[seq[k + 1] - b * seq[k], eta * b * seq[k]], [-h * seq[k], b * (seq[k] - seq[k - 1])]])
        same("item 6: transient mean", name, out["transient_mean"][i], [x0 * (seq[k + 1] - b * seq[k]), -h * x0 * seq[k]])
        xx = eta ** 2 * s2 * mp.fsum(seq[j] ** 2 for j in range(1, k + 1))
        xv = eta * s2 * mp.fsum(seq[j] * (seq[j] - seq[j - 1]) for j in range(1, k + 1))
        vv = s2 * mp.fsum((seq[j] - seq[j - 1]) ** 2 for j in range(1, k + 1))
        same("item 6: transient covariance", name, c, [[xx, xv], [xv, vv]])
        if h == 0:
            same("item 5: displacement, h -> 0", name, out["displacement"][i], eta ** 2 * s2 / (1 - b * b)
                 * (k * (1 + b) / (1 - b) - 2 * b * (1 - b ** k) / (1 - b) ** 2))
        if not stable:
            continue
        p = out["stationary_covariance"]
        v = p[1][1]
        same("item 4: autocorrelation of x", name, out["lag_covariance"][i][0][0] / p[0][0],
             seq[k] * (1 - u / (1 + b)) - b * seq[k - 1])
        same("item 4: autocorrelation of v", name, out["lag_covariance"][i][1][1] / v,
             seq[k] * (b - u / 2) - b * seq[k - 1])
        same("item 5: displacement, sum form", name, out["displacement"][i],
             eta ** 2 * v * (seq[k] + (1 + b) * mp.fsum(seq[j] for j in range(1, k))))
        same("item 5: displacement, closed form", name, out["displacement"][i],
             eta ** 2 * v * (seq[k] + (1 + b) * (1 - seq[k] + b * seq[k - 1]) / u))
        same("item 6: covariance = P - M^k P M'^k", name, c, add(p, congruence(e, p), -1))
    if stable:
        p = out["stationary_covariance"]
        v = s2 / ((1 - b * b) * (1 - u / (2 * (1 + b))))
        same("item 3: stationary covariance", name, p, [[eta * (1 + b) * v / (2 * h), eta * v / 2], [eta * v / 2, v]])
        same("item 3: Cov(x_k, v_k+1)", name, mul(p, tr(m))[0][1], -eta * v / 2)
        same("item 5: speed", name, out["speed"], eta ** 2 * v)
        same("E03: ratio to the SDE = 1/(1 - u/(2(1+b)))", name, out["ratio_to_sde"], 1 / (1 - u / (2 * (1 + b))))
        same("E27: potential = kinetic", name, out["potential_energy"], out["kinetic_energy"])


def explicit_propagator(gamma, omega2, t):
    a = mp.sqrt(abs(gamma ** 2 - omega2))
    if a == 0:
        c, s = mpf(1), t
    elif gamma ** 2 > omega2:
        c, s = mp.cosh(a * t), mp.sinh(a * t) / a
    else:
        c, s = mp.cos(a * t), mp.sin(a * t) / a
    return scale([[c + gamma * s, s], [-omega2 * s, c - gamma * s]], mp.exp(-gamma * t))


def closed_sde_mode(same, name, doc):
    eta, b, n = num(doc["learning_rate"]), num(doc["momentum"]), num(doc["batch_size"])
    rho, sigma2 = num(doc["curvature"]), num(doc["sigma2"])
    h = rho + num(doc["weight_decay"])
    out = sde_mode(doc)
    gamma, omega2 = (1 - b) / (eta * (1 + b)), 2 * h / (eta * (1 + b))
    w = [[mpf(0), mpf(0)], [mpf(0), 4 * sigma2 * rho / (n * eta * (1 + b) ** 2)]]
    a = [[mpf(0), mpf(-1)], [omega2, 2 * gamma]]
    for i, t in enumerate(map(num, doc["times"])):
        e = explicit_propagator(gamma, omega2, t)
        same("F.2: propagator e^{-S t}", name, out["propagator"][i], e)
        if t and norm(a) * t < 1000:
            same("mpmath expm", name, out["propagator"][i], [[x for x in r] for r in mp.expm(mp.matrix(a) * -t).tolist()])
        if h > 0 and rho > 0 and t > 1e-6:
            p = out["stationary_covariance"]
            same("covariance = P - E P E'", name, out["covariance"][i], add(p, congruence(e, p), -1))
    if h > 0 and rho > 0:
        kappa = n * (1 - b * b)
        same("F.2: stationary block D_i", name, out["stationary_covariance"],
             [[eta * sigma2 * rho / (2 * n * (1 - b) * h), mpf(0)], [mpf(0), sigma2 * rho / kappa]])
        same("F.2/G.2: C(eta k)", name, out["velocity_correlation"],
             [explicit_propagator(gamma, omega2, eta * k)[1][1] for k in doc["steps"]])
        p, lags = out["stationary_covariance"], [flow(a, w, eta * k)[0] for k in doc["steps"]]
        same("E02: displacement = 2(P - Cov(eta k))", name, out["displacement"],
             [2 * (p[0][0] - mul(p, tr(e))[0][0]) for e in lags])


def closed_sde(same, name, doc):
    eta, b, n = num(doc["learning_rate"]), num(doc["momentum"]), num(doc["batch_size"])
    lam = num(doc["weight_decay"])
    h = mat(doc["hessian"])
    d = len(h)
    out = sde(doc)
    if out["stationary_covariance"] is None:
        return
    a, diff, q, kappa = out["drift"], out["diffusion"], out["circulation"], out["kappa"]
    sigma = scale(h, num(doc["sigma2"])) if "sigma2" in doc else mat(doc["noise_covariance"])
    same("E09: loss offset = (lambda/2) <mu_o, mu_r>", name, out["loss_offset"],
         lam / 2 * mp.fdot(out["minimum_ols"], out["minimum_ridge"]))
    same("E43: (16) = eta^2 tr Sigma / kappa for any Sigma", name, out["speed"], eta ** 2 * trace(sigma) / kappa)
    same("E12: AD - DA' = AQ + QA'", name, add(mul(a, diff), mul(diff, tr(a)), -1), add(mul(a, q), mul(q, tr(a))))
    same("E12: Q skew", name, q, scale(tr(q), -1))
    t = mpf("0.7")
    e, c = flow(a, scale(diff, 2 / kappa), t)
    p = out["stationary_covariance"]
    same("E05: covariance = P - E P E'", name, c, add(p, congruence(e, p), -1))
    if "sigma2" in doc:
        zero = zeros(d)
        wide = [r + s for r, s in zip(zero, scale(sigma, -1))] + [r + s for r, s in zip(sigma, zero)]
        same("(12): Q for noise proportional to H", name, q, wide)
        if out["precision"] is not None:
            hi = inverse(sigma)
            hl = add(h, scale(identity(d), lam))
            up = scale(mul(hi, hl), 2 / (eta * (1 + b)))
            same("(12): U for noise proportional to H", name, out["precision"],
                 [r + s for r, s in zip(up, zero)] + [r + s for r, s in zip(zero, hi)])
        same("E09: excess loss", name, out["excess_loss"],
             eta * trace(sigma) / (4 * n * (1 - b)) + out["loss_offset"])


def kernel(eta, b, u):
    """Item 7: Cov(theta)_ij = S_ij kernel_ij in the eigenbasis of H."""
    return [[eta ** 2 * (1 - b * b) / ((1 - b) ** 2 * ((1 + b) * (x + y) - x * y) + b * (x - y) ** 2) for y in u] for x in u]


def hadamard(a, b):
    return [[x * y for x, y in zip(r, s)] for r, s in zip(a, b)]


def item_7(eta, b, hvals, s):
    d = len(hvals)
    cov = hadamard(kernel(eta, b, [eta * x for x in hvals]), s)
    vv = [[(hvals[i] + hvals[j]) / (eta * (1 + b)) * cov[i][j] for j in range(d)] for i in range(d)]
    xv = [[(eta * vv[i][j] - hvals[j] * cov[i][j]) / (1 - b) for j in range(d)] for i in range(d)]
    return [r + q for r, q in zip(cov, xv)] + [r + q for r, q in zip(tr(xv), vv)]


def rotate_blocks(p, q, d):
    wide = [r + [mpf(0)] * d for r in q] + [[mpf(0)] * d + r for r in q]
    return congruence(wide, p)


def closed_discrete(same, name, doc):
    eta, b, d, hl, m, w = discrete_maps(doc)
    out = discrete(doc)
    if out["stationary_covariance"] is None:
        return
    values, q = symmetric_eig(hl)
    s = congruence(q, mat(doc["noise_covariance"]))
    found = rotate_blocks(out["stationary_covariance"], q, d)
    same("item 7: any constant Sigma", name, found, item_7(eta, b, values, s))
    same("E27: h_i P_ii = m V_ii", name, [values[i] * found[i][i] for i in range(d)],
         [eta * (1 + b) / 2 * found[d + i][d + i] for i in range(d)])
    same("E27: potential = kinetic", name, out["potential_energy"], out["kinetic_energy"])
    series = [mpf(0)] * len(doc["steps"])
    for i in range(d):
        mode = discrete_mode({"learning_rate": eta, "momentum": b, "curvature": values[i], "noise_variance": s[i][i],
                              "steps": doc["steps"]}) if s[i][i] != 0 else {"displacement": series}
        series = [x + y for x, y in zip(series, mode["displacement"])] if s[i][i] != 0 else series
    same("item 5 per mode: displacement for any Sigma", name, out["displacement"], series)


def closed_minibatch(same, name, doc):
    """Item 8."""
    eta, b, lam = num(doc["learning_rate"]), num(doc["momentum"]), num(doc["weight_decay"])
    maps, h, hl, ridge, x, y = batch_maps(doc, eta)
    n, d, size = len(x), len(x[0]), doc["batch_size"]
    out = minibatch(doc)
    if doc["sampling"] == "with-replacement":
        phi = mpf(1) / size
    else:
        phi = mpf(n - size) / (size * (n - 1)) if n > 1 else mpf(0)
    res = [mp.fdot(row, ridge) - t for row, t in zip(x, y)]
    g0 = [-lam * t for t in ridge]

    def expected_sigma(pee, me):
        total = zeros(d)
        for row, r in zip(x, res):
            factor = mp.fdot(row, apply(pee, row)) + 2 * r * mp.fdot(row, me) + r * r
            total = add(total, scale(outer(row, row), factor / n))
        hm = apply(h, me)
        for part in (congruence(h, pee), outer(hm, g0), outer(g0, hm), outer(g0, g0)):
            total = add(total, part, -1)
        return total

    zero = [mpf(0)] * d
    same("item 8: Sigma(mu_r)", name, clean_all(expected_sigma(zeros(d), zero)), out["gradient_noise_covariance"])
    # One step from the given start.
    z = [num(s) - t for s, t in zip(doc["initial_position"], ridge)] + [num(s) for s in doc["initial_velocity"]]
    mean_map = zeros(2 * d)
    for p, m, _ in maps:
        mean_map = add(mean_map, m, p)
    gam = [[eta * (i == j) for j in range(d)] for i in range(d)] + identity(d)
    second, mean = outer(z, z), z
    for _ in range(2):
        noise = scale(expected_sigma(block(second, 0, 0, d), mean[:d]), phi)
        second = add(congruence(mean_map, second), congruence(gam, noise))
        mean = apply(mean_map, mean)
    two = dict(zip(doc["steps"], out["transient_second_moment"]))[2]
    same("item 8: second moment after two steps", name, two, second)
    # The d x d operator.
    values, q = symmetric_eig(hl)

    def operator(rate):
        g = kernel(rate, b, [rate * v for v in values])
        cols = []
        for i in range(d):
            for j in range(d):
                e = zeros(d)
                e[i][j] += mpf(1) / 2
                e[j][i] += mpf(1) / 2
                pee = congruence(tr(q), e)
                s = scale(add(congruence(h, pee), zeros(d)), -1)
                for row in x:
                    s = add(s, outer(row, row), mp.fdot(row, apply(pee, row)) / n)
                cols.append(vec(scale(hadamard(g, congruence(q, s)), phi)))
        return g, tr(cols)

    def criterion(rate):
        u = [rate * v for v in values]
        if not all(0 < t < 2 * (1 + b) for t in u):
            return False
        return phi == 0 or spectral_radius(operator(rate)[1]) < 1

    same("item 8: stability criterion at eta", name, mpf(criterion(eta)), mpf(out["stable"]))
    limit = out["learning_rate_limit"]
    for factor in (1 - mpf(10) ** -15, 1 + mpf(10) ** -15, mpf("0.9"), mpf("1.1"), mpf("0.01")):
        same("item 8: stability criterion around the limit", name, mpf(criterion(limit * factor)), mpf(factor < 1))
    if d == 1 and phi >= 0:
        hh = hl[0][0]
        second_of_x2 = mp.fsum(r[0] ** 4 for r in x) / n
        c = phi * (second_of_x2 - h[0][0] ** 2)
        same("item 8: d = 1 limit, h includes weight decay", name, limit, 2 * (1 - b * b) * hh / (hh ** 2 * (1 - b) + c * (1 + b)))
    if out["stable"]:
        g, op = operator(eta)
        s0 = scale(hadamard(g, congruence(q, out["gradient_noise_covariance"])), phi)
        pee = unvec(lin_solve(add(identity(d * d), op, -1), vec(s0)), d)
        found = rotate_blocks(out["stationary_second_moment"], q, d)
        same("item 8: stationary fixed point", name, block(found, 0, 0, d), pee)
        if pee[0][0] != 0:
            ghost = [[pee[i][j] / g[i][j] for j in range(d)] for i in range(d)]
            same("items 7+8: full stationary moment", name, found, item_7(eta, b, values, ghost))
            same("E27: h_i P_ii = m V_ii", name, [values[i] * found[i][i] for i in range(d)],
                 [eta * (1 + b) / 2 * found[d + i][d + i] for i in range(d)])
        total = [mpf(0)] * len(doc["steps"])
        for i in range(d):
            if pee[i][i] != 0:
                mode = discrete_mode({"learning_rate": eta, "momentum": b, "curvature": values[i],
                                      "noise_variance": mpf(1), "steps": doc["steps"]})
                factor = pee[i][i] / mode["stationary_covariance"][0][0]
                total = [s + factor * t for s, t in zip(total, mode["displacement"])]
        same("item 8: displacement curve unchanged per mode", name, out["displacement"], total)


def closed_stability(same, name, doc):
    b = num(doc["momentum"])
    out = stability(doc)
    same("E31: 2(1+b), (1-sqrt b)^2, (1+sqrt b)^2, (1-b)^2/(2(1+b))", name,
         [out[k] for k in ("limit", "critical_lower", "critical_upper", "critical_sde")],
         [2 * (1 + b), (1 - mp.sqrt(b)) ** 2, (1 + mp.sqrt(b)) ** 2, (1 - b) ** 2 / (2 * (1 + b))])
    if out["mean_square_learning_rate_limit"] is not None:
        h, c = num(doc["curvature"]), num(doc["curvature_variance"])
        same("item 8: d = 1 limit", name, out["mean_square_learning_rate_limit"],
             2 * (1 - b * b) * h / (h * h * (1 - b) + c * (1 + b)))


def closed_epoch(same):
    """Item 9, constant curvature: all orders of L fixed kicks that sum to zero."""
    for b, h in ((mpf(0), mpf(1)), (mpf("0.9"), mpf("0.5"))):
        eta, kicks = mpf("0.1"), [mpf(3), mpf(-1), mpf(2), mpf(-4)]
        count = len(kicks)
        s2 = mp.fsum(k * k for k in kicks) / count
        m, g = [[1 - eta * h, eta * b], [-h, b]], [eta, mpf(1)]
        orders = list(itertools.permutations(kicks))
        w, formula = zeros(2), zeros(2)
        for order in orders:
            z = [mpf(0), mpf(0)]
            for kick in order:
                z = [s + t * kick for s, t in zip(apply(m, z), g)]
            w = add(w, outer(z, z), mpf(1) / len(orders))
        arms = [apply(step_powers(m, zeros(2), count - 1 - i)[0], g) for i in range(count)]
        for i in range(count):
            for j in range(count):
                factor = s2 if i == j else -s2 / (count - 1)
                formula = add(formula, outer(arms[i], arms[j]), factor)
        full = step_powers(m, zeros(2), count)[0]
        same("item 9: boundary covariance", "epoch", stein(full, w), stein(full, formula))


def quadrature_check(same):
    """The Taylor-doubling integral against numerical quadrature of e^{-As} W e^{-A's}."""
    a = mat([[0, -1], [3.5, 0.25]])
    w = mat([[0, 0], [0, 2]])
    t = mpf(2)
    found = flow(a, w, t)[1]
    keep = mp.dps
    mp.dps = 60
    for i in range(2):
        for j in range(2):
            value = mp.quad(lambda s: congruence(flow(a, zeros(2), s)[0], w)[i][j], mp.linspace(0, t, 3))
            same("flow covariance = quadrature", "2x2", found[i][j], value)
    mp.dps = keep


def identities():
    same = Agreement()
    checks = {"discrete-mode": closed_discrete_mode, "sde-mode": closed_sde_mode, "sde": closed_sde,
              "discrete": closed_discrete, "minibatch": closed_minibatch, "stability": closed_stability}
    for name, doc, *_ in CASES:
        checks[doc["kind"]](same, name, doc)
    closed_epoch(same)
    quadrature_check(same)
    same.show()


def main():
    if "--conditioning" in sys.argv:
        conditioning()
        return
    documents = []
    for name, doc, tolerance, without, only in CASES:
        expected = compute(doc, DIGITS, without, only)
        again = compute(doc, CHECK_DIGITS, without, only)
        assert expected == again, f"{name}: the doubles depend on the precision"
        entry = {"name": name, "input": doc, "expected": expected}
        if tolerance is not None:
            entry["tolerance"] = tolerance
        documents.append(entry)
    text = "[\n" + ",\n".join(json.dumps(d, allow_nan=False) for d in documents) + "\n]\n"
    counts = {}
    for d in documents:
        counts[d["input"]["kind"]] = counts.get(d["input"]["kind"], 0) + 1
    print("cases", counts, "bytes", len(text))
    if "--dry" not in sys.argv:
        with open(os.path.join(HERE, "cases.json"), "w") as file:
            file.write(text)
    mp.dps = DIGITS
    identities()


if __name__ == "__main__":
    main()
