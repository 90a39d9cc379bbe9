// Package git reads repositories by the git program: one bare mirror a service, no working tree, no hook, no filter, no
// question to anybody. Everything that git is told comes as an argument or through an environment built from empty.
package git

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of what is read, unless Config says otherwise.
const (
	defaultWithin = 5 * time.Minute
	defaultBytes  = 2 << 30
	readWithin    = time.Minute // for what the mirror has
	maxEntries    = 100_000     // files of one context
	maxContext    = 1 << 30     // bytes of one context
	maxFile       = 1 << 20     // bytes of one file
)

// Config says where mirrors lie and what may be asked. Root alone is needed.
type Config struct {
	Root       string // MATRX_ROOT: mirrors are made in projects/.mirrors below it, and file addresses must lie below it
	Token      core.Secret
	TokenHosts []string    // which hosts get the token, with the port where it is not 443
	SSHKey     core.Secret // private key for ssh, without a passphrase
	KnownHosts string      // known_hosts lines: the only hosts that ssh talks to
	CAFile     string      // certificates of authorities that are trusted instead of the system's
	Nearby     bool        // addresses of this very machine may be asked: loopback and link-local
	Program    string      // empty means git on the usual path
	Within     time.Duration
	MaxBytes   int64 // of one mirror
	Now        func() time.Time
}

// Git implements core.Git. It holds nothing open between two calls, so there is nothing to close.
type Git struct {
	cfg     Config
	mirrors string // folder of the mirrors
}

var _ core.Git = (*Git)(nil)

// New makes a reader of repositories. Whether there is a git program shows with the first call.
func New(cfg Config) *Git {
	if cfg.Program == "" {
		cfg.Program = "git"
	}
	if cfg.Within == 0 {
		cfg.Within = defaultWithin
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultBytes
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Git{cfg: cfg, mirrors: filepath.Join(cfg.Root, "projects", ".mirrors")}
}

// TokenHosts reads the list of MATRX_GIT_TOKEN_HOSTS.
func TokenHosts(list string) []string {
	return strings.FieldsFunc(strings.ToLower(list), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}

// mirror gives the folder of a service's mirror. The name is checked, so it cannot be another path.
func (g *Git) mirror(service string) (string, error) {
	ok := service != "" && len(service) <= 128 && !strings.ContainsAny(service[:1], "._-")
	for _, c := range []byte(service) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-')
	}
	if !ok {
		return "", core.Errorf(core.CodeInvalid, "%q is not the name of a service.", core.SafeText(service))
	}
	return filepath.Join(g.mirrors, service+".git"), nil
}
