package sshd

import (
	"context"
	"errors"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
)

// lookupTimeout bounds one question to the KeySource.
const lookupTimeout = 3 * time.Second

// loginKey finds the login in the permissions that belong to one key.
type loginKey struct{}

// connKey finds our conn in the library's context.
type connKey struct{}

// serverConfig makes the protocol settings of one connection. The algorithms are the ones that ssh-audit has no
// complaint about; certificate algorithms follow from the plain names.
func (s *Server) serverConfig(c *conn) *gossh.ServerConfig {
	cfg := &gossh.ServerConfig{
		Config: gossh.Config{
			KeyExchanges: []string{gossh.KeyExchangeMLKEM768X25519, gossh.KeyExchangeCurve25519},
			Ciphers:      []string{gossh.CipherChaCha20Poly1305, gossh.CipherAES256GCM, gossh.CipherAES128GCM},
			MACs:         []string{gossh.HMACSHA256ETM, gossh.HMACSHA512ETM},
		},
		PublicKeyAuthAlgorithms: []string{gossh.KeyAlgoED25519, gossh.KeyAlgoSKED25519, gossh.KeyAlgoRSASHA512,
			gossh.KeyAlgoRSASHA256, gossh.KeyAlgoECDSA256},
		MaxAuthTries:      s.limits.AuthTries,
		ServerVersion:     "SSH-2.0-" + s.version,
		PublicKeyCallback: c.offered,
	}
	cfg.VerifiedPublicKeyCallback = c.signed
	cfg.AuthLogCallback = c.tried
	return cfg
}

// sshConfig is serverConfig as the library asks for it.
func (s *Server) sshConfig(ctx ssh.Context) *gossh.ServerConfig {
	return s.serverConfig(ctx.Value(connKey{}).(*conn))
}

// offered judges a key that the client would like to use. It may be one of many, and need not be the client's own.
func (c *conn) offered(meta gossh.ConnMetadata, key gossh.PublicKey) (*gossh.Permissions, error) {
	l := &login{key: key, user: meta.User(), at: time.Now()}
	ctx, cancel := context.WithTimeout(c.srv.life, lookupTimeout)
	defer cancel()
	id, err := c.srv.lookup(ctx, l, c)
	if err != nil {
		c.srv.logger.Info("ssh key refused", "connection", c.id, "remote", c.RemoteAddr().String(), "user", cleanName(l.user),
			"fingerprint", Fingerprint(key), "reason", err.Error())
		return nil, errors.New("key refused")
	}
	l.current.Store(&id)
	return &gossh.Permissions{ExtraData: map[any]any{loginKey{}: l}}, nil
}

// signed is called for the key that signed, with the permissions that were made when it was offered.
func (c *conn) signed(_ gossh.ConnMetadata, key gossh.PublicKey, p *gossh.Permissions, _ string) (*gossh.Permissions, error) {
	l, ok := p.ExtraData[loginKey{}].(*login)
	if !ok || string(l.key.Marshal()) != string(key.Marshal()) {
		return nil, errors.New("the key that signed is not the one that was judged")
	}
	id := l.current.Load()
	c.loggedIn(l)
	c.srv.logger.Info("ssh login", "connection", c.id, "remote", c.RemoteAddr().String(), "user", cleanName(l.user),
		"name", id.Name, "fingerprint", id.Fingerprint, "source", id.Source, "role", id.Role.String())
	return p, nil
}

// tried notes that a real attempt failed; asking which methods exist ("none") is not one.
func (c *conn) tried(_ gossh.ConnMetadata, method string, err error) {
	if err != nil && method != "none" {
		c.refused.Store(true)
	}
}

// lookup asks the key source, and makes sure that the answer speaks of the key in question.
func (s *Server) lookup(ctx context.Context, l *login, c *conn) (Identity, error) {
	id, err := s.keys.Lookup(ctx, Attempt{Key: l.key, User: l.user, Addr: c.RemoteAddr(), At: l.at})
	if err != nil {
		return Identity{}, err
	}
	id.Fingerprint = Fingerprint(l.key)
	_, id.Certificate = l.key.(*gossh.Certificate)
	if id.Role == core.RoleNone {
		return Identity{}, refusedf("the key has no role")
	}
	return id, nil
}
