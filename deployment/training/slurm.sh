#!/bin/bash
# sbatch --nodes=2 deployment/training/slurm.sh: trains on so many machines, in a folder that all of them share.
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
# A requeued job goes on from the last epoch that is done.
[ -e runs/translation/mine/config.json ] && resume=--resume
workers=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed 's/$/:2222/' | paste -sd,)
export workers resume
srun --kill-on-bad-exit=1 bash -c '
    exec .venv/bin/python -m applications.translation.train base --name mine $resume \
        --source data/train.en.gz --target data/train.de.gz \
        --workers "$workers" --worker "$SLURM_PROCID"'
# 75 of a worker that has lost another, 128 and more of one that a signal has ended; srun tells the highest.
status=$?
[ $status = 75 ] || [ $status -ge 128 ] && scontrol requeue "$SLURM_JOB_ID"
exit $status
