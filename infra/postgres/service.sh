# shellcheck shell=bash
# Postgres: the shared one, which stands for Supabase, and the dedicated one of an instance. Both keep their cluster
# in a volume of their own and are reached over a network without a way out.

define_shared_postgres() {
	service_begin postgres postgres 3 postgres
	svc_networks=("${prefix}control")
	postgres_common matrx "${project}_postgres-data" 512m
}

# define_instance_postgres INSTANCE defines ship-INSTANCE-db.
define_instance_postgres() {
	service_begin "ship-$1-db" ship-db 3 postgres
	service_label "com.matrx.instance=$1"
	svc_networks=("${prefix}ship-$1")
	postgres_common "$1" "${project}_ship-$1-db-data" 256m
}

# postgres_common NAME VOLUME MEMORY: NAME is both the database and the user that owns it.
postgres_common() {
	local password
	svc_image=${images[postgres]}
	password=$(database_password "$2" "$env_dir/$svc_name.env")
	ensure_volume "$2"
	service_env_secret "POSTGRES_PASSWORD=$password"
	service_env "POSTGRES_USER=$1" "POSTGRES_DB=$1" PGDATA=/var/lib/postgresql/data/pgdata
	service_limits "$3" 200
	service_confined
	svc_args+=(--user 999:999 --shm-size 128m --stop-signal SIGINT --volume "$2:/var/lib/postgresql/data"
		--tmpfs "/var/run/postgresql:rw,nosuid,nodev,size=1m,uid=999,gid=999,mode=2775")
	svc_command=(postgres -c 'listen_addresses=*' -c shared_buffers=64MB -c max_connections=50
		-c 'log_line_prefix=%m [%p] %u@%d ')
	service_apply
}
