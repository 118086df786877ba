#!/usr/bin/env bash
# An engine for `make test-compose`: the one that runs already, or one of our own, and the images
# that docker-compose.yml and Dockerfile begin with.
#
#   engine.sh start FOLDER   prints settings for the test, to be sourced
#   engine.sh stop FOLDER    ends the engine, if it is our own; what it has built is kept
#
# Images that can't be pulled are made from Debian's packages, under the same names: that needs
# debootstrap, and an engine of our own needs docker.io, iptables and root.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
at=$(realpath -m "$2")

begin() {
  mkdir -p "$at"
  setsid dockerd --data-root "$at/data" --exec-root "$at/exec" --pidfile "$at/pid" \
    --host "unix://$at/socket" >"$at/log" 2>&1 </dev/null &
  export DOCKER_HOST=unix://$at/socket
  for _ in $(seq 120); do
    docker info >/dev/null 2>&1 && return
    sleep 1
  done
  tail "$at/log" >&2
  exit 1
}

there() {
  docker image inspect "$1" >/dev/null 2>&1 || timeout 300 docker pull --quiet "$1" >/dev/null 2>&1
}

debian() {
  [ -e "$at/debian/etc/debian_version" ] || debootstrap --variant=minbase \
    --include=python3,python3-venv,python3-pip,ca-certificates bookworm "$at/debian" >"$at/debootstrap.log"
  tar -C "$at/debian" -c . | docker import - studyhall-test-debian >/dev/null
}

# pip in it needs what pip needs here: settings and certificates.
python_image() {
  local from="$at/python" certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  rm -rf "$from"
  mkdir -p "$from/files/etc/xdg" "$from/files/root/.config"
  cp /etc/pip.conf "$from/files/etc/" 2>/dev/null || true
  cp -r /etc/xdg/pip "$from/files/etc/xdg/" 2>/dev/null || true
  cp -r ~/.config/pip "$from/files/root/.config/" 2>/dev/null || true
  install -D -m 644 "$certificates" "$from/files$certificates"
  {
    echo "FROM studyhall-test-debian"
    echo "COPY files/ /"
    echo "ENV PIP_BREAK_SYSTEM_PACKAGES=1 SSL_CERT_FILE=$certificates PIP_CERT=$certificates"
    echo "RUN ln -sf /usr/bin/python3 /usr/bin/python && ln -sf /usr/bin/pip3 /usr/bin/pip" \
      "&& rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED"
  } >"$from/Dockerfile"
  docker build --quiet --tag python:3.11-slim "$from" >/dev/null
}

postgres_image() {
  docker build --quiet --network host --tag postgres:17 --file "$here/postgres.Dockerfile" "$here" >/dev/null
}

start() {
  docker info >/dev/null 2>&1 || begin
  there python:3.11-slim || { debian && python_image; }
  there postgres:17 || { debian && postgres_image; }
  if [ -n "${DOCKER_HOST:-}" ]; then echo "export DOCKER_HOST=$DOCKER_HOST"; fi
}

stop() {
  [ ! -e "$at/pid" ] || kill "$(cat "$at/pid")"
}

"$1"
