"""Other ways to run the workloads of sim/examples/workloads.rs, each as fast as we could write it with that tool.

    python peers.py WORKLOAD PEER [--seconds S]      # one line of JSON
    python peers.py list                             # all (workload, peer) pairs

Workloads: w1-32 w1-256 (one chain on digits, batches of 32 or 256, |delta|^2 and |Delta|^2 kept every step), w2-10 w2-64
w2-512 (1024 chains, batches of 32, five sums per coordinate at every step), w2-cov (all 128 x 128 second moments at every
step), w3 (4096 chains of 64 modes with Gaussian noise, three or more sums per mode at every step). One thread each. What is
compiled is compiled before the clock starts. Double precision, except where a peer's name ends in f32.
"""
import argparse
import csv
import json
import os
import pathlib
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # threads that a tool starts anyway share one core

import numpy as np  # noqa: E402

BETA, DECAY = 0.9, 1e-3
DIGITS = pathlib.Path(__file__).parents[2] / "sim" / "src" / "data" / "digits.csv"


def problem(d, dtype=np.float64):
    """Features with tr H = d, targets, minimum and learning rate: the same shapes as in workloads.rs."""
    if d == 64:
        with open(DIGITS) as file:
            rows = [row for row in csv.reader(file) if row and row[0].lstrip("-").replace(".", "").isdigit()]
        table = np.array(rows, dtype=float)
        features, targets = table[:, :64] - table[:, :64].mean(0), table[:, 64]
    else:
        n = 442 if d == 10 else 1797
        i, j = np.arange(n)[:, None], np.arange(d)[None, :]
        features = np.sin((i * 7 + 3) * (j * 13 + 1) * 0.37)
        targets = np.sin((np.arange(n) * 7 + 3) * 13001 * 0.37)
    features = features * np.sqrt(d * len(features) / (features**2).sum())
    n = len(features)
    minimum = np.linalg.solve(features.T @ features / n + DECAY * np.eye(d), features.T @ targets / n)
    cast = lambda a: np.ascontiguousarray(a, dtype=dtype)
    return cast(features), cast(targets), cast(minimum), 0.64 / d


def modes(dtype=np.float64):
    """Curvature, noise scale and learning rate of the Gaussian workload."""
    curvature = 5.0 * 0.9 ** np.arange(64)
    return (curvature + DECAY).astype(dtype), np.sqrt(0.5 * curvature / 32).astype(dtype), 0.01


# ---------------------------------------------------------------------------------------------------------------- Numba

def numba_generator():
    import numba as nb

    @nb.njit(inline="always")
    def following(s):  # xoshiro256+
        result = s[0] + s[3]
        t = s[1] << np.uint64(17)
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = (s[3] << np.uint64(45)) | (s[3] >> np.uint64(19))
        return result

    return nb, following


def numba_chains(d, batch, chains, record, grouped, dtype):
    """record: 'distances', 'moments' or 'matrix'; grouped: four samples at a time by hand."""
    nb, following = numba_generator()
    X, y, minimum, rate = problem(d, dtype)
    eta, beta, decay = dtype(rate), dtype(BETA), dtype(DECAY)
    distances, matrix, gathered = record == "distances", record == "matrix", 256

    @nb.njit(fastmath=True)
    def run(X, y, mu, steps, chains, out, local, total):
        n, d = X.shape
        s = np.arange(1, 5).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        zero = mu.dtype.type(0)
        g, theta, v = np.empty_like(mu), np.empty_like(mu), np.empty_like(mu)
        Z = np.empty((gathered, 2 * d), mu.dtype)
        sums = np.zeros((5, d), mu.dtype)
        low = np.uint64(0xFFFFFFFF)
        half = np.uint64(32)
        size = np.uint64(n)
        for _ in range(chains):
            theta[:] = mu
            v[:] = zero
            for k in range(steps):
                g[:] = zero
                if grouped:
                    for b in range(0, batch, 4):
                        w0, w1 = following(s), following(s)
                        i0, i1 = np.int64(((w0 >> half) * size) >> half), np.int64(((w0 & low) * size) >> half)
                        i2, i3 = np.int64(((w1 >> half) * size) >> half), np.int64(((w1 & low) * size) >> half)
                        r0, r1, r2, r3 = X[i0], X[i1], X[i2], X[i3]
                        a0 = a1 = a2 = a3 = zero
                        for j in range(d):
                            t = theta[j]
                            a0 += r0[j] * t
                            a1 += r1[j] * t
                            a2 += r2[j] * t
                            a3 += r3[j] * t
                        a0 -= y[i0]
                        a1 -= y[i1]
                        a2 -= y[i2]
                        a3 -= y[i3]
                        for j in range(d):
                            g[j] += a0 * r0[j] + a1 * r1[j] + a2 * r2[j] + a3 * r3[j]
                else:
                    for b in range(batch):
                        row = np.int64(((following(s) >> half) * size) >> half)
                        x = X[row]
                        a = -y[row]
                        for j in range(d):
                            a += x[j] * theta[j]
                        for j in range(d):
                            g[j] += a * x[j]
                e1 = zero
                e2 = zero
                for j in range(d):
                    w = beta * v[j] - g[j] / batch - decay * theta[j]
                    v[j] = w
                    t = theta[j] + eta * w
                    theta[j] = t
                    q = t - mu[j]
                    if distances:
                        e1 += w * w
                        e2 += q * q
                    elif matrix:
                        Z[k % gathered, j] = q
                        Z[k % gathered, d + j] = w
                    else:
                        sums[0, j] += q
                        sums[1, j] += q * q
                        sums[2, j] += q * w
                        sums[3, j] += w
                        sums[4, j] += w * w
                if distances:
                    local[k] = e1 * eta * eta
                    total[k] = e2
                if matrix and (k % gathered == gathered - 1 or k == steps - 1):
                    W = Z[: k % gathered + 1]
                    out += np.dot(W.T, W)
            if not distances and not matrix:
                out[:5, :d] += sums
                sums[:] = zero
        return out

    def timed(steps):
        out = np.zeros((2 * d, 2 * d) if matrix else (5, d), dtype)
        kept = np.empty(steps if distances else 1)
        began = time.perf_counter()
        run(X, y, minimum, steps, chains, out, kept, kept.copy())
        return time.perf_counter() - began

    timed(2)
    return timed


def numba_gaussian(dtype):
    nb, following = numba_generator()
    h, scale, rate = modes(dtype)
    eta, beta = dtype(rate), dtype(BETA)
    chains = 4096

    @nb.njit(fastmath=True)
    def run(h, scale, steps):
        d = len(h)
        s = np.arange(1, 5).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        out, sums = np.zeros((3, d)), np.zeros((3, d), h.dtype)
        z, u = np.empty(d, h.dtype), np.empty(d, np.uint64)
        for _ in range(chains):
            theta, v = np.zeros_like(h), np.zeros_like(h)
            for k in range(steps):
                for j in range(d):
                    u[j] = following(s)
                for j in range(d // 2):
                    u1 = (np.float64(u[2 * j] >> np.uint64(11)) + 1.0) * (1.0 / 9007199254740993.0)
                    u2 = np.float64(u[2 * j + 1] >> np.uint64(11)) * (6.283185307179586 / 9007199254740992.0)
                    r = np.sqrt(-2.0 * np.log(u1))
                    z[2 * j] = r * np.cos(u2)
                    z[2 * j + 1] = r * np.sin(u2)
                for j in range(d):
                    w = beta * v[j] - h[j] * theta[j] - scale[j] * z[j]
                    t = theta[j] + eta * w
                    theta[j] = t
                    v[j] = w
                    sums[0, j] += t * t
                    sums[1, j] += t * w
                    sums[2, j] += w * w
            out += sums
            sums[:] = 0
        return out

    def timed(steps):
        began = time.perf_counter()
        run(h, scale, steps)
        return time.perf_counter() - began

    timed(2)
    return timed


def numba_ziggurat():
    """NumPy's own generator inside compiled code."""
    import numba as nb
    h, scale, rate = modes()
    generator = np.random.Generator(np.random.SFC64(3))

    @nb.njit(fastmath=True)
    def run(h, scale, steps, generator):
        d = len(h)
        out, sums = np.zeros((3, d)), np.zeros((3, d))
        z = np.empty(d)
        for _ in range(4096):
            theta, v = np.zeros_like(h), np.zeros_like(h)
            for k in range(steps):
                for j in range(d):
                    z[j] = generator.standard_normal()
                for j in range(d):
                    w = BETA * v[j] - h[j] * theta[j] - scale[j] * z[j]
                    t = theta[j] + rate * w
                    theta[j] = t
                    v[j] = w
                    sums[0, j] += t * t
                    sums[1, j] += t * w
                    sums[2, j] += w * w
            out += sums
            sums[:] = 0
        return out

    def timed(steps):
        began = time.perf_counter()
        run(h, scale, steps, generator)
        return time.perf_counter() - began

    timed(2)
    return timed


# ------------------------------------------------------------------------------------------------------------------ JAX

def jax_chains(d, batch, chains, record):
    import jax
    import jax.numpy as jnp
    jax.config.update("jax_enable_x64", True)
    X, y, minimum, eta = problem(d)
    X, y, mu = jnp.asarray(X), jnp.asarray(y), jnp.asarray(minimum)

    def step(theta, v, sample):
        x = X[sample]
        v = BETA * v - (x @ theta - y[sample]) @ x / batch - DECAY * theta
        return theta + eta * v, v

    def one(steps):
        def run(key):
            samples = jax.random.randint(key, (steps, batch), 0, len(y))

            def body(state, sample):
                theta, v = step(*state, sample)
                return (theta, v), ((v * v).sum() * eta**2, ((theta - mu) ** 2).sum())

            return jax.lax.scan(body, (mu, jnp.zeros_like(mu)), samples)[1]

        return run

    def many(steps):
        def chain(key):
            samples = jax.random.randint(key, (steps, batch), 0, len(y))

            def body(state, sample):
                theta, v, sums = state
                theta, v = step(theta, v, sample)
                q = theta - mu
                if record == "matrix":
                    z = jnp.concatenate([q, v])
                    sums = sums + z[:, None] * z[None, :]
                else:
                    sums = sums + jnp.stack([q, q * q, q * v, v, v * v])
                return (theta, v, sums), None

            zeros = jnp.zeros((2 * d, 2 * d) if record == "matrix" else (5, d))
            return jax.lax.scan(body, (mu, jnp.zeros_like(mu), zeros), samples)[0][2]

        return lambda key: jax.lax.map(chain, jax.random.split(key, chains)).sum(0)

    make = one if chains == 1 else many

    def timed(steps):
        compiled = jax.jit(make(steps)).lower(jax.random.key(0)).compile()
        jax.block_until_ready(compiled(jax.random.key(0)))
        began = time.perf_counter()
        jax.block_until_ready(compiled(jax.random.key(1)))
        return time.perf_counter() - began

    return timed


def jax_gaussian():
    import jax
    import jax.numpy as jnp
    jax.config.update("jax_enable_x64", True)
    h, scale, eta = modes()
    h, scale, block = jnp.asarray(h), jnp.asarray(scale), 64

    def timed(steps):
        def chains(key):
            def body(state, k):
                theta, v, sums = state
                v = BETA * v - h * theta - scale * jax.random.normal(jax.random.fold_in(key, k), theta.shape)
                theta = theta + eta * v
                return (theta, v, sums + jnp.stack([(theta * theta).sum(0), (theta * v).sum(0), (v * v).sum(0)])), None

            zeros = jnp.zeros((block, 64))
            return jax.lax.scan(body, (zeros, zeros, jnp.zeros((3, 64))), jnp.arange(steps))[0][2]

        run = lambda key: jax.lax.map(chains, jax.random.split(key, 4096 // block)).sum(0)
        compiled = jax.jit(run).lower(jax.random.key(0)).compile()
        jax.block_until_ready(compiled(jax.random.key(0)))
        began = time.perf_counter()
        jax.block_until_ready(compiled(jax.random.key(1)))
        return time.perf_counter() - began

    return timed


# --------------------------------------------------------------------------------------------------------------- PyTorch

def torch_chains(d, batch, chains, record, idiomatic=False):
    import torch
    torch.set_num_threads(1)
    X, y, minimum, eta = problem(d)
    X, y, mu = torch.from_numpy(X), torch.from_numpy(y), torch.from_numpy(minimum)

    def one(steps):
        local, total = torch.empty(steps), torch.empty(steps)
        theta, v = mu.clone(), torch.zeros_like(mu)
        began = time.perf_counter()
        with torch.no_grad():
            for k in range(steps):
                sample = torch.randint(len(y), (batch,))
                x = X[sample]
                residual = torch.mv(x, theta).sub_(y[sample])
                v.mul_(BETA).sub_(torch.mv(x.T, residual), alpha=1.0 / batch).sub_(theta, alpha=DECAY)
                theta.add_(v, alpha=eta)
                local[k] = torch.dot(v, v) * eta**2
                q = theta - mu
                total[k] = torch.dot(q, q)
        return time.perf_counter() - began

    def optimizer(steps):
        local, total = torch.empty(steps), torch.empty(steps)
        theta = torch.nn.Parameter(mu.clone())
        sgd = torch.optim.SGD([theta], lr=eta, momentum=BETA, weight_decay=DECAY)
        before = mu.clone()
        began = time.perf_counter()
        for k in range(steps):
            sample = torch.randint(len(y), (batch,))
            sgd.zero_grad()
            (0.5 * ((X[sample] @ theta - y[sample]) ** 2).mean()).backward()
            sgd.step()
            with torch.no_grad():
                local[k] = ((theta - before) ** 2).sum()
                total[k] = ((theta - mu) ** 2).sum()
                before.copy_(theta)
        return time.perf_counter() - began

    def many(steps):
        theta, v = mu.repeat(chains, 1).clone(), torch.zeros(chains, d, dtype=mu.dtype)
        sums = torch.zeros((2 * d, 2 * d) if record == "matrix" else (5, d), dtype=mu.dtype)
        rows = torch.empty(chains * batch, d, dtype=mu.dtype)
        began = time.perf_counter()
        with torch.no_grad():
            for _ in range(steps):
                sample = torch.randint(len(y), (chains, batch))
                torch.index_select(X, 0, sample.view(-1), out=rows)
                x = rows.view(chains, batch, d)
                residual = torch.bmm(x, theta.unsqueeze(2)).squeeze(2).sub_(y[sample])
                gradient = torch.bmm(residual.unsqueeze(1), x).squeeze(1)
                v.mul_(BETA).sub_(gradient, alpha=1.0 / batch).sub_(theta, alpha=DECAY)
                theta.add_(v, alpha=eta)
                q = theta - mu
                if record == "matrix":
                    z = torch.cat([q, v], 1)
                    sums.addmm_(z.T, z)
                else:
                    for row, value in zip(sums, (q, q * q, q * v, v, v * v)):
                        row += value.sum(0)
        return time.perf_counter() - began

    return (optimizer if idiomatic else one) if chains == 1 else many


def torch_gaussian():
    import torch
    torch.set_num_threads(1)
    h, scale, eta = modes()
    h, scale = torch.from_numpy(h), torch.from_numpy(scale)

    def timed(steps):
        theta, v = torch.zeros(4096, 64, dtype=h.dtype), torch.zeros(4096, 64, dtype=h.dtype)
        z, sums = torch.empty_like(theta), torch.zeros(3, 64, dtype=h.dtype)
        began = time.perf_counter()
        with torch.no_grad():
            for _ in range(steps):
                v.mul_(BETA).addcmul_(theta, h, value=-1).sub_(z.normal_().mul_(scale))
                theta.add_(v, alpha=eta)
                sums[0] += (theta * theta).sum(0)
                sums[1] += (theta * v).sum(0)
                sums[2] += (v * v).sum(0)
        return time.perf_counter() - began

    return timed


# ----------------------------------------------------------------------------------------------------------------- NumPy

def numpy_chains(d, batch, chains, record):
    X, y, mu, eta = problem(d)
    generator = np.random.default_rng(0)

    def one(steps):
        local, total = np.empty(steps), np.empty(steps)
        theta, v = mu.copy(), np.zeros(d)
        began = time.perf_counter()
        for k in range(steps):
            if k % 1000 == 0:
                samples = generator.integers(len(y), size=(1000, batch))
            sample = samples[k % 1000]
            x = X[sample]
            v = BETA * v - ((x @ theta - y[sample]) @ x) / batch - DECAY * theta
            theta = theta + eta * v
            local[k] = (v @ v) * eta**2
            q = theta - mu
            total[k] = q @ q
        return time.perf_counter() - began

    def many(steps):
        theta, v = np.tile(mu, (chains, 1)), np.zeros((chains, d))
        x, target = np.empty((chains, batch, d)), np.empty((chains, batch))
        sums = np.zeros((2 * d, 2 * d)) if record == "matrix" else np.zeros((5, d))
        began = time.perf_counter()
        for _ in range(steps):
            sample = generator.integers(len(y), size=(chains, batch), dtype=np.int32)
            np.take(X, sample, axis=0, out=x, mode="clip")
            np.take(y, sample, out=target, mode="clip")
            residual = np.matvec(x, theta) - target
            v = BETA * v - np.vecmat(residual, x) / batch - DECAY * theta
            theta += eta * v
            q = theta - mu
            if record == "matrix":
                z = np.concatenate([q, v], 1)
                sums += z.T @ z
            else:
                sums[0] += q.sum(0)
                sums[1] += np.einsum("cd,cd->d", q, q)
                sums[2] += np.einsum("cd,cd->d", q, v)
                sums[3] += v.sum(0)
                sums[4] += np.einsum("cd,cd->d", v, v)
        return time.perf_counter() - began

    return one if chains == 1 else many


def numpy_gaussian():
    h, scale, eta = modes()
    generator = np.random.Generator(np.random.SFC64(1))

    def timed(steps):
        theta, v, z = np.zeros((4096, 64)), np.zeros((4096, 64)), np.empty((4096, 64))
        sums = np.zeros((3, 64))
        began = time.perf_counter()
        for _ in range(steps):
            generator.standard_normal(out=z)
            z *= scale
            v *= BETA
            v -= theta * h
            v -= z
            theta += eta * v
            sums[0] += np.einsum("cd,cd->d", theta, theta)
            sums[1] += np.einsum("cd,cd->d", theta, v)
            sums[2] += np.einsum("cd,cd->d", v, v)
        return time.perf_counter() - began

    return timed


SHAPES = {
    "w1-32": (64, 32, 1, "distances"),
    "w1-256": (64, 256, 1, "distances"),
    "w2-10": (10, 32, 1024, "moments"),
    "w2-64": (64, 32, 1024, "moments"),
    "w2-512": (512, 32, 1024, "moments"),
    "w2-cov": (64, 32, 1024, "matrix"),
}

PEERS = {}
for name, shape in SHAPES.items():
    PEERS[name, "numba-grouped"] = lambda shape=shape: numba_chains(*shape, True, np.float64)
    PEERS[name, "numba"] = lambda shape=shape: numba_chains(*shape, False, np.float64)
    PEERS[name, "jax"] = lambda shape=shape: jax_chains(*shape)
    PEERS[name, "torch"] = lambda shape=shape: torch_chains(*shape)
    PEERS[name, "numpy"] = lambda shape=shape: numpy_chains(*shape)
    if shape[2] == 1:
        PEERS[name, "torch-optim"] = lambda shape=shape: torch_chains(*shape, idiomatic=True)
PEERS["w3", "numba-box-muller"] = lambda: numba_gaussian(np.float64)
PEERS["w3", "numba-ziggurat"] = numba_ziggurat
PEERS["w3", "jax"] = jax_gaussian
PEERS["w3", "torch"] = torch_gaussian
PEERS["w3", "numpy"] = numpy_gaussian


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload")
    parser.add_argument("peer", nargs="?")
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    if arguments.workload == "list":
        print("\n".join(f"{workload} {peer}" for workload, peer in PEERS))
        return
    if (arguments.workload, arguments.peer) not in PEERS:
        sys.exit(f"there is no peer {arguments.peer} for {arguments.workload}; see: peers.py list")
    timed = PEERS[arguments.workload, arguments.peer]()
    chains = 4096 if arguments.workload == "w3" else SHAPES[arguments.workload][2]
    # a short run finds out how many steps take the wanted time
    steps = 2000 if chains == 1 else 8
    steps = max(steps, int(steps * arguments.seconds / max(timed(steps), 1e-6)))
    seconds = timed(steps)
    print(json.dumps({
        "workload": arguments.workload, "peer": arguments.peer, "chain_steps": steps * chains, "seconds": seconds,
        "chain_steps_per_second": steps * chains / seconds,
    }))


if __name__ == "__main__":
    main()
