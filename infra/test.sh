#!/usr/bin/env bash
# Runs everything: lint, unit and contract tests with the race detector (against the real engine), and the end to end tests
# against a whole stack of their own, beside the one that `make up` made. MATRX_SOAK=1 runs the long campaigns.
set -euo pipefail

export MATRX_PROJECT=${MATRX_PROJECT:-matrx-test} MATRX_PORT_SHIFT=${MATRX_PORT_SHIFT:-10000}
# shellcheck source=lib/all.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"
# shellcheck source=lib/gotest.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/gotest.sh"

log_dir=$repo/.local/test-log
race_timeout=20m
[[ -z ${MATRX_SOAK:-} ]] || race_timeout=6h

lint() { "$repo/infra/lint.sh"; }

unit() { go_tests unit . -race -tags integration -timeout "$race_timeout" ./...; }

sample() { go_tests sample infra/sample -race ./...; }

end_to_end() {
	"$repo/infra/up.sh" || return 1
	if ! MATRX_STACK=$local_dir/stack.json go_tests end-to-end . -tags e2e -count=1 -timeout "$race_timeout" ./infra/e2e/...; then
		keep_container_logs
		return 1
	fi
}

# keep_container_logs saves what the stack said, before it is taken down.
keep_container_logs() {
	local container
	for container in $(docker ps -a --filter "label=$label_project=$project" --format '{{.Names}}'); do
		docker logs "$container" >"$log_dir/$container.log" 2>&1
	done
	say "what the containers said: $log_dir"
}

# take_down leaves nothing behind but the logs of this run, whatever happened before.
take_down() { "$repo/infra/down.sh" --clean; }

main() {
	check_settings
	mkdir -p "$local_dir" "$log_dir" "$cache_dir"
	step "What the tests need"
	need_stack_packages
	need_test_packages
	need_go
	ensure_engine
	base_image
	traefik_image # the tests of routing start one
	stage "lint" lint
	stage "unit and contract" unit
	stage "sample app" sample
	stage "end to end" end_to_end
	stage "take down" take_down
	closing_summary
}

main "$@"
