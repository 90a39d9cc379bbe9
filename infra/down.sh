#!/usr/bin/env bash
# Takes away what up.sh made, and nothing else. Data (volumes, .local) stays unless --clean is given, which
# also ends the engine when up.sh had started it. Settings: MATRX_PROJECT, as given to up.sh.
set -euo pipefail

# shellcheck source=lib/all.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"

# ours lists the objects of this project: ours ps -a, ours network ls, ours volume ls.
ours() { docker "$@" --filter "label=$label_project=$project" -q; }

# remove_containers stops the apps first and the planes and Traefik with them, all at once, then removes them.
remove_containers() {
	local containers
	mapfile -t containers < <(ours ps -a)
	if ((${#containers[@]} == 0)); then
		say "no containers of $project"
		return 0
	fi
	docker stop -t 20 "${containers[@]}" >/dev/null
	docker rm -f "${containers[@]}" >/dev/null
	say "removed ${#containers[@]} containers"
}

remove_networks() {
	local network
	for network in $(ours network ls); do
		docker network rm "$network" >/dev/null || die "remove network $network: something else is still in it"
	done
	say "removed the networks"
}

remove_volumes() {
	local volume
	for volume in $(ours volume ls); do
		docker volume rm "$volume" >/dev/null || die "remove volume $volume"
		say "removed volume $volume, with its data"
	done
}

# remove_images removes the images that were built here; one that another stack uses stays. They are shared by all stacks of
# this engine, so only the default one's end takes them along.
remove_images() {
	local image
	if [[ $project != "$default_project" ]]; then
		docker rmi "matrx/tools:$current" "matrx/builder:$current" >/dev/null 2>&1 || true # names of this stack alone
		return 0
	fi
	for image in $(docker images --filter label=com.matrx.image --format '{{.Repository}}:{{.Tag}}'); do
		docker rmi "$image" >/dev/null 2>&1 || say "kept $image: in use"
	done
}

# remove_local removes the named folders of .local, and .local when nothing else is in it.
remove_local() {
	local folder
	for folder in "$@"; do rm -rf "${local_dir:?}/$folder"; done
	rmdir "$local_dir" 2>/dev/null || say "kept $local_dir: something else is in it"
}

main() {
	local clean=no folders
	[[ ${1:-} == --clean ]] && clean=yes
	check_settings
	have docker || die "there is no docker command, so there is nothing to take down"
	find_engine
	engine_answers || die "no Docker Engine answers at $docker_socket; containers that it kept cannot be removed now"
	[[ ! -d $local_dir ]] || only_one
	step "Taking down $project"
	remove_containers
	remove_networks
	if [[ $clean == yes ]]; then
		remove_volumes
		remove_images
		folders=(srv ssh env handed git log build vars.json stack.json registry lock test-log bench-log)
		stop_own_engine && folders+=(engine)
		remove_local "${folders[@]}"
	else
		say "data is kept in volumes and in $local_dir; make clean drops it"
	fi
}

main "$@"
