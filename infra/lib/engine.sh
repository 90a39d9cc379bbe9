# shellcheck shell=bash
# The Docker Engine: the one that answers, or one that we start and own.

engine_dir=$local_dir/engine
engine_pid_file=$engine_dir/dockerd.pid
build_processes=4096   # of all builds together, threads too
inotify_instances=1024 # of root's programs, the engine among them

# find_engine fills docker_socket with the engine's socket on this machine; the planes mount it.
find_engine() {
	local host=${DOCKER_HOST:-}
	if [[ -z $host ]] && have docker; then
		host=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null) || host=
	fi
	host=${host:-unix:///var/run/docker.sock}
	[[ $host == unix://* ]] ||
		die "docker is set to the engine at $host: the control planes need the socket of an engine on this machine (unset DOCKER_HOST)"
	docker_socket=${host#unix://}
}

engine_answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# is_dockerd PID tells whether a process is an engine.
is_dockerd() { [[ -r /proc/$1/comm && $(<"/proc/$1/comm") == dockerd ]]; }

# socket_holder prints the program that listens at the engine's socket, as name and pid.
socket_holder() {
	local sockets
	sockets=$(PATH=$PATH:/usr/sbin:/sbin ss -Hlxp "src = $docker_socket or src = ${docker_socket#/var}")
	[[ $sockets =~ \(\(\"([^\"]+)\",pid=([0-9]+) ]] && printf '%s, pid %s' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
}

# ensure_engine uses a running engine as it finds it, and starts one when none answers.
ensure_engine() {
	local holder
	find_engine
	if engine_answers; then
		say "Docker $(engine_version) at $docker_socket, already running"
		return 0
	fi
	if [[ -S $docker_socket ]] && ((EUID != 0)) && [[ ! -w $docker_socket ]]; then
		die "you may not use $docker_socket: run this as root or join the group $(stat -c %G "$docker_socket")"
	fi
	((EUID == 0)) || die "no Docker Engine answers at $docker_socket, and only root can start one"
	if holder=$(socket_holder) && [[ $holder != systemd,* ]]; then
		die "$holder listens at $docker_socket but does not answer as a Docker Engine within 10 s; look at its log, or end it, and run this again"
	fi
	if [[ -d /run/systemd/system && $docker_socket == /var/run/docker.sock ]]; then
		say "starting Docker with systemd"
		systemctl start docker || die "systemctl start docker; see: journalctl -u docker"
	else
		start_dockerd
	fi
	wait_until 60 engine_answers || die "the Docker Engine did not answer within 60 s; its log: $engine_dir/dockerd.log"
	say "Docker $(engine_version) at $docker_socket, started"
}

engine_version() { docker version --format '{{.Server.Version}}'; }

# start_dockerd starts an engine of our own, detached from this terminal. live-restore keeps the apps alive when
# the engine ends; the small address pools make room for 256 networks instead of about 31.
start_dockerd() {
	local flags=(--host "unix://$docker_socket" --pidfile "$engine_pid_file")
	# After a crash or a reboot the number in the file may be another program's, and dockerd would not start.
	[[ ! -e $engine_pid_file ]] || is_dockerd "$(<"$engine_pid_file")" || rm "$engine_pid_file"
	mkdir -p "$engine_dir" "$(dirname "$docker_socket")"
	prepare_cgroups
	prepare_iptables
	prepare_inotify
	if [[ -e /etc/docker/daemon.json ]]; then
		say "/etc/docker/daemon.json exists: its settings are kept as they are"
	else
		flags+=(--live-restore --default-address-pool "base=10.213.0.0/16,size=24")
	fi
	say "starting dockerd (log: $engine_dir/dockerd.log)"
	PATH=$PATH:/usr/sbin:/sbin setsid --fork dockerd "${flags[@]}" >>"$engine_dir/dockerd.log" 2>&1 </dev/null 9>&-
}

# prepare_cgroups mounts the control groups where no init system did.
prepare_cgroups() {
	[[ -e /sys/fs/cgroup/cgroup.controllers || -d /sys/fs/cgroup/memory ]] && return 0
	say "mounting the control groups"
	need_packages cgroupfs-mount=cgroupfs-mount
	PATH=$PATH:/usr/sbin:/sbin cgroupfs-mount || die "cgroupfs-mount: Docker needs control groups"
}

# bound_builds makes the control group that the planes have builds run in, with a bound on processes, and fills build_group with
# its name. It is there where the engine keeps control groups itself (version 1); elsewhere MATRX_BUILD_CGROUP may name a slice.
bound_builds() {
	local group=/sys/fs/cgroup/pids/matrx-builds
	build_group=
	((EUID == 0)) && [[ -d ${group%/*} && $(docker info --format '{{.CgroupDriver}} {{.CgroupVersion}}') == 'cgroupfs 1' ]] || return 0
	mkdir -p "$group"
	printf '%s' "$build_processes" >"$group/pids.max" || die "the processes of builds cannot be bounded: $group"
	build_group=/matrx-builds
	say "builds have at most $build_processes processes ($group)"
}

# remove_build_group takes it away.
remove_build_group() {
	local group
	for group in /sys/fs/cgroup/*/matrx-builds; do
		[[ ! -d $group ]] || rmdir "$group" || say "kept $group: something is in it"
	done
}

# prepare_iptables chooses the older kernel interface where the newer one is missing. Only machines whose engine
# we start come here.
prepare_iptables() {
	local PATH=$PATH:/usr/sbin:/sbin
	iptables -t nat -S >/dev/null 2>&1 && return 0
	if have iptables-legacy && iptables-legacy -t nat -S >/dev/null 2>&1; then
		say "this kernel knows iptables-legacy only: selecting it"
		update-alternatives --set iptables "$(command -v iptables-legacy)" >/dev/null
		return 0
	fi
	die "iptables does not work on this kernel ($(iptables -t nat -S 2>&1 | head -n 1)); Docker needs it"
}

# prepare_inotify lets the engine watch the logs of many containers: it takes one inotify instance for each that is followed, and
# looks at the rest several times a second instead. Kernels allow 128 for all programs of root unless told otherwise.
prepare_inotify() {
	local limit=/proc/sys/fs/inotify/max_user_instances
	(($(<"$limit") < inotify_instances)) && [[ -w $limit ]] || return 0
	say "the engine may watch $inotify_instances logs (fs.inotify.max_user_instances, which was $(<"$limit"))"
	printf '%s' "$inotify_instances" >"$limit" || say "it could not be raised: many followed logs cost the engine more"
}

# stop_own_engine ends the dockerd that we started, and only that one. It fails when containers of others live in it.
stop_own_engine() {
	local pid others
	[[ -e $engine_pid_file ]] && pid=$(<"$engine_pid_file") || return 0
	if ! is_dockerd "$pid"; then
		return 0
	fi
	others=$(docker ps -q | wc -l)
	if ((others > 0)); then
		say "dockerd (pid $pid) was started by make up, but $others other containers run in it: left running"
		return 1
	fi
	kill "$pid"
	wait_until 30 test ! -d "/proc/$pid" || die "dockerd (pid $pid) did not end within 30 s"
	remove_build_group
	say "stopped dockerd (pid $pid), which make up had started"
}

# socket_group prints the group that may use the engine's socket; the planes join it.
socket_group() { stat -L -c %g "$docker_socket"; }
