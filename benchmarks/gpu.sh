#!/usr/bin/env bash
# What a machine with GPUs has to show, with one of Keras' backends: detection and pinning, memory,
# one and two workers on a GPU, a killed worker, and a document's network at its full length.
#
#   benchmarks/gpu.sh [--backend jax] [--small] [--no-vgg] [FOLDER]
#
# --small runs the same steps on the CPU, shortened, to see that the script itself works. What the
# commands print goes into FOLDER (a new one below /tmp unless given), the findings to the terminal.
# CIFAR-10 is fetched by Keras, unless $CIFAR10 names an .npz file that holds it.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
studyhall=${STUDYHALL:-$root/.venv/bin/studyhall}
python=${PYTHON:-$root/.venv/bin/python}
backend=jax small='' vgg=yes folder=''
while [ $# -gt 0 ]; do
  case $1 in
    --backend) backend=$2; shift ;;
    --small) small=yes ;;
    --no-vgg) vgg='' ;;
    -*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
    *) folder=$1 ;;
  esac
  shift
done
folder=${folder:-$(mktemp -d -t studyhall-gpu-XXXXXX)}
mkdir -p "$folder"
cd "$folder"

full() { if [ -n "$small" ]; then echo "$2"; else echo "$1"; fi; }  # full VALUE, SMALL VALUE
say() { printf '\n== %s\n' "$*"; }
failures=0
fail() { printf 'FAILED: %s\n' "$*"; failures=$((failures + 1)); }

# The GPU's processes with the memory that each has taken; nothing without a GPU.
memory() {
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-compute-apps=pid,gpu_uuid,used_memory --format=csv,noheader || true
  fi
}

# launch NAME OPTION…: runs NAME.toml to its end; prints the seconds and the last words.
launch() {
  local name=$1 began=$SECONDS code=0
  shift
  "$studyhall" launch "$name.toml" --quiet "$@" >"$name.log" 2>&1 || code=$?
  echo "$name: exit code $code after $((SECONDS - began)) s"
  grep -E '^(best of|proof|test )|crashed' "$name.log" || true
  head -n 1 "$(artifacts "$name")"/logs/worker-*.log
  [ "$code" = 0 ] || { fail "$name: see $folder/$name.log"; tail -n 5 "$name.log"; }
}

artifacts() { echo "$folder/studyhall-artifacts/$1"; }

# recipe FILE NAME: copies a recipe under another study's name, with this backend.
recipe() {
  sed -e "s/^name = \"$1\"/name = \"$2\"/" -e "s/^\[training\]/[training]\nbackend = \"$backend\"/" \
    "$root/recipes/$1.toml" >"$2.toml"
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

say "the machine"
uname -sr
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=index,name,uuid,memory.total,driver_version --format=csv,noheader
else
  echo "no nvidia-smi"
fi
KERAS_BACKEND=$backend "$python" -c "import keras, $backend; print('keras', keras.__version__, '$backend', $backend.__version__)" 2>/dev/null ||
  fail "$backend can't be imported by $python"

say "pinning: all, one, none and one that is not there"
pictures all 1 1; launch all --gpus "$(full all none)"
pictures first 1 1; launch first --gpus "$(full 0 none)"
pictures none 1 1; launch none --gpus none
grep -q ' on cpu,' "$(artifacts none)"/logs/worker-1.log || fail "--gpus none did not take the CPU"
if [ -z "$small" ]; then
  grep -q ' on cpu,' "$(artifacts first)"/logs/worker-1.log && fail "--gpus 0 took the CPU"
fi
code=0
"$studyhall" launch none.toml --gpus 99 || code=$?
[ "$code" = 2 ] || fail "--gpus 99: exit code $code, expected 2"

say "the digits' recipe"
recipe digits digits
sed -i "s/^trials = 30/trials = $(full 30 2)/; s/^epochs = 40/epochs = $(full 40 3)/" digits.toml
launch digits --gpus "$(full 0 none)"

say "a cnn: one worker on a GPU, then two, which share it"
for each in 1 2; do
  pictures "cnn-$each" "$(full 8 2)" "$(full 10 3)"
  (for _ in 1 2 3 4 5 6; do sleep "$(full 10 2)"; memory; done) >"memory-$each.txt" &
  watching=$!
  if [ -n "$small" ]; then
    launch "cnn-$each" --gpus none --workers "$each"
  else
    launch "cnn-$each" --gpus 0 --workers-per-gpu "$each"
  fi
  wait "$watching"
  echo "GPU memory by process:"
  sort -u "memory-$each.txt" | tail -n 12
done

say "a worker is killed, and its trial taken over"
pictures killed "$(full 2 1)" "$(full 40 30)"
"$studyhall" launch killed.toml --quiet --gpus "$(full 0 none)" >killed.log 2>&1 &
launched=$!
victim=''
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
code=0
wait "$launched" || code=$?
grep -E 'crashed|^best of|^proof' killed.log || true
[ "$code" = 0 ] || fail "the launch with a killed worker: exit code $code"
"$studyhall" trials killed
"$studyhall" replay killed 0 --gpu "$(full 0 none)" || fail "trial 0 does not reproduce"

if [ -n "$vgg" ]; then
  say "cifar10-vgg, $(full 125 1) epochs; the document prints 0.9026 on the test set"
  recipe cifar10-vgg cifar10-vgg
  if [ -n "${CIFAR10:-}" ]; then
    sed -i "s|^source = .*|source = \"$CIFAR10\"|" cifar10-vgg.toml
  fi
  if [ -n "$small" ]; then
    sed -i -e 's/^epochs = 125/epochs = 1/' -e 's/^\[data\]/[data]\nsamples = 600/' cifar10-vgg.toml
  fi
  launch cifar10-vgg --gpus "$(full 0 none)"
fi

say "doctor"
"$studyhall" doctor || echo "exit code $?"

say "$failures failures; all output is in $folder"
[ "$failures" = 0 ]
