# shellcheck shell=bash
# Containers, networks and volumes from definitions. A definition (infra/*/service.sh) fills the svc_ variables between
# service_begin and service_apply; service_apply makes what runs equal to it and leaves alone what already is.

label_project=com.matrx.project
label_checkout=com.matrx.checkout
changes=0 # containers made, replaced or started by this run

# service_begin NAME KIND LAYER HEALTH starts a definition. NAME is the service's name on a server; the container
# carries the project's prefix before it, and is known by the plain NAME in its networks.
service_begin() {
	svc_name=$1 svc_container=$prefix$1 svc_image='' svc_env_file='' svc_grace=20
	svc_args=() svc_networks=() svc_ports=() svc_command=()
	service_label "$label_project=$project" "$label_checkout=$repo" "com.docker.compose.project=$project" "com.docker.compose.service=$1" \
		com.docker.compose.oneoff=False com.docker.compose.container-number=1 \
		"com.matrx.service=$1" "com.matrx.kind=$2" "com.matrx.layer=$3" "com.matrx.health=$4"
}

service_label() {
	local label
	for label in "$@"; do svc_args+=(--label "$label"); done
}

service_env() {
	local pair
	for pair in "$@"; do svc_args+=(--env "$pair"); done
}

# service_env_secret NAME=VALUE... writes what must not be in an argument list into .local/env, readable by its owner alone.
service_env_secret() {
	svc_env_file=$env_dir/$svc_name.env
	(umask 077 && printf '%s\n' "$@" >"$svc_env_file.part" && mv "$svc_env_file.part" "$svc_env_file")
}

# service_port HOST CONTAINER publishes a port on 127.0.0.1.
service_port() {
	svc_ports+=("$1")
	svc_args+=(--publish "$listen:$1:$2")
}

# service_limits MEMORY PIDS bounds what a container may take.
service_limits() { svc_args+=(--memory "$1" --pids-limit "$2"); }

# service_confined takes every privilege that our own containers do without: see DESIGN, section 11.
service_confined() {
	svc_args+=(--read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs "/tmp:rw,nosuid,nodev,size=64m,mode=1777")
}

# service_route HOST PORT gives the labels by which Traefik leads a host name to this container. A server with
# MATRX_ACME_EMAIL gets its certificates by ACME; without it the router uses Traefik's self-signed one.
service_route() {
	local router=traefik.http.routers.$svc_name tls=.tls=true
	[[ -n ${MATRX_ACME_EMAIL:-} ]] && tls=.tls.certresolver=letsencrypt
	service_label traefik.enable=true "$router.rule=Host(\`$1\`)" "$router.entrypoints=websecure" "$router$tls" \
		"traefik.http.services.$svc_name.loadbalancer.server.port=$2" "traefik.docker.network=${prefix}proxy"
}

# service_apply makes the container, replaces it when its definition changed, starts it when it is stopped.
service_apply() {
	local hash state
	hash=$({
		printf '%s\0' "$svc_image" "${svc_args[@]}" -- "${svc_networks[@]}" -- "${svc_command[@]}"
		[[ -z $svc_env_file ]] || cat "$svc_env_file"
	} | digest)
	state=$(container_state "$svc_container")
	case $state in
	"$project $hash running") say "$svc_container: unchanged" && return 0 ;;
	"$project $hash "*)
		ports_free
		docker start "$svc_container" >/dev/null || die "start $svc_container"
		say "$svc_container: started (it was ${state##* })"
		;;
	"$project "*)
		replace_container
		service_create "$hash"
		say "$svc_container: replaced, its definition changed"
		;;
	'')
		service_create "$hash"
		say "$svc_container: started"
		;;
	*) die "a container named $svc_container exists and does not belong to project $project; rename or remove it, or choose another MATRX_PROJECT" ;;
	esac
	changes=$((changes + 1))
}

# refuse_second_checkout stops before it would take over the stack that another clone brought up under the same name.
refuse_second_checkout() {
	local other
	other=$(docker ps -a --filter "label=$label_project=$project" --format "{{.Label \"$label_checkout\"}}" |
		grep -vxF -e "$repo" -e '' | head -n 1) || return 0
	die "project $project is up from another checkout, $other; run make down there, or choose another MATRX_PROJECT and MATRX_PORT_SHIFT here"
}

# container_state prints "PROJECT CONFIG-HASH STATE" of a container, or nothing when there is none.
container_state() {
	docker container inspect --format \
		'{{or (index .Config.Labels "com.matrx.project") "-"}} {{or (index .Config.Labels "com.matrx.config-hash") "-"}} {{.State.Status}}' \
		"$1" 2>/dev/null || true
}

# engine_error prints the engine's own words from a command's output.
engine_error() { grep -m 1 'Error response' "$1" || tail -n 1 "$1"; }

replace_container() {
	docker stop -t "$svc_grace" "$svc_container" >/dev/null || die "stop $svc_container"
	docker rm "$svc_container" >/dev/null || die "remove $svc_container"
}

# service_create makes and starts the container. Every network but the first is joined before the start.
service_create() {
	local network args=(--name "$svc_container" --hostname "$svc_name" --restart unless-stopped
		--log-driver json-file --log-opt max-size=10m --log-opt max-file=3
		--label "com.matrx.config-hash=$1" --network "${svc_networks[0]}" --network-alias "$svc_name")
	[[ -z $svc_env_file ]] || args+=(--env-file "$svc_env_file")
	ports_free
	docker create "${args[@]}" "${svc_args[@]}" "$svc_image" "${svc_command[@]}" >"$log_dir/create.log" 2>&1 ||
		die "create $svc_container: $(engine_error "$log_dir/create.log")"
	for network in "${svc_networks[@]:1}"; do
		docker network connect --alias "$svc_name" "$network" "$svc_container" || die "join $svc_container to network $network"
	done
	if ! docker start "$svc_container" >"$log_dir/create.log" 2>&1; then
		docker rm "$svc_container" >/dev/null
		die "start $svc_container: $(engine_error "$log_dir/create.log")"
	fi
}

# ports_free fails when a port of the definition is taken, and names who has it.
ports_free() {
	local port holder
	for port in "${svc_ports[@]}"; do
		holder=$(port_holder "$port")
		[[ -z $holder ]] || die "port $listen:$port, which $svc_container needs, is taken by $holder. End that, or move the whole stack: MATRX_PORT_SHIFT=1000 $0"
	done
}

# port_holder prints who listens on a TCP port of this machine: a container's name, or a program and its pid.
port_holder() {
	local sockets container
	sockets=$(PATH=$PATH:/usr/sbin:/sbin ss -Hltnp "sport = :$1")
	[[ -n $sockets ]] || return 0
	container=$(docker ps --filter "publish=$1" --format '{{.Names}}' | head -n 1)
	if [[ -n $container ]]; then
		printf 'container %s' "$container"
	elif [[ $sockets =~ \(\(\"([^\"]+)\",pid=([0-9]+) ]]; then
		printf '%s (pid %s)' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
	else
		printf 'a program of another user'
	fi
}

# owner_of KIND NAME prints the project of a network or volume: `-` for one without, nothing when there is none.
owner_of() {
	docker "$1" inspect --format "{{or (index .Labels \"$label_project\") \"-\"}}" "$2" 2>/dev/null || true
}

# ensure_network NAME [OPTION...] makes a network of this project.
ensure_network() {
	local name=$1
	shift
	case $(owner_of network "$name") in
	"$project") say "network $name: unchanged" ;;
	'')
		docker network create "$@" --label "$label_project=$project" --label "com.docker.compose.project=$project" "$name" >/dev/null ||
			die "create network $name"
		say "network $name: made"
		;;
	*) die "a network named $name exists and does not belong to project $project; remove it, or choose another MATRX_PROJECT" ;;
	esac
}

# ensure_volume NAME makes a volume of this project.
ensure_volume() {
	case $(owner_of volume "$1") in
	"$project") return 0 ;;
	?*) die "a volume named $1 exists and does not belong to project $project; remove it, or choose another MATRX_PROJECT" ;;
	esac
	docker volume create --label "$label_project=$project" --label "com.docker.compose.project=$project" "$1" >/dev/null ||
		die "create volume $1"
	say "volume $1: made"
}

# database_password VOLUME FILE prints the password that goes with a database volume: the one kept with it, or a new one
# for a new volume. A volume whose password is gone is refused rather than started with a wrong one.
database_password() {
	local kept
	kept=$(sed -n 's/^POSTGRES_PASSWORD=//p' "$2" 2>/dev/null) || kept=
	if [[ -z $kept ]] && docker volume inspect "$1" >/dev/null 2>&1; then
		die "volume $1 exists, but its password ($2) is gone. Bring that file back, or drop the data with: make clean"
	fi
	printf '%s' "${kept:-$(random_secret)}"
}
