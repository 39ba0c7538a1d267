#!/usr/bin/env bash
# Runs one study under Slurm, one process a task: sbatch --nodes=2 --ntasks-per-node=1 launch/slurm.sh [flags]
# The TERM two minutes before the time limit lets the study save, so that the same command resumes it.
#SBATCH --job-name=pmjax
#SBATCH --signal=TERM@120
set -euo pipefail

# Slurm runs a copy of this file from its own folder, hence the folder of submission.
python=${PYTHON:-${SLURM_SUBMIT_DIR:?run this by sbatch}/.venv/bin/python}
hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
# Jobs that share a host get ports of their own.
export PMJAX_COORDINATOR=${hosts%%$'\n'*}:$((20000 + SLURM_JOB_ID % 20000)) PMJAX_PROCESSES=$SLURM_NTASKS
# shellcheck disable=SC2016  # the task's shell reads its own SLURM_PROCID
exec srun --kill-on-bad-exit=1 bash -c 'PMJAX_PROCESS_ID=$SLURM_PROCID exec "$0" -m pmjax.launch "$@"' "$python" "$@"
