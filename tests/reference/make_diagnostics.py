"""Reference values of chain diagnostics, by ArviZ, for `verify/src/statistics/diagnostics.rs`.

pip install arviz==0.23.4 numpy==2.4.6 scipy==1.17.1 && python3 make_diagnostics.py   (a few seconds)

Chains are first-order autoregressions, rounded to six digits before anything is computed from them.
"""

import json
import pathlib

import arviz
import numpy as np


def autoregression(generator, chains, draws, coefficient, shape):
    noise = generator.standard_normal((chains, draws)) if shape is None else generator.standard_t(shape, (chains, draws))
    values = np.zeros((chains, draws))
    values[:, 0] = noise[:, 0] / np.sqrt(1 - coefficient**2)
    for k in range(1, draws):
        values[:, k] = coefficient * values[:, k - 1] + noise[:, k]
    return values


def case(name, values):
    values = np.round(values, 6)
    return {
        "name": name,
        "chains": values.tolist(),
        "rank": arviz.rhat(values, method="z_scale").item(),
        "folded": arviz.rhat(values, method="folded").item(),
        "bulk": arviz.ess(values, method="bulk").item(),
        "tail": arviz.ess(values, method="tail").item(),
    }


generator = np.random.default_rng(20260)
shifted = autoregression(generator, 4, 150, 0.5, None)
shifted[2] += 2.0
scaled = autoregression(generator, 4, 150, 0.3, None)
scaled[1] *= 3.0
cases = [
    case("slow", autoregression(generator, 4, 200, 0.9, None)),
    case("alternating, odd length", autoregression(generator, 3, 151, -0.6, None)),
    case("heavy tails", autoregression(generator, 4, 150, 0.4, 2.0)),
    case("one chain is shifted", shifted),
    case("one chain is wider", scaled),
    case("ties", np.round(autoregression(generator, 2, 160, 0.7, None))),
]
versions = {"arviz": arviz.__version__, "numpy": np.__version__}
path = pathlib.Path(__file__).with_name("diagnostics.json")
path.write_text(json.dumps({"versions": versions, "cases": cases}) + "\n")
