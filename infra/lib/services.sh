# shellcheck shell=bash
# The services: who may own what they need, their secrets and the values of their definitions' variables. What they are is
# in infra/*/compose.yml; the program `deploy-server apply` makes the containers.

label_project=com.matrx.project
label_root=com.matrx.root  # on networks: MATRX_ROOT of the stack that made them
traefik_user=65532:65532   # infra/traefik/compose.yml
changes=0                  # containers made, replaced or started by this run

# definitions are the compose files of the stack.
definitions=("$repo"/infra/{traefik,postgres,sample,manager,deploy}/compose.yml)

# refuse_second_checkout stops before it would take over the stack that another clone brought up under the same name.
refuse_second_checkout() {
	local other
	other=$(docker network ls --filter "label=$label_project=$project" --format "{{.Label \"$label_root\"}}" |
		grep -vxF -e "$matrx_root" -e '' | head -n 1) || return 0
	die "project $project is up from another checkout, ${other%%/.local/*}; run make down there, or choose another MATRX_PROJECT and MATRX_PORT_SHIFT here"
}

# plane_user chooses whom the planes run as: a user of their own where root sets up, else the person himself.
plane_user() {
	plane_uid=10001 plane_gid=10001
	((EUID == 0)) || plane_uid=$EUID plane_gid=$(id -g)
}

# prepare_root makes the folders of MATRX_ROOT and hands them to the planes.
prepare_root() {
	plane_user
	mkdir -p "$matrx_root"/{locks,projects,postgres,instances,state,traefik/{dynamic,acme},apps/server-manager/data,apps/deploy/data}
	((EUID != 0)) || chown "$plane_uid:$plane_gid" "$matrx_root" "$matrx_root"/* "$matrx_root"/traefik/dynamic "$matrx_root"/apps/* "$matrx_root"/apps/*/data
	chmod 0700 "$matrx_root"/state "$matrx_root"/apps/*/data "$matrx_root"/traefik/acme
	if ((EUID == 0)); then
		chown "$traefik_user" "$matrx_root"/traefik/acme
	elif [[ -n ${MATRX_ACME_EMAIL:-} ]]; then
		remember_not_done "Traefik cannot write $matrx_root/traefik/acme, so it asks for no certificates (sudo chown $traefik_user $matrx_root/traefik/acme)"
	fi
}

# secret_set SERVICE NAME VALUE keeps a secret of a service as the file .local/env/SERVICE/NAME, readable by its owner alone. An
# empty value removes it.
secret_set() {
	local file=$env_dir/$1/$2
	mkdir -p "$env_dir/$1"
	if [[ -z $3 ]]; then rm -f "$file"; elif [[ $(secret_get "$1" "$2") != "$3" ]]; then
		(umask 077 && printf '%s' "$3" >"$file.part" && mv "$file.part" "$file")
	fi
}

# secret_get SERVICE NAME prints a kept secret.
secret_get() { cat "$env_dir/$1/$2" 2>/dev/null || true; }

# database_password SERVICE VOLUME prints the password that goes with a database volume: the one kept with it, or a new one
# for a new volume. A volume whose password is gone is refused rather than started with a wrong one.
database_password() {
	local kept
	kept=$(secret_get "$1" POSTGRES_PASSWORD)
	if [[ -z $kept ]] && docker volume inspect "$2" >/dev/null 2>&1; then
		die "volume $2 exists, but its password ($env_dir/$1/POSTGRES_PASSWORD) is gone. Bring that file back, or drop the data with: make clean"
	fi
	printf '%s' "${kept:-$(random_secret)}"
}

# ensure_secrets makes what is missing. Both planes have the same age identity: each must be able to deploy what the other
# one keeps the env of.
ensure_secrets() {
	local plane name identity password
	password=$(database_password postgres "${project}_postgres-data")
	secret_set postgres POSTGRES_PASSWORD "$password"
	password=$(database_password ship-demo-db "${project}_ship-demo-db-data")
	secret_set ship-demo-db POSTGRES_PASSWORD "$password"
	secret_set ship-demo DATABASE_URL "postgres://demo:$password@ship-demo-db:5432/demo?sslmode=disable"
	identity=${MATRX_AGE_IDENTITIES:-$(secret_get matrx-manager MATRX_AGE_IDENTITIES)}
	[[ -n $identity ]] || identity=$("$ship" keygen age) || die "no age identity could be made"
	for plane in matrx-manager deploy-server; do
		secret_set "$plane" MATRX_AGE_IDENTITIES "$identity"
		for name in MATRX_GIT_TOKEN MATRX_GIT_SSH_KEY MATRX_GIT_KNOWN_HOSTS MATRX_ALERT_URLS; do
			[[ -z ${!name:-} ]] || secret_set "$plane" "$name" "${!name}"
		done
	done
	[[ -z ${MATRX_DASHBOARD_USERS:-} ]] || secret_set traefik MATRX_DASHBOARD_USERS "$MATRX_DASHBOARD_USERS"
}

# write_vars writes the values of the variables that the definitions have. None of them is secret.
write_vars() {
	local resolver='' dashboard=false name optional='{}'
	local MATRX_BUILD_CGROUP=${MATRX_BUILD_CGROUP:-$build_group}
	[[ -z $(secret_get traefik MATRX_DASHBOARD_USERS) ]] || dashboard=true
	[[ -z ${MATRX_ACME_EMAIL:-} ]] || resolver=letsencrypt
	for name in MATRX_SSH_CA MATRX_SHELL_ROLE MATRX_LOG_MAX_BYTES MATRX_LOG_MAX_AGE MATRX_BUILD_CGROUP MATRX_ACME_EMAIL MATRX_ACME_CA; do
		optional=$(jq -c --arg name "$name" --arg value "${!name:-}" '.[$name] = $value' <<<"$optional")
	done
	jq -n --argjson optional "$optional" --arg MATRX_PROJECT "$project" --arg MATRX_PREFIX "$prefix" --arg MATRX_ROOT "$matrx_root" \
		--arg MATRX_DOMAIN "$domain" --arg MATRX_SERVER_NAME "$server_name" --arg MATRX_RESOLVER "$resolver" --arg MATRX_DASHBOARD "$dashboard" \
		--arg MATRX_USER "$plane_uid:$plane_gid" --arg MATRX_SOCKET "$docker_socket" --arg MATRX_SOCKET_GROUP "$(socket_group)" \
		--arg MATRX_ADMIN_KEYS "$admin_keys" --arg MATRX_LISTEN "$listen" \
		--arg MATRX_PORT_WEB "$port_web" --arg MATRX_PORT_WEBSECURE "$port_websecure" \
		--arg MATRX_PORT_MANAGER_SSH "$port_manager_ssh" --arg MATRX_PORT_MANAGER_HTTP "$port_manager_http" \
		--arg MATRX_PORT_DEPLOY_SSH "$port_deploy_ssh" --arg MATRX_PORT_DEPLOY_HTTP "$port_deploy_http" \
		--arg MATRX_MANAGER_SSH_COMMAND "ssh -p $port_manager_ssh $listen" --arg MATRX_DEPLOY_SSH_COMMAND "ssh -p $port_deploy_ssh $listen" \
		--arg MATRX_CURRENT "$current" --arg MATRX_IMAGE_TRAEFIK "${images[traefik-base]}" --arg MATRX_IMAGE_POSTGRES "${images[postgres-base]}" \
		'($ARGS.named | del(.optional)) + $optional
		 + {MATRX_PROJECTS_URL: ("file://" + ($ARGS.named.MATRX_ROOT | split("/") | map(@uri) | join("/")) + "/projects")}' >"$local_dir/vars.json"
}

# ship_program puts the program of the freshly built Deploy Server where this script can run it.
ship_program() {
	local container
	ship=$local_dir/build/deploy-server-${images[deploy]##*:}
	if [[ ! -x $ship ]]; then
		rm -f "$local_dir"/build/deploy-server-*
		container=$(docker create "${images[deploy]}") || die "no container of ${images[deploy]} can be made"
		docker cp "$container:/usr/local/bin/deploy-server" "$ship" >/dev/null
		docker rm "$container" >/dev/null
	fi
}

# apply_definitions makes what runs equal to the definitions and leaves alone what already is.
apply_definitions() {
	local line applying lines
	exec {lines}< <("$ship" apply --root "$matrx_root" --vars "$local_dir/vars.json" --env-dir "$env_dir" \
		--image "traefik=${images[traefik]}" --image "postgres=${images[postgres]}" --image "matrx-manager=${images[manager]}" --image "deploy-server=${images[deploy]}" --image "ship-demo=${images[sample]}" \
		"${definitions[@]}" 2>"$log_dir/apply.log")
	applying=$!
	while IFS= read -r line; do
		say "$line"
		[[ $line == *': unchanged' ]] || changes=$((changes + 1))
	done <&"$lines"
	wait "$applying" || die "$(<"$log_dir/apply.log")"
}

# on_plane PORT COMMAND... runs a command of a control plane with the stack's own key.
on_plane() {
	local port=$1
	shift
	ssh -F none -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
		-o IdentitiesOnly=yes -i "$local_key" -p "$port" "$listen" "$@"
}
