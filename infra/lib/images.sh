# shellcheck shell=bash
# Images: pulled where a registry answers, else built from packages. An image's tag is the digest of all that
# went into it, so that an unchanged one is found and not built again.

traefik_version=3.5.3        # what builds as a Go tool (infra/images/go.mod)
traefik_pull=traefik:v3.7.10 # what is used where a registry answers
postgres_pull=postgres:15-bookworm
debian_pull=debian:bookworm-slim
images_kept=3 # of each name, the newest

# images holds the image of each service, once it is made.
declare -A images=()

image_exists() { docker image inspect "$1" >/dev/null 2>&1; }

# pull_image gets an image from a registry. The first failure settles the question for this stack until make clean: one
# that was built from packages must not change its base because a network came back.
registry=unknown
registry_file=$local_dir/registry
pull_image() {
	[[ -e $registry_file ]] && registry=$(<"$registry_file")
	if [[ $registry == none ]]; then
		return 1
	fi
	image_exists "$1" && return 0
	if timeout 120 docker pull "$1" >"$log_dir/pull.log" 2>&1; then
		registry=yes
		printf '%s\n' "$registry" >"$registry_file"
		say "pulled $1"
		return 0
	fi
	[[ $registry == yes ]] && die "pull $1: $(tail -n 1 "$log_dir/pull.log")"
	registry=none
	printf '%s\n' "$registry" >"$registry_file"
	say "no registry answers: images are built from packages"
	return 1
}

# build_image NAME CONTEXT [BUILD-ARG...] builds an image from a folder that holds its Dockerfile and all that
# the Dockerfile copies, and leaves its tag in built_image. The build uses the host's network, which reaches
# the package mirror wherever the host does.
build_image() {
	local name=$1 context=$2 key arg args=()
	shift 2
	for arg in "$@"; do args+=(--build-arg "$arg"); done
	key=$({ folder_digest "$context" && printf '%s\n' "$@"; } | digest)
	built_image=matrx/$name:$key
	if image_exists "$built_image"; then
		say "$name: unchanged ($key)"
		return 0
	fi
	say "$name: building"
	logged "build-$name" docker build --force-rm --network host --label "com.matrx.image=$name" --tag "$built_image" "${args[@]}" "$context"
	say "$name: built in ${took}s ($key)"
	forget_old_images "$name" "$built_image"
}

# folder_digest prints one line a file: mode, digest and relative path.
folder_digest() {
	(cd "$1" && find . -type f -printf '%m %P\0' | sort -z | while IFS= read -r -d '' entry; do
		printf '%s %s\n' "$entry" "$(sha256sum <"${entry#* }")"
	done)
}

# forget_old_images NAME IMAGE removes all but the newest images of a name; IMAGE, which was made just now but is older than it
# where the engine had all its layers, and those in use stay.
forget_old_images() {
	local tag
	docker images --filter "label=com.matrx.image=$1" --format '{{.Repository}}:{{.Tag}}' "matrx/$1" |
		{ grep -vxF "$2" || true; } | tail -n "+$images_kept" | while read -r tag; do
		docker rmi "$tag" >/dev/null 2>&1 || true # another stack may run it
	done
}

# base_image makes the image that all others stand on. It needs root and debootstrap where nothing can be pulled.
base_image() {
	local from=$debian_pull
	if ! pull_image "$debian_pull"; then
		remember_not_done "no registry answered, so images are built from Debian packages and Go modules; Traefik is $traefik_version, not ${traefik_pull#*:v}"
		debootstrap_image
		from=$bootstrap_image
	fi
	build_image base "$repo/infra/images/base" "FROM_IMAGE=$from"
	base=$built_image
	docker tag "$base" matrx/base:current
}

# debootstrap_image imports a minimal Debian. The packed tree is kept in the cache: it takes half a minute to make.
debootstrap_image() {
	local arch archive tree include from
	arch=$(dpkg --print-architecture)
	include=$(grep -v '^#' "$repo/infra/images/base/packages" | paste -sd,)
	archive=$cache_dir/debootstrap/$debian_suite-$arch-$(printf '%s' "$include" | digest).tar.gz
	bootstrap_image=matrx/debootstrap:$debian_suite-$(basename "${archive##*-}" .tar.gz)
	image_exists "$bootstrap_image" && return 0
	if [[ ! -e $archive ]]; then
		((EUID == 0)) || die "no registry answers and only root can build a base image (debootstrap)"
		need_packages debootstrap=debootstrap
		[[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || install_packages debian-archive-keyring
		say "debootstrap: Debian $debian_suite"
		mkdir -p "$(dirname "$archive")"
		tree=$(mktemp -d "$cache_dir/debootstrap/tree.XXXXXX")
		mapfile -t from < <(mirror)
		logged debootstrap debootstrap --variant=minbase --include="$include" "$debian_suite" "$tree" "${from[@]}"
		rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*.bin "$tree/etc/hostname" "$tree/etc/resolv.conf"
		tar -C "$tree" --numeric-owner -czf "$archive.part" .
		mv "$archive.part" "$archive"
		rm -rf "$tree"
		say "debootstrap: made in ${took}s"
	fi
	logged import-base docker import --change "LABEL com.matrx.image=debootstrap" "$archive" "$bootstrap_image"
}

# staged makes an empty folder for a build context.
staged() {
	local dir=$local_dir/build/$1
	rm -rf "$dir"
	mkdir -p "$dir"
	printf '%s\n' "$dir"
}

traefik_image() {
	local context binary
	if pull_image "$traefik_pull"; then
		built_image=$traefik_pull
		say "traefik: $traefik_pull"
		return 0
	fi
	binary=$cache_dir/bin/traefik-v$traefik_version-$(go env GOARCH)
	if [[ ! -x $binary ]]; then
		say "Traefik $traefik_version: compiling it (once; 4 to 8 minutes on two cores)"
		logged compile-traefik compile_traefik "$binary"
		say "Traefik: compiled in ${took}s"
	fi
	context=$(staged traefik)
	cp "$repo/infra/images/traefik/Dockerfile" "$context/"
	cp "$binary" "$context/traefik"
	build_image traefik "$context" "BASE_IMAGE=$base"
}

compile_traefik() {
	mkdir -p "$(dirname "$1")"
	(cd "$repo/infra/images" && CGO_ENABLED=0 go build -trimpath -buildvcs=false \
		-ldflags "-s -w -X github.com/traefik/traefik/v3/pkg/version.Version=$traefik_version" \
		-o "$1.part" github.com/traefik/traefik/v3/cmd/traefik) && mv "$1.part" "$1"
}

postgres_image() {
	local context
	if pull_image "$postgres_pull"; then
		built_image=$postgres_pull
		say "postgres: $postgres_pull"
		return 0
	fi
	context=$(staged postgres)
	cp "$repo/infra/images/postgres/Dockerfile" "$repo/infra/images/postgres/entrypoint.sh" "$context/"
	build_image postgres "$context" "BASE_IMAGE=$base"
}

# tools_image makes what the images that are built from source stand on.
tools_image() {
	build_image tools "$repo/infra/images/tools" "BASE_IMAGE=$base"
	tools=$built_image
	docker tag "$tools" "matrx/tools:$current"
}

# git_here runs git. It may refuse to read a checkout that belongs to someone else; the three variables allow it, for this
# command alone.
git_here() { GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' git "$@"; }

# checkout_git runs git in the checkout. Objects that it makes go into a folder of the stack, not into the checkout's repository.
checkout_git() {
	GIT_OBJECT_DIRECTORY=$local_dir/build/objects GIT_ALTERNATE_OBJECT_DIRECTORIES=$checkout_objects git_here -C "$repo" "$@"
}

# read_checkout fills checkout_commit with the commit that is checked out, checkout_tree with the files as they are now, changed
# ones too, checkout_clean with whether those are the same, and what images and programs say of it.
read_checkout() {
	local index=$local_dir/build/index
	checkout_commit=$(git_here -C "$repo" rev-parse -q --verify HEAD 2>&1) ||
		die "$repo is no git checkout, so the control planes cannot be built from its commits: clone the repository instead of copying its files"
	checkout_objects=$(cd "$repo" && realpath "$(git_here rev-parse --git-common-dir)")/objects
	mkdir -p "$local_dir/build/objects"
	rm -f "$index"
	GIT_INDEX_FILE=$index checkout_git add -A
	checkout_tree=$(GIT_INDEX_FILE=$index checkout_git write-tree)
	checkout_clean=no checkout_version=$checkout_commit-dirty commit_label=com.matrx.dirty=$checkout_commit
	if [[ $(checkout_git rev-parse "HEAD^{tree}") == "$checkout_tree" ]]; then
		checkout_clean=yes checkout_version=$checkout_commit commit_label=com.matrx.commit=$checkout_commit
	fi
}

# folder_image NAME FOLDER [BUILD-ARG...] builds an image whose context is one folder of the checkout. It says the last commit
# that changed the folder, so that other commits leave it as it is.
folder_image() {
	local name=$1 folder=$2 tree commit label=com.matrx.commit
	shift 2
	tree=$(checkout_git rev-parse "$checkout_tree:$folder")
	commit=$(checkout_git log -1 --format=%H -- "$folder")
	[[ $(checkout_git rev-parse -q --verify "HEAD:$folder") == "$tree" ]] || label=com.matrx.dirty
	source_image "$name" checkout_git "$tree" Dockerfile "$label=$commit" "$@"
}

# plane_image NAME FOLDER builds one control plane from the checkout, as a control plane would build the other. One that does
# not compile ends everything here, before any running container is touched.
plane_image() {
	source_image "$1" checkout_git "$checkout_tree" "infra/$2/Dockerfile" "$commit_label" "MATRX_COMMIT=$checkout_version" \
		"BASE_IMAGE=$tools" "BUILDER_IMAGE=$builder"
}

sample_image() {
	source_image ship-sample sample_git "$sample_seed" Dockerfile "com.matrx.commit=$sample_seed" "BASE_IMAGE=$tools" "BUILDER_IMAGE=$builder"
}

# source_image NAME GIT TREE DOCKERFILE LABEL [BUILD-ARG...] builds an image from a tree that the command GIT knows.
source_image() {
	local name=$1 git=$2 tree=$3 dockerfile=$4 label=$5 args=() arg key
	shift 5
	for arg in "$@"; do args+=(--build-arg "$arg"); done
	key=$(printf '%s\n' "$tree" "$label" "${args[@]}" | digest)
	built_image=matrx/$name:$key
	if image_exists "$built_image"; then
		say "$name: unchanged ($key)"
		return 0
	fi
	say "$name: building from source"
	logged "build-$name" build_from_git "$git" "$tree" --file "$dockerfile" --label "com.matrx.image=$name" --label "$label" \
		--tag "$built_image" "${args[@]}"
	say "$name: built in ${took}s ($key)"
	forget_old_images "$name" "$built_image"
}

# build_from_git GIT TREE OPTION... gives a tree to the engine's builder.
build_from_git() { "$1" archive "$2" | docker build --force-rm "${@:3}" -; }
