"""Measures the workloads of sim/examples/workloads.rs against the peers, interleaved, and writes docs/performance.md.

    python3 -m venv VENV && VENV/bin/pip install -r tests/peers/requirements.txt
    cargo build --release -p langevin-sim --example workloads
    VENV/bin/python tests/peers/compare.py [--rounds 5] [--seconds 1] [--only REGEX]

Every round runs ours and all peers of a workload one after the other, each in a process of its own on one core; the table
holds the medians over rounds. Use a machine that does nothing else.
"""
import argparse
import collections
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS = ROOT / "target" / "release" / "examples" / "workloads"
# operations, bytes gathered and normals of one chain-step: what no program can do without
NEEDS = {
    "w1-32": (4 * 32 * 64, 32 * 512, 0, "rows of 512 B"),
    "w1-256": (4 * 256 * 64, 256 * 512, 0, "rows of 512 B"),
    "w2-10": (4 * 32 * 10, 0, 0, ""),
    "w2-64": (4 * 32 * 64, 32 * 512, 0, "rows of 512 B"),
    "w2-512": (4 * 32 * 512, 32 * 4096, 0, "rows of 4096 B"),
    "w2-cov": (4 * 32 * 64 + 128 * 129, 32 * 512, 0, "rows of 512 B"),
    "w3": (10 * 64, 0, 64, ""),
}
TITLES = {
    "w1-32": "one chain, digits, d 64, S 32",
    "w1-256": "one chain, digits, d 64, S 256",
    "w2-10": "1024 chains, d 10, S 32, moments",
    "w2-64": "1024 chains, d 64, S 32, moments",
    "w2-512": "1024 chains, d 512, S 32, moments",
    "w2-cov": "1024 chains, d 64, S 32, 128 x 128 second moments",
    "w3": "4096 chains, 64 modes, Gaussian noise, moments",
}
# processors that Numba is to compile for, by our names of their instructions
MASKED = {"avx2": ("x86-64-v3", "+avx2,+fma"), "portable": ("generic", "")}


def lines_of(command, environment=None):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    if done.returncode:
        print(" ".join(map(str, command)), "failed:", done.stderr[-500:], file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", default=str(ROOT / "docs" / "performance.md"))
    arguments = parser.parse_args()
    peers = collections.defaultdict(list)
    for line in subprocess.run([sys.executable, HERE / "peers.py", "list"], capture_output=True, text=True).stdout.splitlines():
        workload, peer = line.split()
        if re.search(arguments.only, workload):
            peers[workload].append(peer)
    seconds = ["--seconds", str(arguments.seconds)]
    rates, limits = collections.defaultdict(list), collections.defaultdict(list)
    for round_number in range(arguments.rounds):
        for line in lines_of([OURS, "limits"]):
            limits[line["limit"]].append(line["per_second"])
        for workload in peers:
            for level in ("avx512", "avx2", "portable"):
                for line in lines_of([OURS, workload, "--level", level, *seconds]):
                    if line["level"] == level:
                        rates[workload, f"langevin {level}"].append(line["chain_steps_per_second"])
            if workload in ("w2-64", "w3"):
                for line in lines_of([OURS, workload, "--threads", "2", *seconds]):
                    rates[workload, "langevin, 2 threads"].append(line["chain_steps_per_second"])
            for peer in peers[workload]:
                for line in lines_of([sys.executable, HERE / "peers.py", workload, peer, *seconds]):
                    rates[workload, peer].append(line["chain_steps_per_second"])
            if workload == "w2-64":
                for level, processor in MASKED.items():
                    masked = {"NUMBA_CPU_NAME": processor[0], "NUMBA_CPU_FEATURES": processor[1]}
                    for peer in ("numba-grouped", "numba"):
                        for line in lines_of([sys.executable, HERE / "peers.py", workload, peer, *seconds], masked):
                            rates[workload, f"{peer}, at most {level}"].append(line["chain_steps_per_second"])
        print(f"round {round_number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
    report = table(peers, {key: (statistics.median(v), min(v), max(v)) for key, v in rates.items()},
                   {key: statistics.median(v) for key, v in limits.items()}, arguments)
    pathlib.Path(arguments.out).parent.mkdir(exist_ok=True)
    pathlib.Path(arguments.out).write_text(report)
    print(report)


def table(peers, rates, limits, arguments):
    processor = platform.processor() or platform.machine()
    text = ["# Performance", "",
            "Chain-steps per second on one core, medians (and ranges) of "
            f"{arguments.rounds} interleaved rounds of {arguments.seconds:g} s; `tests/peers/compare.py` made this page on "
            f"{datetime.date.today()} ({processor}, {os.cpu_count()} cores). The peers are in `tests/peers/peers.py`, "
            "the workloads in `sim/examples/workloads.rs`; both are in double precision.", "",
            "What the core can do, by the same program's `limits`:", "", "| limit | per second |", "|---|---|"]
    text += [f"| {name} | {rate:.3g} |" for name, rate in limits.items()]
    find = lambda part: next((rate for name, rate in limits.items() if part in name), float("nan"))
    text += ["", "| workload | ours | best peer | ratio | JAX | PyTorch | NumPy | share of the limit |", "|---|---|---|---|---|---|---|---|"]
    for workload in peers:
        ours = rates.get((workload, "langevin avx512")) or rates.get((workload, "langevin avx2")) or rates[workload, "langevin portable"]
        others = {peer: rates[workload, peer][0] for peer in peers[workload] if (workload, peer) in rates}
        best = max(others, key=others.get)
        operations, rows, normals, kind = NEEDS[workload]
        times = {"FMA": operations / find("operations")}
        if rows:
            times["gathered rows"] = rows / find(kind)
        if normals:
            times["normals"] = normals / find("normals")
        bound = max(times, key=times.get)
        ratio = lambda peer: f"{ours[0] / others[peer]:.3g} x" if peer in others else ""
        text.append(f"| {workload}: {TITLES[workload]} | {ours[0]:.3g} | {best} {others[best]:.3g} | {ours[0] / others[best]:.2f} x | "
                    f"{ratio('jax')} | {ratio('torch')} | {ratio('numpy')} | {ours[0] * times[bound]:.0%} ({bound}) |")
    if ("w2-64", "langevin portable") in rates:
        text += ["", "w2-64 with fewer instructions, in our program and in Numba alike (portable is SSE2):", "",
                 "| instructions | ours | numba-grouped | ratio | numba | ratio |", "|---|---|---|---|---|---|"]
        for level in MASKED:
            ours = rates["w2-64", f"langevin {level}"][0]
            grouped, plain = (rates["w2-64", f"{peer}, at most {level}"][0] for peer in ("numba-grouped", "numba"))
            text.append(f"| {level} | {ours:.3g} | {grouped:.3g} | {ours / grouped:.2f} x | {plain:.3g} | {ours / plain:.2f} x |")
    text += ["", "All figures:", "", "| workload | program | median | range |", "|---|---|---|---|"]
    for (workload, program), (median, low, high) in rates.items():
        text.append(f"| {workload} | {program} | {median:.3g} | {low:.3g} to {high:.3g} |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
