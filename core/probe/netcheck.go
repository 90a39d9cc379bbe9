package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/codematrx/matrx-ship/core"
)

// Certificate shows what the TLS server at address presents for name. The handshake does not verify, because what is
// wrong with a certificate is what is asked; the verdict is made afterwards.
func (p *Prober) Certificate(ctx context.Context, address, name string) (core.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, core.ProbeTimeout)
	defer cancel()
	config := &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	dialer := tls.Dialer{NetDialer: &p.dialer, Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return core.Certificate{}, core.Errorf(core.CodeUnavailable, "No TLS with %s: %s.", address, words(err))
	}
	state := conn.(*tls.Conn).ConnectionState()
	if err := conn.Close(); err != nil && len(state.PeerCertificates) == 0 {
		return core.Certificate{}, core.Errorf(core.CodeUnavailable, "TLS with %s: %s.", address, words(err))
	}
	if len(state.PeerCertificates) == 0 {
		return core.Certificate{}, core.Errorf(core.CodeUnavailable, "%s shows no certificate.", address)
	}
	return p.judge(state.PeerCertificates, name), nil
}

// judge looks at a chain as a client would.
func (p *Prober) judge(chain []*x509.Certificate, name string) core.Certificate {
	leaf := chain[0]
	found := core.Certificate{
		Subject: bounded(title(leaf)), Issuer: bounded(leaf.Issuer.CommonName), NotAfter: leaf.NotAfter,
		Covers: leaf.VerifyHostname(name) == nil,
		Own:    leaf.Issuer.String() == leaf.Subject.String(),
	}
	options := x509.VerifyOptions{DNSName: name, Intermediates: x509.NewCertPool()}
	if p.tls != nil {
		options.Roots = p.tls.RootCAs
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(options); err != nil {
		found.Problem = distrust(err)
	} else {
		found.Trusted = true
	}
	return found
}

// title is the name a certificate goes by.
func title(c *x509.Certificate) string {
	if c.Subject.CommonName != "" || len(c.DNSNames) == 0 {
		return c.Subject.CommonName
	}
	return c.DNSNames[0]
}

// distrust says why a chain is not accepted.
func distrust(err error) string {
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &host):
		return "it is made out to another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it is expired or not valid yet"
	case errors.As(err, &unknown):
		return "its issuer is not one that clients trust"
	default:
		return bounded(err.Error())
	}
}

// Resolve gives the addresses of a host name.
func (p *Prober) Resolve(ctx context.Context, host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, core.ProbeTimeout)
	defer cancel()
	addresses, err := p.resolver.LookupHost(ctx, host)
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "%s", fmt.Sprintf("%s: %s.", bounded(host), words(err)))
	}
	return addresses, nil
}
