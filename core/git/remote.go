package git

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// lookupWithin bounds the look-up of a host name.
const lookupWithin = 10 * time.Second

// remote is a repository outside, and how one run of git may reach it.
type remote struct {
	repo     core.Repo
	settings []setting
	secrets  []string // never to be shown
	env      []string // besides what every run has
	held     []memory // open while it is in use
	global   string   // a configuration file, for what git does not hand on to the process that reads a local repository
}

// secret lists what is never to be shown; r may be nil.
func (r *remote) secret() []string {
	if r == nil {
		return nil
	}
	return r.secrets
}

// remote checks an address and what it leads to. The caller closes it.
func (g *Git) remote(ctx context.Context, repo core.Repo) (*remote, error) {
	r := &remote{repo: repo}
	switch repo.Scheme {
	case "file":
		return r, g.checkFile(r)
	case "ssh":
		if err := g.openSSH(ctx, r); err != nil {
			return nil, errors.Join(err, r.close())
		}
		return r, nil
	}
	host, port := splitHost(repo)
	addresses, err := g.lookUp(ctx, host)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err != nil { // git asks the address that was checked, and no other
		r.settings = append(r.settings, setting{"http.curloptResolve", host + ":" + port + ":" + strings.Join(addresses, ",")})
	}
	if g.cfg.CAFile != "" {
		r.settings = append(r.settings, setting{"http.sslCAInfo", g.cfg.CAFile})
	}
	if token := strings.TrimSpace(g.cfg.Token.Reveal()); token != "" && slices.Contains(g.cfg.TokenHosts, repo.Host) {
		basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
		r.settings = append(r.settings, setting{"http.https://" + repo.Host + "/.extraHeader", "Authorization: Basic " + basic})
		r.secrets = append(r.secrets, token, basic)
	}
	return r, nil
}

// splitHost gives the host of an address and its port.
func splitHost(repo core.Repo) (host, port string) {
	u := url.URL{Host: repo.Host}
	host, port = u.Hostname(), u.Port()
	switch {
	case port != "":
	case repo.Scheme == "ssh":
		port = "22"
	default:
		port = "443"
	}
	return host, port
}

// lookUp gives the addresses of a host. One that leads to this very machine, or to the metadata of its cloud, is refused:
// a repository's address comes from people who may deploy, and those are not for them to ask.
func (g *Git) lookUp(ctx context.Context, host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupWithin)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, gaveUp(ctx)
	case err != nil:
		return nil, core.Errorf(core.CodeUnavailable, "The repository's host %s has no address now: %w", host, err)
	}
	var addresses []string
	for _, a := range found {
		a = a.Unmap()
		if near := a.IsLoopback() || a.IsLinkLocalUnicast(); a.IsUnspecified() || a.IsMulticast() || near && !g.cfg.Nearby {
			return nil, core.Errorf(core.CodeForbidden, "The repository's host %s leads to %s, which is this machine's own. Repositories are fetched from other machines, or as file:// below MATRX_ROOT.", host, a)
		}
		text := a.String()
		if a.Is6() {
			text = "[" + text + "]"
		}
		addresses = append(addresses, text)
	}
	return addresses, nil
}

// checkFile allows a repository on this machine below MATRX_ROOT alone, also when links lead elsewhere, and lets git
// read it whoever owns it. What is written is derived and renewed before each use.
func (g *Git) checkFile(r *remote) error {
	root, err := filepath.EvalSymlinks(g.cfg.Root)
	if err != nil {
		return core.Errorf(core.CodeUnavailable, "MATRX_ROOT cannot be read: %w", err)
	}
	real, err := filepath.EvalSymlinks(r.repo.Path)
	if errors.Is(err, os.ErrNotExist) {
		real, err = r.repo.Path, nil // git says that it is missing, where it may be said
	}
	if err != nil {
		return core.Errorf(core.CodeForbidden, "%s may not be read from here: it needs to be readable by the control plane.", r.repo)
	}
	if rest, err := filepath.Rel(root, real); err != nil || rest == ".." || strings.HasPrefix(rest, "../") {
		return core.Errorf(core.CodeForbidden, "%s is not below %s. A repository on this machine has to be there.", r.repo, g.cfg.Root)
	}
	r.global = filepath.Join(g.mirrors, "gitconfig")
	text := "# Derived; renewed with each fetch. Repositories on this machine may be read whoever owns them.\n[safe]\n\tdirectory = *\n"
	part, err := os.CreateTemp(g.mirrors, "gitconfig-*")
	if err != nil {
		return core.Errorf(core.CodeUnavailable, "The folder of the mirrors cannot be written: %w", err)
	}
	_, err = part.WriteString(text)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), r.global)
	}
	if err != nil {
		return errors.Join(core.Errorf(core.CodeUnavailable, "The folder of the mirrors cannot be written: %w", err), os.Remove(part.Name()))
	}
	return nil
}

// String is the address, which never holds a credential.
func (r *remote) String() string { return fmt.Sprint(r.repo) }
