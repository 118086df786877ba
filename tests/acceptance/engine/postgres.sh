#!/usr/bin/env bash
# The entrypoint: makes the database at the first start, and runs the server.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
  chown postgres: "$PGDATA" && chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust \
    --auth-host=scram-sha-256 --encoding=UTF8
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl start --wait --options="-c listen_addresses=''"
  ask=(psql -v ON_ERROR_STOP=1 --no-psqlrc --username="$POSTGRES_USER")
  [ "$POSTGRES_DB" = postgres ] || "${ask[@]}" --dbname=postgres --command="CREATE DATABASE $POSTGRES_DB"
  for script in /docker-entrypoint-initdb.d/*.sql; do
    "${ask[@]}" --dbname="$POSTGRES_DB" --file="$script"
  done
  pg_ctl stop --wait --mode=fast
fi
exec postgres -c listen_addresses='*'
