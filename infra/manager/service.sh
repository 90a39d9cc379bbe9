# shellcheck shell=bash
# Server Manager, the control plane. What both planes share is in plane_common.

define_manager() {
	service_begin matrx-manager manager 1 http:/healthz:3000
	svc_image=${images[manager]}
	service_port "$port_manager_ssh" 2222
	service_port "$port_manager_http" 3000
	service_route "manager.$domain" 3000
	plane_common "$matrx_root/apps/server-manager/data" "$port_deploy_ssh"
}

# plane_settings are handed to the planes as they are in the environment of `make up`, when they are there.
plane_settings=(MATRX_SSH_CA MATRX_SHELL_ROLE MATRX_LOG_MAX_BYTES MATRX_LOG_MAX_AGE)

# plane_common DATA-DIR SIBLING-PORT is a control plane's definition: no root, no capability, nothing writable but MATRX_ROOT
# and /tmp. It does hold the engine's socket, so who may operate it rules the host: see the handbook.
plane_common() {
	local name
	svc_networks=("${prefix}proxy" "${prefix}control" "${prefix}ship-demo")
	service_env "MATRX_SERVER_NAME=$server_name" "MATRX_DOMAIN=$domain" "MATRX_PROJECT=$project" \
		"MATRX_ROOT=$matrx_root" "MATRX_DATA_DIR=$1" MATRX_SSH_ADDR=:2222 MATRX_HTTP_ADDR=:3000 \
		"MATRX_ADMIN_KEYS=$admin_keys" DOCKER_HOST=unix:///var/run/docker.sock TRAEFIK_API_URL=http://traefik:8082 \
		MATRX_CGROUP_ROOT=/host/cgroup MATRX_PROC_ROOT=/host/proc "HOME=$1" \
		"MATRX_SIBLING_SSH=ssh -p $2 $listen"
	for name in "${plane_settings[@]}"; do
		[[ -z ${!name:-} ]] || service_env "$name=${!name}"
	done
	service_limits 512m 512
	service_confined
	svc_args+=(--user "$plane_uid:$plane_gid" --group-add "$(socket_group)" --init
		--volume "$docker_socket:/var/run/docker.sock"
		--volume "$matrx_root:$matrx_root"
		--volume /sys/fs/cgroup:/host/cgroup:ro
		--volume /proc:/host/proc:ro)
	service_apply
}

# plane_user chooses whom the planes run as: a user of their own where root sets up, else the person himself.
plane_user() {
	plane_uid=10001 plane_gid=10001
	((EUID == 0)) || plane_uid=$EUID plane_gid=$(id -g)
}

# prepare_root makes the folders of MATRX_ROOT and hands them to the planes.
prepare_root() {
	plane_user
	mkdir -p "$matrx_root"/{locks,projects,traefik/dynamic,apps/server-manager/data,apps/deploy/data}
	((EUID != 0)) || chown "$plane_uid:$plane_gid" "$matrx_root" "$matrx_root"/{locks,projects,traefik,traefik/dynamic,apps,apps/*,apps/*/data}
	chmod 0700 "$matrx_root"/apps/*/data
}
