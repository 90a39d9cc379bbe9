# shellcheck shell=bash
# The builder image: everything that the control planes and the sample app are built from source with, where neither a
# registry nor a network can be reached. It is made once for a Go version and a list of modules.

# builder_image makes matrx/builder:current (with the project behind it for another stack than the default one). The three
# folders are kept in the cache: a minute on two cores.
builder_image() {
	local key
	key=$({ cd "$repo" && go env GOVERSION && cat go.mod go.sum infra/sample/go.mod infra/sample/go.sum infra/lib/builder.sh; } | digest)
	builder=matrx/builder:$key
	mkdir -p "$cache_dir/builder"
	# The folders belong to all checkouts and stacks of this user: one at a time makes them.
	exec 8>"$cache_dir/builder/lock"
	flock 8
	if image_exists "$builder"; then
		say "builder: unchanged ($key)"
	else
		make_builder "$cache_dir/builder/$key"
		say "builder: built in ${took}s ($key)"
		forget_old_images builder "$builder"
	fi
	exec 8>&-
	docker tag "$builder" "matrx/builder:$current"
}

# make_builder DIR makes the image from the folders in DIR, and collects them first where that was not done.
make_builder() {
	if [[ ! -d $1 ]]; then
		say "builder: collecting Go, the modules and their compiled packages"
		find "$cache_dir/builder" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +
		logged collect-builder collect_builder "$1.part"
		mv "$1.part" "$1"
		say "builder: collected in ${took}s"
	fi
	logged build-builder pack_builder "$1" "$builder"
}

# collect_builder DIR fills DIR/go, DIR/mod and DIR/cache. Packed modules, tests, their data and programs that no build runs
# are left out. Its steps are joined, because `logged` calls it in a condition, where a failing one would not end it.
collect_builder() {
	local dir=$1 goroot
	goroot=$(go env GOROOT) &&
		mkdir -p "$dir/go/bin" "$dir/go/pkg/tool" &&
		cp -a "$goroot/bin/go" "$dir/go/bin/" &&
		cp -a "$goroot/VERSION" "$goroot/go.env" "$goroot/lib" "$dir/go/" &&
		cp -a "$goroot/pkg/include" "$dir/go/pkg/" &&
		tar -C "$goroot" -c --exclude=src/cmd --exclude=testdata --exclude='*_test.go' src | tar -C "$dir/go" -x &&
		collect_tools "$goroot" "$dir/go" &&
		compile_for_builder "$dir" "$repo" ./cmd/matrx-manager ./cmd/deploy-server &&
		compile_for_builder "$dir" "$repo/infra/sample" . &&
		find "$dir/mod" \( -name '*.zip' -o -name '*_test.go' \) -delete &&
		find "$dir/mod" -name testdata -type d -prune -exec rm -rf {} +
}

# compile_for_builder DIR MODULE PACKAGE... compiles programs with the modules and the cache of the builder. Modules come from this
# machine's own cache where they are in it.
compile_for_builder() {
	local dir=$1 module=$2 download
	download=$(go env GOMODCACHE)/cache/download
	(cd "$module" && GOFLAGS=-modcacherw GOPROXY=file://$download,$(go env GOPROXY) GOMODCACHE=$dir/mod GOCACHE=$dir/cache CGO_ENABLED=0 \
		go build -trimpath -buildvcs=false -o /dev/null "${@:3}")
}

# collect_tools copies the programs that a build runs.
collect_tools() {
	local tool target
	target=pkg/tool/$(go env GOOS)_$(go env GOARCH)
	mkdir -p "$2/$target" || return 1
	for tool in asm compile link; do cp -a "$1/$target/$tool" "$2/$target/" || return 1; done
}

pack_builder() {
	tar -C "$1" -cf - go mod cache -C "$repo/infra/images/builder" Dockerfile |
		docker build --force-rm --label com.matrx.image=builder --tag "$2" --build-arg "BASE_IMAGE=$base" -
}
