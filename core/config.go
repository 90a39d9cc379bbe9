package core

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Config is everything a control plane takes from its environment, declared here once: the reference table in the
// handbook is generated from the tags. Where the tag says file, the value may also come as
// NAME_FILE, a file that is read once and never written. MATRX_ADMIN_KEYS_FILE is followed instead, and one that cannot
// be read is a warning: it must not keep the console closed.
type Config struct {
	ServerName    string `env:"MATRX_SERVER_NAME" default:"local" doc:"Name of this server, shown on every screen."`
	Domain        string `env:"MATRX_DOMAIN" default:"dev.codematrx.test" doc:"Domain under which the services are routed."`
	Root          string `env:"MATRX_ROOT" default:"/srv" doc:"Folder of all state on the server, mounted at the same path inside and outside the container."`
	DataDir       string `env:"MATRX_DATA_DIR" default:"" doc:"Folder of this control plane's journal, logs and keys; below MATRX_ROOT unless set."`
	SSHAddr       string `env:"MATRX_SSH_ADDR" default:":2222" doc:"Address of the SSH door."`
	HTTPAddr      string `env:"MATRX_HTTP_ADDR" default:":3000" doc:"Address of the HTTP door."`
	AdminKeys     string `env:"MATRX_ADMIN_KEYS" default:"" doc:"Public keys of admins, one authorized_keys line each. They always work."`
	AdminKeysFile string `env:"MATRX_ADMIN_KEYS_FILE" default:"" doc:"File of admins' public keys instead of MATRX_ADMIN_KEYS; changes to it count within seconds."`
	SSHCA         string `env:"MATRX_SSH_CA" default:"" file:"yes" doc:"Public keys of certificate authorities whose user certificates are accepted; the role comes from a principal role-viewer, role-operator or role-admin."`
	ShellRole     string `env:"MATRX_SHELL_ROLE" default:"operator" doc:"Least role that may open a shell: operator or admin."`
	SiblingSSH    string `env:"MATRX_SIBLING_SSH" default:"" doc:"How the other control plane is reached by ssh, shown where this one refuses; empty means the address under MATRX_DOMAIN."`
	Project       string `env:"MATRX_PROJECT" default:"" doc:"When set, containers labelled com.matrx.project with another value belong to another stack and are left alone."`
	DockerHost    string `env:"DOCKER_HOST" default:"unix:///var/run/docker.sock" doc:"Address of the Docker Engine."`
	TraefikAPI    string `env:"TRAEFIK_API_URL" default:"http://traefik:8082" doc:"Address of Traefik's API."`
	CgroupRoot    string `env:"MATRX_CGROUP_ROOT" default:"" doc:"Where the host's /sys/fs/cgroup is mounted; empty takes usage from the engine."`
	ProcRoot      string `env:"MATRX_PROC_ROOT" default:"/proc" doc:"Where the host's /proc is mounted, for network counters and load."`
	AgeIdentities string `env:"MATRX_AGE_IDENTITIES" default:"" file:"yes" doc:"age identities (AGE-SECRET-KEY-1...), one a line. The first encrypts; the others decrypt only. Without one no env can be kept."`
	GitToken      string `env:"MATRX_GIT_TOKEN" default:"" file:"yes" doc:"Token for private https repositories. It is handed to git through its environment, never in a URL."`
	GitTokenHosts string `env:"MATRX_GIT_TOKEN_HOSTS" default:"github.com" doc:"Hosts that are sent MATRX_GIT_TOKEN, separated by commas, with the port where it is not 443; no other ever is."`
	GitSSHKey     string `env:"MATRX_GIT_SSH_KEY" default:"" file:"yes" doc:"Private key without a passphrase for repositories by ssh: all its lines. It is kept in memory and shown to ssh alone."`
	GitKnownHosts string `env:"MATRX_GIT_KNOWN_HOSTS" default:"" file:"yes" doc:"Keys of the hosts of repositories by ssh, as in known_hosts; no other host is talked to."`
	BuildCgroup   string `env:"MATRX_BUILD_CGROUP" default:"" doc:"Control group below which the engine runs the steps of builds (/name, or name.slice where systemd has the groups); its bound on processes then holds for them. Classic builder only."`
	AlertURLs     string `env:"MATRX_ALERT_URLS" default:"" file:"yes" doc:"Where alerts go: addresses of the notification library shoutrrr, one a line."`
	LogMaxBytes   string `env:"MATRX_LOG_MAX_BYTES" default:"10GiB" doc:"Bound of all collected logs."`
	LogMaxAge     string `env:"MATRX_LOG_MAX_AGE" default:"30d" doc:"Bound of the age of collected logs."`
}

// LoadConfig reads the environment. Every problem is named in the one error, with the variable and what to do.
func LoadConfig(getenv func(string) string) (Config, error) {
	var cfg Config
	var problems []error
	v := reflect.ValueOf(&cfg).Elem()
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		value, err := readVariable(getenv, tag)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		v.Field(i).SetString(value)
	}
	problems = append(problems, cfg.check()...)
	if err := errors.Join(problems...); err != nil {
		return Config{}, Errorf(CodeInvalid, "The environment is not usable: %w", err)
	}
	return cfg, nil
}

// readVariable reads one variable, from its file when NAME_FILE is set.
func readVariable(getenv func(string) string, tag reflect.StructTag) (string, error) {
	name := tag.Get("env")
	value := getenv(name)
	if path := getenv(name + "_FILE"); path != "" && tag.Get("file") == "yes" {
		if value != "" {
			return "", fmt.Errorf("%s and %s_FILE are both set: keep one", name, name)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("%s_FILE cannot be read: %w", name, err)
		}
		value = string(raw)
	}
	if strings.TrimSpace(value) == "" {
		value = tag.Get("default")
	}
	return value, nil
}

// check finds values that cannot work.
func (cfg Config) check() []error {
	var problems []error
	if cfg.AdminKeys != "" && cfg.AdminKeysFile != "" {
		problems = append(problems, errors.New("MATRX_ADMIN_KEYS and MATRX_ADMIN_KEYS_FILE are both set: keep one"))
	}
	if !filepath.IsAbs(cfg.Root) {
		problems = append(problems, fmt.Errorf("MATRX_ROOT is %q: give an absolute path", cfg.Root))
	}
	if cfg.DataDir != "" && !filepath.IsAbs(cfg.DataDir) {
		problems = append(problems, fmt.Errorf("MATRX_DATA_DIR is %q: give an absolute path", cfg.DataDir))
	}
	for _, listen := range []struct{ name, address string }{{"MATRX_SSH_ADDR", cfg.SSHAddr}, {"MATRX_HTTP_ADDR", cfg.HTTPAddr}} {
		if _, port, err := net.SplitHostPort(listen.address); err != nil || port != "0" && parsePort(port) == 0 {
			problems = append(problems, fmt.Errorf("%s is %q: give an address to listen on, like :2222 or 127.0.0.1:2222", listen.name, listen.address))
		}
	}
	if cfg.ShellRole != RoleOperator.String() && cfg.ShellRole != RoleAdmin.String() {
		problems = append(problems, fmt.Errorf("MATRX_SHELL_ROLE is %q: give operator or admin", cfg.ShellRole))
	}
	if g := cfg.BuildCgroup; g != "" && (SafeText(g) != g || strings.Contains(g, "..") || !strings.HasPrefix(g, "/") && !strings.HasSuffix(g, ".slice")) {
		problems = append(problems, fmt.Errorf("MATRX_BUILD_CGROUP is %q: give a group like /matrx-builds, or a slice like matrx-builds.slice", g))
	}
	if _, err := ParseBytes(cfg.LogMaxBytes); err != nil {
		problems = append(problems, fmt.Errorf("MATRX_LOG_MAX_BYTES: %w", err))
	}
	if _, err := ParseAge(cfg.LogMaxAge); err != nil {
		problems = append(problems, fmt.Errorf("MATRX_LOG_MAX_AGE: %w", err))
	}
	return problems
}

// Data is the folder of a plane's own state.
func (cfg Config) Data(ch Charter) string {
	if cfg.DataDir != "" {
		return cfg.DataDir
	}
	return filepath.Join(cfg.Root, ch.DataDir)
}

// HostKey is the file of the SSH door's host key.
func (cfg Config) HostKey(ch Charter) string {
	return filepath.Join(cfg.Data(ch), "ssh_host_ed25519_key")
}

// Sibling is the command that reaches the other control plane.
func (cfg Config) Sibling(ch Charter) string {
	switch {
	case cfg.SiblingSSH != "":
		return cfg.SiblingSSH
	case ch.Sibling == DeployName:
		return "ssh -p 2222 deploy." + cfg.Domain
	default:
		return "ssh manager." + cfg.Domain
	}
}

// Variable is one row of the reference table.
type Variable struct {
	Name, Default, Doc string
	File               bool // NAME_FILE is read too
}

// Variables lists what Config reads, in order.
func Variables() []Variable {
	t := reflect.TypeFor[Config]()
	vars := make([]Variable, 0, t.NumField())
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		vars = append(vars, Variable{tag.Get("env"), tag.Get("default"), tag.Get("doc"), tag.Get("file") == "yes"})
	}
	return vars
}
