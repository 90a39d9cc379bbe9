#!/usr/bin/env bash
# Brings up the local stack: engine, Traefik, Postgres, both control planes and the sample instance. Run it as
# often as you like: it makes what is missing, replaces what changed and leaves the rest alone.
# Settings, all optional: infra/README.md.
set -euo pipefail

# shellcheck source=lib/all.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"

make_images() {
	base_image
	tools_image
	builder_image
	traefik_image
	images[traefik-base]=$built_image
	folder_image traefik-service infra/traefik "TRAEFIK_IMAGE=$built_image"
	images[traefik]=$built_image
	postgres_image
	images[postgres-base]=$built_image
	folder_image postgres-service infra/postgres "POSTGRES_IMAGE=$built_image"
	images[postgres]=$built_image
	plane_image matrx-manager manager
	images[manager]=$built_image
	plane_image deploy-server deploy
	images[deploy]=$built_image
	sample_image
	images[sample]=$built_image
}

# seen_working asks each service the way a user would; what does not answer fails the whole.
seen_working() {
	expect matrx-manager answers "http://$listen:$port_manager_http/readyz"
	expect deploy-server answers "http://$listen:$port_deploy_http/readyz"
	expect matrx-manager host_key "$port_manager_ssh"
	expect deploy-server host_key "$port_deploy_ssh"
	expect ship-demo routed "demo.$domain"
	expect matrx-manager routed "manager.$domain"
	expect deploy-server routed "deploy.$domain"
	say "both planes answer ssh and http; Traefik leads to manager.$domain, deploy.$domain and demo.$domain"
}

answers() { curl -fsS --max-time 5 -o /dev/null "$@" 2>/dev/null; }

routed() { answers --insecure --noproxy '*' --resolve "$1:$port_websecure:$listen" "https://$1:$port_websecure/healthz"; }

# host_key asks a plane for its key, once: connections without a login count against their source.
declare -A fingerprints=()
host_key() {
	local key
	key=$(ssh-keyscan -T 5 -t ed25519 -p "$1" "$listen" 2>/dev/null)
	[[ -n $key ]] && fingerprints[$1]=$(ssh-keygen -lf - <<<"$key" | cut -d' ' -f2)
}

# expect SERVICE COMMAND... waits until a service answers. It ends the run with the service's last words when that
# takes too long, or when its container ends again and again.
expect() {
	local service=$prefix$1 deadline=$((SECONDS + 60)) restarts
	shift
	until "$@"; do
		restarts=$(docker inspect --format '{{.RestartCount}}' "$service" 2>&1) || die "there is no container $service"
		((SECONDS < deadline && restarts < 4)) || not_ready "$service"
		sleep 0.3
	done
}

not_ready() {
	docker logs --tail 10 "$1" 2>&1 | sed 's/^/    | /' >&2
	die "$1 does not answer; its last lines are above (docker logs $1)"
}

# describe_stack writes what tests need to find the stack.
describe_stack() {
	jq -n --arg project "$project" --arg prefix "$prefix" --arg domain "$domain" --arg key "$local_key" \
		--arg root "$matrx_root" --arg socket "$docker_socket" --arg base "$base" \
		--arg sample "${images[sample]}" --arg postgres "${images[postgres-base]}" --arg traefik "${images[traefik-base]}" \
		--argjson manager_ssh "$port_manager_ssh" --argjson manager_http "$port_manager_http" \
		--argjson deploy_ssh "$port_deploy_ssh" --argjson deploy_http "$port_deploy_http" \
		--argjson web "$port_web" --argjson websecure "$port_websecure" \
		'{project: $project, prefix: $prefix, domain: $domain, key: $key, root: $root, socket: $socket,
		  images: {base: $base, sample: $sample, postgres: $postgres, traefik: $traefik},
		  ports: {manager_ssh: $manager_ssh, manager_http: $manager_http, deploy_ssh: $deploy_ssh,
		          deploy_http: $deploy_http, web: $web, websecure: $websecure}}' >"$local_dir/stack.json"
}

closing_words() {
	local reason
	printf '\nUp after %d s' "$SECONDS"
	((changes > 0)) || printf '; nothing had to change'
	printf '.\n\n  Server Manager   ssh -p %s %s\n' "$port_manager_ssh" "$listen"
	printf '                   http://%s:%s/   https://manager.%s:%s/\n' "$listen" "$port_manager_http" "$domain" "$port_websecure"
	printf '                   host key %s\n' "${fingerprints[$port_manager_ssh]}"
	printf '  Deploy Server    ssh -p %s %s\n' "$port_deploy_ssh" "$listen"
	printf '                   http://%s:%s/   https://deploy.%s:%s/\n' "$listen" "$port_deploy_http" "$domain" "$port_websecure"
	printf '                   host key %s\n' "${fingerprints[$port_deploy_ssh]}"
	printf '  Sample app       curl -k --resolve demo.%s:%s:%s https://demo.%s:%s/\n' "$domain" "$port_websecure" "$listen" "$domain" "$port_websecure"
	printf '  Another key      ssh -i %q -p %s %s\n' "${local_key#"$PWD"/}" "$port_manager_ssh" "$listen"
	printf '\nType next:\n\n  ssh -p %s %s\n  ssh -p %s %s status --json | jq\n' "$port_manager_ssh" "$listen" "$port_manager_ssh" "$listen"
	printf '\nmake down takes it away and keeps its data; make clean drops the data too.\n'
	((${#not_done[@]} == 0)) || printf '\nNot as on a server:\n'
	for reason in "${not_done[@]}"; do printf '  - %s\n' "$reason"; done
}

main() {
	check_settings
	mkdir -p "$local_dir" "$log_dir" "$env_dir" "$cache_dir"
	chmod 0700 "$env_dir"
	only_one
	printf 'matrx-ship: the local stack "%s", under %s\n' "$project" "$local_dir"
	step "Tools"
	need_stack_packages
	need_go
	step "Engine"
	ensure_engine
	bound_builds
	refuse_second_checkout
	step "Folders and sources"
	prepare_root
	read_checkout
	planes_source
	sample_source
	step "Images"
	make_images
	step "Keys and secrets"
	ship_program
	ensure_keys
	ensure_secrets
	write_vars
	step "Services"
	apply_definitions
	step "Looking whether it works"
	seen_working
	hand_definitions
	hand_over
	hand_secrets
	describe_stack
	[[ -n ${MATRX_ACME_EMAIL:-} ]] || remember_not_done "no MATRX_ACME_EMAIL, so Traefik shows a self-signed certificate (curl -k)"
	closing_words
}

main "$@"
