# shellcheck shell=bash
# Names, paths and ports of one local stack, and how its scripts speak to the person who runs them.
# Sourced by the scripts in infra/; every setting may be given in the environment.

# repo is the checkout; scripts find everything from here, so a path with spaces is as good as any.
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

# MATRX_PROJECT separates stacks on one engine. The default one has the plain names of a server
# (`traefik`, `matrx-manager`, network `proxy`); every other one carries its project as a prefix.
default_project=matrx-local
project=${MATRX_PROJECT:-$default_project}
if [[ $project == "$default_project" ]]; then
	prefix='' local_dir=$repo/.local current=current
else
	prefix=$project- local_dir=$repo/.local/project-$project current=current-$project
fi

# MATRX_PORT_SHIFT moves all published ports, so that two stacks can stand side by side.
port_shift=${MATRX_PORT_SHIFT:-0}
listen=127.0.0.1

domain=${MATRX_DOMAIN:-dev.codematrx.test}
server_name=${MATRX_SERVER_NAME:-local}
matrx_root=$local_dir/srv
log_dir=$local_dir/log
env_dir=$local_dir/env
[[ -n ${HOME:-} ]] || HOME=$(getent passwd "$EUID" | cut -d: -f6)
export HOME
cache_dir=${XDG_CACHE_HOME:-$HOME/.cache}/matrx-ship

# check_settings refuses values that could not become names, ports or mounts, before anything is made.
check_settings() {
	[[ $project =~ ^[a-z0-9][a-z0-9-]{0,40}$ ]] ||
		die "MATRX_PROJECT is \"$project\": use lower-case letters, digits and dashes, at most 41"
	if ! [[ $port_shift =~ ^[0-9]{1,5}$ ]] || ((10#$port_shift > 50000)); then
		die "MATRX_PORT_SHIFT is \"$port_shift\": use a number from 0 to 50000"
	fi
	port_shift=$((10#$port_shift))
	[[ $domain =~ ^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?$ ]] || die "MATRX_DOMAIN is \"$domain\": not a domain name"
	[[ $server_name =~ ^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$ ]] || die "MATRX_SERVER_NAME is \"$server_name\": not a host name"
	[[ $repo != *[:$'\n']* ]] || die "the checkout lies in \"$repo\": Docker cannot mount a path with a colon in it; move it"
	ports_set
}

# ports_set names the ports that are published on 127.0.0.1.
ports_set() {
	port_web=$((8080 + port_shift)) port_websecure=$((8443 + port_shift))
	port_manager_ssh=$((2201 + port_shift)) port_manager_http=$((3001 + port_shift))
	port_deploy_ssh=$((2202 + port_shift)) port_deploy_http=$((3002 + port_shift))
}

# The scripts print one line for each step and one for each thing done in it.
step() { printf '\n==> %s\n' "$*"; }
say() { printf '    %s\n' "$*"; }

# remember_not_done keeps what this machine did not allow, for the closing words.
not_done=()
remember_not_done() { not_done+=("$1"); }

# die ends the script with the reason, and with nothing but the reason.
die() {
	printf '\nfailed: %s\n' "$*" >&2
	exit 1
}

# only_one keeps two runs for one stack from working against each other. The lock ends with the script.
only_one() {
	exec 9>"$local_dir/lock"
	flock --nonblock 9 || die "another make up or make down works on $project at this moment"
}

have() { command -v "$1" >/dev/null 2>&1; }

# logged runs a long command with its output in .local/log/NAME.log, and shows the end of it when it fails.
logged() {
	local name=$1 began=$SECONDS log
	shift
	log=$log_dir/$name.log
	mkdir -p "$log_dir"
	if "$@" >"$log" 2>&1 </dev/null; then
		took=$((SECONDS - began))
		return 0
	fi
	printf '\n' >&2
	tail -n 25 "$log" | sed 's/^/    | /' >&2
	die "$name (all output: $log)"
}

# wait_until polls a condition: wait_until SECONDS COMMAND [ARG...].
wait_until() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < deadline)) || return 1
		sleep 0.3
	done
}

# digest prints the first 12 hex digits of the SHA-256 of standard input: the key of images and configurations.
digest() { sha256sum | cut -c1-12; }

# random_secret prints 32 hex digits.
random_secret() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
