#!/bin/bash
# sbatch --nodes=2 deployment/training/slurm.sh APPLICATION RUN FLAGS...: trains on so many machines, in a folder that all
# of them share. RUN is the name of a new run, and FLAGS are those of the application's train script, a preset first.
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
application=${1:?expected APPLICATION RUN FLAGS...} run=${2:?expected APPLICATION RUN FLAGS...}
shift 2
restarts=${SLURM_RESTART_COUNT:-0}
# A requeued job goes on from the last epoch that is done.
[ "$restarts" -gt 0 ] && [ -e "runs/$application/$run/config.json" ] && set -- "$@" --resume
workers=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed 's/$/:2222/' | paste -sd,)
refused=$PWD/.refused.$SLURM_JOB_ID
export workers refused
srun --kill-on-bad-exit=1 bash -c '
    .venv/bin/python -m "applications.$0.train" "$@" --workers "$workers" --worker "$SLURM_PROCID"
    status=$?
    [ $status = 1 ] || [ $status = 2 ] && touch "$refused"
    exit $status
' "$application" "$@" --name "$run"
# 75 of a worker that has lost another, 128 and more of one that a signal has ended; srun tells the highest, which may be
# that of a worker that was ended because another has refused its flags or its data.
status=$?
if [ -e "$refused" ]; then
    rm "$refused"
elif { [ $status = 75 ] || [ $status -ge 128 ]; } && [ "$restarts" -lt 20 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $status
