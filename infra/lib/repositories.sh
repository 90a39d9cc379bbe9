# shellcheck shell=bash
# The bare repositories below MATRX_ROOT/projects, from which the control planes build: this checkout's commit, and the
# sample app, which is a repository of its own as an instance's is.

sample_repository=$matrx_root/projects/ship-sample.git
planes_repository=$matrx_root/projects/matrx-ship
seed_ref=refs/matrx/seed # the last commit that make up itself made

sample_git() { git_here --git-dir "$sample_repository" "$@"; }

# ensure_repository makes a bare repository that the planes' user may read whatever this one's umask is.
ensure_repository() {
	[[ -d $1 ]] || git init -q --bare --shared=0644 --initial-branch=main "$1"
	git_here --git-dir "$1" config receive.denyNonFastForwards false # which --shared had set: a rebased checkout is pushed too
}

# sample_source fills sample_seed with the commit that has infra/sample as it is in this checkout. Branch main follows it, as
# long as nobody has pushed to it.
sample_source() {
	local tree head seed date index=$local_dir/build/index
	ensure_repository "$sample_repository"
	rm -f "$index"
	GIT_INDEX_FILE=$index sample_git --work-tree="$repo/infra/sample" add -A
	tree=$(GIT_INDEX_FILE=$index sample_git write-tree)
	head=$(sample_git rev-parse -q --verify refs/heads/main) || head=
	seed=$(sample_git rev-parse -q --verify "$seed_ref") || seed=
	if [[ -z $seed || $(sample_git rev-parse "$seed^{tree}") != "$tree" ]]; then
		date=$(checkout_git log -1 --format=%cI -- infra/sample) # so that the same files are the same commit everywhere
		sample_seed=$(GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date sample_git -c user.name=matrx-ship \
			-c user.email=matrx-ship@localhost commit-tree ${seed:+-p "$seed"} -m "Sample app" "$tree")
		sample_git update-ref "$seed_ref" "$sample_seed"
		[[ $head != "$seed" ]] || sample_git update-ref refs/heads/main "$sample_seed"
		head=$(sample_git rev-parse refs/heads/main)
	else
		sample_seed=$seed
	fi
	say "source of the sample app: $sample_repository (${head:0:12})"
	[[ $head == "$sample_seed" ]] || say "NOTE: its branch main has commits of its own; ship-demo shows them under Changes"
}

# planes_source puts the commit that is checked out into the repository that the planes are built from.
planes_source() {
	ensure_repository "$planes_repository"
	git_here -C "$repo" push -q --force "$planes_repository" "HEAD:refs/heads/main"
	say "source of the control planes: $planes_repository (${checkout_commit:0:12})"
	[[ $checkout_clean == yes ]] || say "NOTE: this checkout has changes that are not committed; a plane that is built from there does not have them"
}
