#!/usr/bin/env bash
# A Slurm array, one shard per task; then a job that merges. From the folder of the problem file:
#
#   sbatch --array=0-7 slurm-array.sh problem.toml run.npz
#   sbatch --dependency=afterok:JOBID --wrap 'langevin merge run.*-of-8.shard --out run.npz'
#
# A task that is preempted, requeued or killed goes on from its last checkpoint. A task that is done is not run again.
#SBATCH --job-name=langevin
#SBATCH --cpus-per-task=4
#SBATCH --mem=2G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# a minute before the limit: the run saves what it has and ends with code 4
#SBATCH --signal=B:TERM@60
set -euo pipefail
problem="${1:?usage: sbatch --array=0-7 slurm-array.sh PROBLEM OUT}"
out="${2:?usage: sbatch --array=0-7 slurm-array.sh PROBLEM OUT}"
exec "${LANGEVIN:-langevin}" simulate "$problem" --out "$out" --shard auto --resume --checkpoint 60 \
    --threads "${SLURM_CPUS_PER_TASK:-1}"
