package sshd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
)

// Authority lets in user certificates signed by known authorities. A certificate must name principals; it counts when
// the user name is among them, or when one of them is a principal known here.
type Authority struct {
	keys       map[string]bool // by wire form
	principals map[string]core.Role
	user       core.Role
}

// NewAuthority reads authorities (one public key a line, as core.ParseKeys does, without options). principals gives the role of each principal known here; user is the role of a certificate that
// names the user who logs in, RoleNone when that is not enough. The highest role of all that match counts.
func NewAuthority(text string, principals map[string]core.Role, user core.Role) (*Authority, []core.SkippedLine) {
	lines, skipped := core.ParseKeys(text)
	a := &Authority{keys: map[string]bool{}, principals: principals, user: user}
	for _, line := range lines {
		if line.NoPTY || line.Command != "" || !line.Expires.IsZero() || !line.From.Any() {
			skipped = append(skipped, core.SkippedLine{Line: line.Line, Reason: "An authority takes no options."})
			continue
		}
		a.keys[string(line.Key.Marshal())] = true
	}
	return a, skipped
}

// Len is the number of authorities.
func (a *Authority) Len() int { return len(a.keys) }

// Critical options that are honoured; a certificate with any other is refused.
const (
	sourceAddress = "source-address"
	forceCommand  = "force-command"
)

// Lookup checks a certificate in full: kind, authority, signature, validity, principals, critical options.
func (a *Authority) Lookup(_ context.Context, at Attempt) (Identity, error) {
	cert, ok := at.Key.(*gossh.Certificate)
	switch {
	case !ok:
		return Identity{}, refusedf("not a certificate")
	case cert.CertType != gossh.UserCert:
		return Identity{}, refusedf("not a user certificate")
	case !a.keys[string(cert.SignatureKey.Marshal())]:
		return Identity{}, refusedf("the certificate's authority is not known")
	case cert.Signature.Format == gossh.KeyAlgoRSA:
		return Identity{}, refusedf("the certificate is signed with SHA-1")
	}
	if err := core.CheckKey(cert.Key); err != nil {
		return Identity{}, refusedf("the certified key: %w", err)
	}
	role, principal := a.role(cert, at.User)
	if role == core.RoleNone {
		return Identity{}, refusedf("no principal of the certificate may log in as %q", cleanName(at.User))
	}
	checker := gossh.CertChecker{
		SupportedCriticalOptions: []string{sourceAddress, forceCommand},
		Clock:                    func() time.Time { return at.At },
	}
	if err := checker.CheckCert(principal, cert); err != nil {
		return Identity{}, refusedf("certificate: %w", err)
	}
	if blocks, ok := cert.CriticalOptions[sourceAddress]; ok && !inBlocks(at.Addr, blocks) {
		return Identity{}, refusedf("the certificate does not count from this address")
	}
	_, pty := cert.Extensions["permit-pty"]
	return Identity{
		Name:        cleanName(fmt.Sprintf("%.80s (serial %d)", cert.KeyId, cert.Serial)),
		Fingerprint: Fingerprint(cert),
		Certificate: true,
		Principals:  slices.Clone(cert.ValidPrincipals),
		Source:      "ca",
		Role:        role,
		NoPTY:       !pty,
		Command:     cert.CriticalOptions[forceCommand],
	}, nil
}

// role gives the highest role of the certificate's principals, and a principal that gives it. Without principals there
// is none: such a certificate would count for everybody.
func (a *Authority) role(cert *gossh.Certificate, user string) (best core.Role, principal string) {
	for _, p := range cert.ValidPrincipals {
		role := a.principals[p]
		if p == user {
			role = max(role, a.user)
		}
		if role > best {
			best, principal = role, p
		}
	}
	return best, principal
}

// inBlocks reports whether an address is in a comma-separated list of addresses and blocks; damage in the list means no.
func inBlocks(addr net.Addr, list string) bool {
	ip, ok := ipOf(addr)
	if !ok {
		return false
	}
	found := false
	for _, field := range strings.Split(list, ",") {
		prefix, err := netip.ParsePrefix(field)
		if err != nil {
			one, err := netip.ParseAddr(field)
			if err != nil {
				return false
			}
			prefix = netip.PrefixFrom(one, one.BitLen())
		}
		found = found || prefix.Contains(ip)
	}
	return found
}
