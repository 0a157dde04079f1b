#!/usr/bin/env bash
# GNU parallel, on this machine or, with --sshlogin, on several that share this folder:
#
#   parallel.sh problem.toml run.npz 8                       # 8 shards here
#   parallel.sh problem.toml run.npz 8 --sshlogin a,b,c      # 8 shards on three machines
#
# Run again after an interruption: shards that are done are not run again, others go on from their checkpoints.
set -euo pipefail
usage="usage: parallel.sh PROBLEM OUT SHARDS [options of parallel]"
problem="${1:?$usage}" out="${2:?$usage}" shards="${3:?$usage}"
shift 3
langevin="${LANGEVIN:-langevin}"
seq "$shards" | parallel --workdir . --halt now,fail=1 "$@" \
    "$langevin" simulate "$problem" --out "$out" --shard "{}/$shards" --resume --threads 1
"$langevin" merge "${out%.*}".*-of-"$shards".shard --out "$out"
