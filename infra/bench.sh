#!/usr/bin/env bash
# Measures, and prints each figure beside the peer that was measured in the same run. A measurement is a Go test behind the
# build tag `bench` whose name begins with TestBench; it appends one line to the file named in MATRX_BENCH_OUT:
#   what TAB ours TAB peer TAB ratio TAB limit TAB load average TAB ok|MISS
# (core/coretest/bench.go writes it). Figures are worth little while the machine does something else: see the load beside them.
set -euo pipefail

export MATRX_PROJECT=${MATRX_PROJECT:-matrx-bench} MATRX_PORT_SHIFT=${MATRX_PORT_SHIFT:-11000}
# shellcheck source=lib/all.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"
# shellcheck source=lib/gotest.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/gotest.sh"

log_dir=$repo/.local/bench-log

# measure runs one package after the other, so that no measurement disturbs another.
measure() {
	local packages
	mapfile -t packages < <(cd "$repo" && grep -rl --include='*_test.go' '^func TestBench' . | xargs -n 1 dirname | sort -u)
	go_tests bench . -tags bench -run '^TestBench' -count=1 -p 1 -timeout 60m "${packages[@]}"
}

print_table() {
	printf '\n'
	{
		printf 'what\tours\tpeer\tratio\tlimit\tload\t\n'
		cat "$MATRX_BENCH_OUT"
	} | column -t -s $'\t' | sed 's/^/  /'
}

main() {
	local missed
	check_settings
	mkdir -p "$local_dir" "$log_dir" "$cache_dir"
	step "What the bench needs"
	need_stack_packages
	need_test_packages
	need_packages docker-compose=docker-compose
	need_go
	ensure_engine
	base_image
	export MATRX_BENCH_OUT=$log_dir/bench.tsv MATRX_STACK=$local_dir/stack.json
	: >"$MATRX_BENCH_OUT"
	stage "stack" "$repo/infra/up.sh"
	stage "measure" measure
	stage "take down" "$repo/infra/down.sh" --clean
	[[ -s $MATRX_BENCH_OUT ]] || die "nothing was measured"
	print_table
	if missed=$(grep -c $'\tMISS$' "$MATRX_BENCH_OUT"); then
		summary+=("FAILED   $missed figures miss their limit")
		failed_stages=$((failed_stages + 1))
	fi
	closing_summary
}

main "$@"
