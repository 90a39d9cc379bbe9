# shellcheck shell=bash
# What the machine must have: packages of the distribution, and Go.

debian_suite=bookworm

# mirror prints where Debian's packages come from: MATRX_DEBIAN_MIRROR, else where this machine gets its own. On another
# distribution it prints nothing, and debootstrap takes its default.
mirror() {
	local own
	# shellcheck disable=SC2016 # apt's own variables
	own=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		awk -v suite="$debian_suite" '$1 == suite { print $2; exit }')
	printf '%s' "${MATRX_DEBIAN_MIRROR:-${own%/}}"
}

# need_packages COMMAND=PACKAGE... installs the packages whose command is missing.
need_packages() {
	local pair missing=()
	for pair in "$@"; do
		PATH=$PATH:/usr/sbin:/sbin have "${pair%%=*}" || missing+=("${pair#*=}")
	done
	if ((${#missing[@]} == 0)); then
		say "present: $(printf '%s\n' "$@" | sed 's/.*=//' | sort -u | paste -sd ' ')"
		return 0
	fi
	install_packages "${missing[@]}"
}

# install_packages installs with apt, as root; it says what is missing where it cannot.
install_packages() {
	have apt-get || die "missing: $*. This machine has no apt-get; install them by hand and run it again"
	((EUID == 0)) || die "missing: $*. Only root can install them: run this as root, or apt-get install $*"
	say "installing: $*"
	logged apt-update apt-get -q update
	DEBIAN_FRONTEND=noninteractive logged apt-install \
		apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 install "$@"
	say "installed in ${took}s"
}

# need_go puts a Go on PATH that can build this module. Any Go from 1.21 fetches the exact toolchain that
# go.mod names from the module proxy by itself; distributions that are too old get one from backports.
need_go() {
	local wanted go_dir
	wanted=$(sed -n 's/^go //p' "$repo/go.mod")
	for go_dir in /usr/local/go/bin /usr/lib/go-1.2[1-9]/bin /usr/lib/go-1.[3-9]*/bin; do
		go_can_build && break
		[[ -x $go_dir/go ]] && PATH=$go_dir:$PATH
	done
	go_can_build || install_go
	export PATH
	go_can_build || die "Go $wanted is needed: $(cd "$repo" && GOTOOLCHAIN=auto go version 2>&1 | tail -n 1)"
	say "Go: $(cd "$repo" && go env GOVERSION)"
}

# go_can_build tells whether the go on PATH is, or can fetch, the version that go.mod asks for. Debian
# forbids fetching by default; when the installed one is too old we allow it, for our own commands only.
go_can_build() {
	have go || return 1
	(cd "$repo" && go version >/dev/null 2>&1) && return 0
	(cd "$repo" && GOTOOLCHAIN=auto go version >/dev/null 2>&1) || return 1
	export GOTOOLCHAIN=auto
}

# install_go takes the newest Go that the distribution has, and on Debian its backports, whose package lists
# are kept apart so that the machine's own apt sources stay as they are.
install_go() {
	local version apt_dir=$cache_dir/apt options=()
	((EUID == 0)) || die "Go is missing, and only root can install it"
	if grep -qx "VERSION_CODENAME=$debian_suite" /etc/os-release; then
		mkdir -p "$apt_dir/lists/partial"
		printf 'deb %s %s main\n' "$(mirror)" "$debian_suite" "$(mirror)" "$debian_suite-backports" >"$apt_dir/sources.list"
		options=(-o "Dir::Etc::sourcelist=$apt_dir/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt_dir/lists")
	fi
	logged apt-update-go apt-get -q "${options[@]}" update
	version=$(apt-cache "${options[@]}" search --names-only '^golang-1\.[0-9]+-go$' | sed 's/ .*//' | sort -V | tail -n 1)
	[[ -n $version ]] || die "no Go among the packages of this distribution; install Go by hand and run it again"
	DEBIAN_FRONTEND=noninteractive logged apt-install-go apt-get -q -y --no-install-recommends "${options[@]}" install "$version"
	say "installed $version in ${took}s"
	version=${version#golang-}
	PATH=/usr/lib/go-${version%-go}/bin:$PATH
}

# need_stack_packages installs what `make up` needs.
need_stack_packages() {
	need_packages docker=docker.io iptables=iptables curl=curl jq=jq git=git ssh=openssh-client ss=iproute2 \
		ps=procps setsid=util-linux update-ca-certificates=ca-certificates
}

have_sshd() { [[ -x /usr/sbin/sshd ]]; }

# install_sshd installs the server that the bench measures itself against, and sees to it that this machine does not
# begin to listen for logins because of that.
install_sshd() {
	local guard=/usr/sbin/policy-rc.d guarded=no
	((EUID == 0)) || die "missing: openssh-server. Only root can install it"
	if [[ ! -e $guard ]]; then
		guarded=yes
		printf '#!/bin/sh\nexit 101\n' >"$guard"
		chmod 0755 "$guard"
	fi
	(install_packages openssh-server) || true
	[[ $guarded == no ]] || rm "$guard"
	have_sshd || die "openssh-server could not be installed"
	[[ ! -d /run/systemd/system ]] || systemctl disable --quiet ssh
	say "openssh-server is installed for the bench; it is neither started nor enabled"
}

# need_test_packages installs what the tests and the bench need besides.
need_test_packages() {
	have_sshd || install_sshd
	need_packages gcc=gcc tmux=tmux rg=ripgrep zstd=zstd jq=jq ssh-audit=ssh-audit \
		shellcheck=shellcheck column=bsdextrautils chromium=chromium
	[[ -e /usr/include/stdlib.h ]] || install_packages libc6-dev
}
