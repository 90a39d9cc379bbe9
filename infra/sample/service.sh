# shellcheck shell=bash
# The sample Ship instance `demo`: a web app and the Postgres that is its alone.

define_demo() {
	local password
	define_instance_postgres demo
	password=$(sed -n 's/^POSTGRES_PASSWORD=//p' "$env_dir/ship-demo-db.env")
	service_begin ship-demo ship 3 http:/healthz:3000
	service_label com.matrx.instance=demo
	svc_image=${images[sample]}
	svc_networks=("${prefix}ship-demo" "${prefix}proxy")
	service_env_secret "DATABASE_URL=postgres://demo:$password@ship-demo-db:5432/demo?sslmode=disable"
	service_env HTTP_ADDR=:3000
	service_route "demo.$domain" 3000
	service_limits 128m 256
	svc_args+=(--init --cap-drop ALL --security-opt no-new-privileges)
	service_apply
}
