#!/usr/bin/env bash
# What a machine with GPUs has to show, with one of Keras' backends: detection and pinning, memory,
# one and two workers on a GPU, a killed worker, and a document's network at its full length.
#
#   benchmarks/gpu.sh [--backend jax] [--small] [--steps "sharing killed"] [FOLDER]
#
# Steps: machine pinning digits sharing memory precision killed exact vgg doctor; all unless given.
# --small runs the same on the CPU, shortened, to see that the script itself works. What the
# commands print goes into FOLDER (a new one below /tmp unless given), the findings to the terminal.
# CIFAR-10 is fetched by Keras, unless $CIFAR10 names an .npz file that holds it.
# $TRIALS says how many trials sharing takes; $STUDYHALL and $PYTHON name the command and its Python,
# which are those of .venv unless set.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
studyhall=${STUDYHALL:-$root/.venv/bin/studyhall}
python=${PYTHON:-$root/.venv/bin/python}
every='machine pinning digits sharing memory precision killed exact vgg doctor'
backend=jax small='' steps=$every folder=''
usage() { sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    --backend) backend=$2; shift ;;
    --small) small=yes ;;
    --steps) steps=$2; shift ;;
    -*) usage ;;
    *) folder=$1 ;;
  esac
  shift
done
for step in $steps; do
  [[ " $every " == *" $step "* ]] || usage
done
folder=$(realpath "${folder:-$(mktemp -d -t studyhall-gpu-XXXXXX)}")
mkdir -p "$folder"
cd "$folder"

full() { if [ -n "$small" ]; then echo "$2"; else echo "$1"; fi; }  # full VALUE, SMALL VALUE
say() { printf '\n== %s, %s\n' "$backend" "$*"; }
failures=0
fail() { printf 'FAILED: %s\n' "$*"; failures=$((failures + 1)); }
gpu=$(full 0 none)  # as --gpus and --gpu take it

# The GPU's processes with the memory that each has taken; nothing without a GPU.
gpu_memory() {
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-compute-apps=pid,used_memory --format=csv,noheader || true
  fi
}

# launch NAME OPTION…: runs NAME.toml to its end; prints the seconds and the last words.
launch() {
  local name=$1 began=$SECONDS code=0
  shift
  "$studyhall" launch "$name.toml" --quiet "$@" >"$name.log" 2>&1 || code=$?
  echo "$name: exit code $code after $((SECONDS - began)) s"
  grep -E '^(best of|proof|test )|crashed|^worker-' "$name.log" || true
  head -qn 1 "$(artifacts "$name")"/logs/worker-*.log || true
  [ "$code" = 0 ] || { fail "$name: see $folder/$name.log"; tail -n 5 "$name.log"; }
}

artifacts() { echo "$folder/studyhall-artifacts/$1"; }

# replay NAME NUMBER: trains a trial of a study anew.
replay() { "$studyhall" replay "$1" "$2" --gpu "$gpu" || fail "$1: trial $2 does not reproduce"; }

# recipe NAME: copies a recipe with this backend.
recipe() {
  sed "s/^\[training\]/[training]\nbackend = \"$backend\"/" "$root/recipes/$1.toml" >"$1.toml"
}

# pictures NAME TRIALS EPOCHS: a cnn on pictures that are made here.
pictures() {
  cat >pictures.py <<'CODE'
import numpy as np


def load():
    random = np.random.default_rng(0)
    y = np.arange(SAMPLES) % 10
    patterns = random.normal(0, 1, (10, 32, 32, 3))
    return (patterns[y] + random.normal(0, 4, (SAMPLES, 32, 32, 3))).astype("float32"), y
CODE
  sed -i "s/SAMPLES/$(full 20000 200)/g" pictures.py
  cat >"$1.toml" <<STUDY
[study]
name = "$1"
trials = $2
[data]
source = "pictures.py:load"
[model]
family = "cnn"
[training]
backend = "$backend"
epochs = $3
patience = "none"
checkpoint_every_s = 0
[search]
sampler = "random"
pruner = "none"
[space]
learning_rate = { low = 1e-4, high = 1e-2, log = true }
width = $(full '[32, 64]' 4)
depth = $(full 3 1)
dropout = 0.2
batch_size = 128
[workers]
heartbeat = 1.0
silence = 8.0
STUDY
}

# The process of a worker that has reported some epochs of a trial of study $1; else nothing.
busy() {
  "$studyhall" status "$1" --json 2>/dev/null | "$python" -c '
import json, sys
found = json.load(sys.stdin)
study = found["studies"][0] if "studies" in found else found
print(*[each["worker"].rpartition(":")[2] for each in study["workers"] if (each["epoch"] or 0) >= 3][:1])
' 2>/dev/null || true
}

machine() {
  say "the machine"
  uname -sr
  nproc
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=index,name,uuid,memory.total,driver_version --format=csv,noheader
  else
    echo "no nvidia-smi"
  fi
  KERAS_BACKEND=$backend "$python" -c "
import sys, keras, $backend
print('python', sys.version.split()[0], 'keras', keras.__version__, '$backend', $backend.__version__)
" 2>/dev/null || fail "$backend can't be imported by $python"
}

# on_cpu NAME: whether the study's first worker was on the CPU.
on_cpu() { grep -q ' on cpu,' "$(artifacts "$1")/logs/worker-1.log"; }

pinning() {
  say "pinning: all, none and one that is not there"
  local code=0
  pictures all 1 1; launch all --gpus "$(full all none)"
  [ -n "$small" ] || ! on_cpu all || fail "--gpus all took the CPU"
  pictures none 1 1; launch none --gpus none
  on_cpu none || fail "--gpus none did not take the CPU"
  "$studyhall" launch none.toml --gpus 99 || code=$?
  [ "$code" = 2 ] || fail "--gpus 99: exit code $code, expected 2"
}

digits() {
  say "the digits' recipe"
  recipe digits
  sed -i "s/^trials = 30/trials = $(full 30 2)/; s/^epochs = 40/epochs = $(full 40 3)/" digits.toml
  launch digits --gpus "$gpu"
}

sharing() {
  say "a cnn: one worker on a GPU, then two, which share it"
  local each watching
  for each in 1 2; do
    pictures "cnn-$each" "${TRIALS:-$(full 8 2)}" "$(full 10 3)"
    (while sleep 2; do gpu_memory; done) >"memory-$each.txt" &
    watching=$!
    if [ -n "$small" ]; then
      launch "cnn-$each" --gpus none --workers "$each"
    else
      launch "cnn-$each" --gpus 0 --workers-per-gpu "$each"
    fi
    kill "$watching"
    echo "most GPU memory by process, MiB:"
    awk -F'[, ]+' '$2 > most[$1] { most[$1] = $2 } END { for (it in most) print it, most[it] }' "memory-$each.txt"
    "$studyhall" trials "cnn-$each"
  done
}

# The memory that the backend grants one of two workers on the first GPU.
shared_limit() {
  cat >limit.py <<'CODE'
import os

from studyhall.search.process import device, gpus

gpu = gpus.visible()[0]
os.environ.update(device.Device(gpu, workers=2).environment())
device.limit_memory()
if os.environ["KERAS_BACKEND"] == "jax":
    import jax

    granted = jax.local_devices()[0].memory_stats()["bytes_limit"] // 2**20
else:
    import torch

    held = []
    try:
        while True:
            held.append(torch.empty(2**28, dtype=torch.uint8, device="cuda"))
    except torch.OutOfMemoryError:
        granted = 256 * len(held)
print(f"of {gpus.memory_mib(gpu)} MiB one of two workers may take {os.environ[device.LIMIT]}, and gets {granted}")
CODE
  KERAS_BACKEND=$backend "$python" limit.py || fail "the limit of a worker's memory"
}

memory() {
  say "a trial that takes more than a worker's half of the GPU, beside one that does not"
  [ -z "$small" ] || { echo "not on the CPU"; return; }
  shared_limit
  pictures memory 3 2
  sed -i -e 's/^family = .*/family = "mlp"/' -e '/^depth/d' -e 's/^width = .*/width = [32, 60000]/' memory.toml
  printf '[[trials]]\nwidth = 32\n[[trials]]\nwidth = 60000\n[[trials]]\nwidth = 32\n' >>memory.toml
  launch memory --gpus 0 --workers-per-gpu 2
  "$studyhall" trials memory
  "$studyhall" trials memory --csv memory.csv
  grep 60000 memory.csv | grep -q 'out of memory' || fail "it did not run out of memory"
}

precision() {
  say "16-bit arithmetic"
  local each
  for each in mixed_float16 mixed_bfloat16; do
    pictures "$each" 1 "$(full 5 1)"
    sed -i "s/^patience/precision = \"$each\"\npatience/" "$each.toml"
    launch "$each" --gpus "$gpu"
  done
}

killed() {
  say "a worker is killed, and its trial taken over"
  local launched victim='' code=0
  pictures killed "$(full 2 1)" "$(full 40 30)"
  "$studyhall" launch killed.toml --quiet --gpus "$gpu" >killed.log 2>&1 &
  launched=$!
  while [ -z "$victim" ] && kill -0 "$launched" 2>/dev/null; do
    sleep 0.2
    victim=$(busy killed)
  done
  if [ -n "$victim" ]; then
    kill -KILL "$victim"
    echo "killed process $victim"
  else
    fail "no worker could be killed before the study ended"
  fi
  wait "$launched" || code=$?
  grep -E 'crashed|^best of|^proof' killed.log || true
  [ "$code" = 0 ] || { fail "the launch with a killed worker: exit code $code"; tail -n 5 killed.log; }
  "$studyhall" trials killed
  replay killed 0
}

exact() {
  say "a training that is to reproduce"
  local flags=${XLA_FLAGS:-}
  pictures exact 1 "$(full 10 2)"
  if [ "$backend" = jax ] && [ -z "$small" ]; then
    export XLA_FLAGS="$flags --xla_gpu_deterministic_ops=true"
  fi
  launch exact --gpus "$gpu"
  replay exact 0
  export XLA_FLAGS=$flags
}

vgg() {
  say "cifar10-vgg, $(full 125 1) epochs; the document prints 0.9026 on the test set"
  recipe cifar10-vgg
  if [ -n "${CIFAR10:-}" ]; then
    sed -i "s|^source = .*|source = \"$CIFAR10\"|" cifar10-vgg.toml
  fi
  if [ -n "$small" ]; then
    sed -i -e 's/^epochs = 125/epochs = 1/' -e 's/^\[data\]/[data]\nsamples = 600/' cifar10-vgg.toml
  fi
  launch cifar10-vgg --gpus "$gpu"
}

doctor() {
  say "doctor"
  "$studyhall" doctor || echo "exit code $?"
}

for step in $steps; do
  "$step"
done
say "$failures failures; all output is in $folder"
[ "$failures" = 0 ]
