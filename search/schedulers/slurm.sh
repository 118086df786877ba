#!/bin/bash
# Workers of a studyhall study, one in each task of a job array. Submit it with: sbatch FILE
# A task that reaches its time limit saves a checkpoint and is queued again; so is one whose node
# fails or that must make way. `scancel` ends them; their trials wait for the next worker.
#SBATCH --job-name={{ job.name }}
#SBATCH --array=1-{{ needs.workers }}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={{ needs.cpus }}
{% if needs.gpus %}
#SBATCH --gres=gpu:{{ needs.gpus }}
{% endif %}
{% if needs.memory %}
#SBATCH --mem={{ needs.memory }}
{% endif %}
{% if partition %}
#SBATCH --partition={{ partition }}
{% endif %}
#SBATCH --time={{ time }}
#SBATCH --signal=B:TERM@{{ needs.grace_s }}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={{ job.name }}-%A_%a.log
{% for option in options %}
#SBATCH {{ option }}
{% endfor %}

set -u
{% if given_file %}
export {{ url_file }}={{ given_file }}
{% elif url %}
export STUDYHALL_STORAGE={{ url }}
{% else %}
# The database's URL holds a password, so it is not written here: sbatch passes it on.
if [ -z "${STUDYHALL_STORAGE:-}${STUDYHALL_STORAGE_FILE:-}" ]; then
  echo 'set STUDYHALL_STORAGE, or STUDYHALL_STORAGE_FILE, before you run sbatch' >&2
  exit 2
fi
{% endif %}
# The worker's name says which job and task it is; its node is added.
export {{ place }}="slurm-${SLURM_ARRAY_JOB_ID}-${SLURM_ARRAY_TASK_ID}"
cd {{ folder }} || exit 2

worker=0 stopping=0 crashes=0

# SLURM signals this shell ahead of the time limit; on scancel it signals the worker as well,
# which takes the two for one.
stop() {
  stopping=1
  [ "$worker" = 0 ] || kill -TERM "$worker" 2>/dev/null
}
trap stop TERM

while [ "$stopping" = 0 ]; do
  {{ command }} &
  worker=$!
  while :; do
    wait "$worker"
    code=$?
    kill -0 "$worker" 2>/dev/null || break # a signal ends `wait` before the worker has ended
  done
  case $code in 0 | 1 | 2 | 130 | 143) break ;; esac # a restart would not help
  [ "$stopping" = 0 ] && [ "$crashes" -lt {{ restarts }} ] || break
  echo "the worker crashed (exit code $code)" >&2
  sleep $((1 << crashes)) &
  wait $!
  crashes=$((crashes + 1))
done

# At the time limit the task still counts as running; after scancel it does not. SLURM_JOB_ID would
# not do: that of one of the tasks is the whole array's, too.
task="${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
if [ "$stopping" = 1 ] && [ "$(squeue --noheader --jobs="$task" --format=%T)" = RUNNING ]; then
  scontrol requeue "$task"
fi
exit "${code:-143}"
