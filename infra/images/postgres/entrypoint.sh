#!/bin/sh
# Makes the database cluster when the volume is empty, then becomes PostgreSQL. The cluster is made beside its
# place and renamed into it, so that a start which was cut short leaves nothing half made.
set -eu

if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	: "${POSTGRES_PASSWORD:?POSTGRES_PASSWORD must be set to make a new database cluster}"
	user=${POSTGRES_USER:-postgres}
	database=${POSTGRES_DB:-$user}
	new=$PGDATA.new
	password=$(mktemp)
	rm -rf "$new"
	printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
	initdb --pgdata="$new" --username="$user" --pwfile="$password" --encoding=UTF8 --locale=C.UTF-8 \
		--auth-local=trust --auth-host=scram-sha-256
	rm "$password"
	printf 'host all all all scram-sha-256\n' >>"$new/pg_hba.conf"
	if [ "$database" != postgres ]; then
		quoted=$(printf '%s' "$database" | sed 's/"/""/g')
		printf 'CREATE DATABASE "%s"\n' "$quoted" | postgres --single -D "$new" postgres >/dev/null
	fi
	[ ! -d "$PGDATA" ] || rmdir "$PGDATA"
	mv "$new" "$PGDATA"
fi
exec "$@"
