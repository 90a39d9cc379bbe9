# shellcheck shell=bash
# Traefik: TLS and routes by host name. It reads labels of this project's containers and one file a service
# from MATRX_ROOT/traefik/dynamic, which the control planes write. Its API and ping answer on 8082,
# which is published nowhere: the planes reach it over the network `proxy`.

define_traefik() {
	service_begin traefik traefik 0 http:/ping:8082
	svc_image=${images[traefik]}
	svc_networks=("${prefix}proxy")
	service_port "$port_web" 8080
	service_port "$port_websecure" 8443
	service_limits 256m 256
	service_confined
	svc_args+=(--user 65532:65532 --group-add "$(socket_group)"
		--volume "$docker_socket:/var/run/docker.sock:ro"
		--volume "$matrx_root/traefik/dynamic:/etc/traefik/dynamic:ro")
	svc_command=(
		--global.checknewversion=false --global.sendanonymoususage=false
		--log.level=INFO --log.format=json
		--accesslog=true --accesslog.format=json
		--entrypoints.web.address=:8080
		--entrypoints.web.http.redirections.entrypoint.to=":$port_websecure"
		--entrypoints.web.http.redirections.entrypoint.scheme=https
		--entrypoints.websecure.address=:8443
		--entrypoints.traefik.address=:8082
		--api=true --api.insecure=true --api.dashboard=false
		--ping=true
		--providers.providersthrottleduration=200ms
		--providers.docker=true --providers.docker.exposedbydefault=false
		"--providers.docker.network=${prefix}proxy"
		"--providers.docker.constraints=Label(\`$label_project\`,\`$project\`)"
		--providers.file.directory=/etc/traefik/dynamic --providers.file.watch=true
	)
	service_apply
}
