#!/bin/bash
# sbatch --nodes=2 deployment/training/slurm.sh APPLICATION RUN FLAGS...: trains on so many machines, in a folder that all
# of them share. RUN is the run's name, and FLAGS are those of the application's train script, a preset first.
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
application=${1:?expected APPLICATION RUN FLAGS...} run=${2:?expected APPLICATION RUN FLAGS...}
shift 2
# A requeued job goes on from the last epoch that is done.
[ -e "runs/$application/$run/config.json" ] && set -- "$@" --resume
workers=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed 's/$/:2222/' | paste -sd,)
export workers
srun --kill-on-bad-exit=1 bash -c '
    exec .venv/bin/python -m "applications.$0.train" "$@" --workers "$workers" --worker "$SLURM_PROCID"
' "$application" "$@" --name "$run"
# 75 of a worker that has lost another, 128 and more of one that a signal has ended; srun tells the highest.
status=$?
[ $status = 75 ] || [ $status -ge 128 ] && scontrol requeue "$SLURM_JOB_ID"
exit $status
