# shellcheck shell=bash
# What the planes' store has to know of the services that make up makes: their definitions and their secrets. What somebody
# changed in the store is never overwritten. handed_dir remembers the versions that came from here, and the secrets by digest.

handed_dir=$local_dir/handed

# hand_over has the Manager take into its store what was made here and it does not know yet. Nothing is restarted by it.
hand_over() {
	local plan problems
	plan=$(on_plane "$port_manager_ssh" adopt --plan --json) || die "the Manager cannot look for services to take over: $plan"
	if ! jq -e 'any(.items[]; .adopted | not)' <<<"$plan" >/dev/null; then
		say "the Manager has the definitions of all $(jq '.items | length' <<<"$plan") services"
		return 0
	fi
	plan=$(on_plane "$port_manager_ssh" adopt --json) || die "the Manager cannot take over the services: $plan"
	problems=$(jq -r '.items[] | select(.adopted | not) | "\(.service): \(.problems // [] | join("; "))"' <<<"$plan")
	[[ -z $problems ]] || die "the Manager does not take over $problems"
	say "the Manager has taken over: $(jq -r '[.items[].service] | join(" ")' <<<"$plan")"
	changes=$((changes + 1))
}

# hand_definitions puts into the store the definitions that this run changed of services that the Manager has taken over: else the
# next deployment would bring the old ones back. It comes before hand_over, by which the Manager renders the folders anew.
hand_definitions() {
	local list service services
	list=$(on_plane "$port_manager_ssh" definition --json) || die "the Manager does not list its definitions: $list"
	mkdir -p "$handed_dir"
	mapfile -t services < <(jq -r '.[].service' <<<"$list")
	for service in "${services[@]}"; do
		hand_definition "$service" "$(jq -c --arg service "$service" '.[] | select(.service == $service)' <<<"$list")"
	done
}

# hand_definition SERVICE ROW sets the definition that was applied just now, when the store has another one and has it from here.
hand_definition() {
	local service=$1 row=$2 version folder answer
	version=$(jq -r .version <<<"$row")
	if is_applied "$(jq -r .text <<<"$row")"; then
		printf '%s\n' "$version" >"$handed_dir/$service.definition"
		return 0
	fi
	if ! jq -e .adopted <<<"$row" >/dev/null && [[ $version != $(handed "$service.definition") ]]; then
		remember_not_done "$service runs with the definition of this checkout; the next deployment brings back version $version of $(jq -r .by <<<"$row") (definition $service)"
		return 0
	fi
	folder=$(on_plane "$port_manager_ssh" definition "$service" --json | jq -r .folder) || die "the Manager does not show the definition of $service"
	answer=$(on_plane "$port_manager_ssh" definition set --base "$version" --json <"$folder/docker-compose.yml") || die "the Manager does not take the definition of $service: $answer"
	jq -r .version <<<"$answer" >"$handed_dir/$service.definition"
	[[ $(jq -r .version <<<"$answer") != "$version" ]] || return 0 # it had it already
	say "the Manager has the changed definition of $service"
	changes=$((changes + 1))
}

# is_applied is true for the text of a definition that apply has written into the folder of its service.
is_applied() {
	local file
	for file in "$matrx_root"/{traefik,postgres,apps/*,instances/*,instances/*/db}/docker-compose.yml; do
		[[ ! -r $file || $(<"$file") != "$1" ]] || return 0
	done
	return 1
}

# handed NAME prints what is remembered.
handed() { cat "$handed_dir/$1" 2>/dev/null || true; }

# hand_secrets does the same for the secrets that this run changed. It comes after hand_over, which takes those of the containers.
hand_secrets() {
	local list service services
	list=$(on_plane "$port_manager_ssh" definition --json) || die "the Manager does not list its definitions: $list"
	mapfile -t services < <(jq -r '.[].service' <<<"$list")
	for service in "${services[@]}"; do hand_env "$service"; done
}

# hand_env SERVICE sets the secrets that differ from those that were handed over, one by one and by standard input.
hand_env() {
	local service=$1 port=$port_manager_ssh now was version answer name names=()
	[[ $service != @(matrx-manager|traefik) ]] || port=$port_deploy_ssh # what the Deploy Server is the home of
	mkdir -p "$env_dir/$service"
	now=$(cd "$env_dir/$service" && find . -type f ! -name '*.part' -printf '%P\0' | sort -z | xargs -0r sha256sum)
	was=$(handed "$service.env")
	[[ ! -e $handed_dir/$service.env || $now != "$was" ]] || return 0
	# The Manager knows at once what it took over; the Deploy Server sees it a moment later.
	version=$(on_plane "$port_manager_ssh" env "$service" --json | jq -r .version) || die "no control plane shows the env of $service"
	if [[ -e $handed_dir/$service.env && $version != $(handed "$service.env-version") ]]; then
		remember_not_done "the env of $service was changed in the store (version $version), so it was left as it is (env $service)"
		return 0
	fi
	[[ ! -e $handed_dir/$service.env ]] || mapfile -t names < <(diff <(printf '%s\n' "$was") <(printf '%s\n' "$now") | sed -n 's/^[<>] [0-9a-f]*  //p' | sort -u)
	for name in "${names[@]}"; do
		if [[ -f $env_dir/$service/$name ]]; then
			answer=$(on_plane "$port" env set "$service" "$name" --base "$version" --json <"$env_dir/$service/$name")
		else
			answer=$(on_plane "$port" env unset "$service" "$name" --base "$version" --json </dev/null)
		fi || die "$name of $service cannot be put into the store: $answer"
		version=$(jq -r .version <<<"$answer")
		say "the store has the changed $name of $service"
		changes=$((changes + 1))
	done
	printf '%s\n' "$now" >"$handed_dir/$service.env"
	printf '%s\n' "$version" >"$handed_dir/$service.env-version"
}
