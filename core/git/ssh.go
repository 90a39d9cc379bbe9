package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/codematrx/matrx-ship/core"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// sshCommand is how git starts ssh. git gives it to a shell with the host and the words for it as arguments of their own, so
// the text is the same for every repository; which configuration ssh reads comes through its environment.
const sshCommand = `exec ssh -F "$` + sshConfigVar + `"`

const sshConfigVar = "MATRX_SSH_CONFIG"

// sshRules hold for every connection: one key, hosts that are known, nobody to ask, nothing else started or read.
const sshRules = `
BatchMode yes
IdentitiesOnly yes
IdentityAgent none
AddKeysToAgent no
PreferredAuthentications publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
HostbasedAuthentication no
GSSAPIAuthentication no
StrictHostKeyChecking yes
GlobalKnownHostsFile /dev/null
UpdateHostKeys no
VerifyHostKeyDNS no
CheckHostIP no
CanonicalizeHostname no
ProxyCommand none
ProxyJump none
ControlMaster no
ControlPath none
PermitLocalCommand no
ClearAllForwardings yes
ForwardAgent no
ForwardX11 no
RequestTTY no
EscapeChar none
ConnectTimeout 20
ConnectionAttempts 1
ServerAliveInterval 15
ServerAliveCountMax 4
LogLevel ERROR
`

// memory is a file that only this process has: it is in no folder, and gone with it. Its children read it by its path while it is
// open, as the same user.
type memory struct{ *os.File }

// newMemory makes a file of a text, readable by this user alone.
func newMemory(name, text string) (memory, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return memory{}, core.Errorf(core.CodeUnavailable, "There is no room in memory for what ssh reads: %w", err)
	}
	m := memory{os.NewFile(uintptr(fd), name)}
	err = m.Chmod(0o600) // ssh takes no key that others may read
	if err == nil {
		_, err = m.WriteString(text)
	}
	if err != nil {
		return memory{}, errors.Join(core.Errorf(core.CodeUnavailable, "What ssh reads cannot be kept in memory: %w", err), m.Close())
	}
	return m, nil
}

// path is where children find the file.
func (m memory) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), m.Fd()) }

// checkSSH refuses what cannot work before anything runs. What the key's reader says is not repeated: it may quote the key.
func (g *Git) checkSSH(repo core.Repo) (key string, err error) {
	key = lines(g.cfg.SSHKey.Reveal())
	switch {
	case key == "":
		return "", core.Errorf(core.CodeForbidden, "%s is read by ssh, and there is no key for it: set MATRX_GIT_SSH_KEY to a private key that the repository's host lets in, or use https.", repo)
	case lines(g.cfg.KnownHosts) == "":
		return "", core.Errorf(core.CodeForbidden, "%s is read by ssh, and no host is known: set MATRX_GIT_KNOWN_HOSTS to the host's keys, as ssh-keyscan prints them, after checking them.", repo)
	}
	_, err = ssh.ParseRawPrivateKey([]byte(key))
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return "", core.Errorf(core.CodeForbidden, "The key in MATRX_GIT_SSH_KEY has a passphrase, and nobody is there to type it: set a key without one, which may only read this repository.")
	case err != nil:
		return "", core.Errorf(core.CodeForbidden, "What is in MATRX_GIT_SSH_KEY is not a private key that can be read: it begins with -----BEGIN and has all its lines.")
	}
	return key, nil
}

// lines ends every line with a newline alone, the last one too, as ssh wants it. Nothing stays empty.
func lines(text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if text == "" {
		return ""
	}
	return text + "\n"
}

// openSSH makes what ssh reads: the key, the known hosts, and a configuration that names them and the address that was checked,
// so that no other is asked. The host's key is still looked for under its name.
func (g *Git) openSSH(ctx context.Context, r *remote) error {
	key, err := g.checkSSH(r.repo)
	if err != nil {
		return err
	}
	host, port := splitHost(r.repo)
	addresses, err := g.lookUp(ctx, host)
	if err != nil {
		return err
	}
	var paths []string
	for _, f := range []struct{ name, text string }{{"key", key}, {"known_hosts", lines(g.cfg.KnownHosts)}} {
		path, err := r.hold(f.name, f.text)
		if err != nil {
			return err
		}
		paths = append(paths, path)
	}
	alias := host
	if port != "22" {
		alias = "[" + host + "]:" + port
	}
	config, err := r.hold("config", fmt.Sprintf("IdentityFile %s\nUserKnownHostsFile %s\nHostName %s\nHostKeyAlias %s\n", paths[0], paths[1],
		strings.Trim(addresses[0], "[]"), strconv.Quote(alias))+sshRules)
	if err != nil {
		return err
	}
	r.settings = append(r.settings, setting{"core.sshCommand", sshCommand})
	r.env = append(r.env, sshConfigVar+"="+config)
	for line := range strings.Lines(key) {
		r.secrets = append(r.secrets, strings.TrimSpace(line))
	}
	return nil
}

// hold keeps a text in memory until the remote is closed, and gives its path.
func (r *remote) hold(name, text string) (string, error) {
	m, err := newMemory(name, text)
	if err != nil {
		return "", err
	}
	r.held = append(r.held, m)
	return m.path(), nil
}

// close lets go of what was held; r may be nil.
func (r *remote) close() error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, m := range r.held {
		errs = append(errs, m.Close())
	}
	r.held = nil
	return errors.Join(errs...)
}
