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
		MaxAuthTries:      c.tries(),
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
		return nil, c.refuseKey(l, err)
	}
	c.atEase()
	l.current.Store(&id)
	return &gossh.Permissions{ExtraData: map[any]any{loginKey{}: l}}, nil
}

// refuseKey notes why a key is refused and makes the answer. Under penalty this was the only try, which a client with
// several keys has to be told.
func (c *conn) refuseKey(l *login, why error) error {
	refusal := errors.New("key refused")
	if c.suspect {
		c.srv.refusals.count("key refused, under penalty")
		return &gossh.BannerError{Err: refusal, Message: onlyTry}
	}
	c.srv.logger.Info("ssh key refused", "connection", c.id, "remote", c.RemoteAddr().String(), "user", cleanName(l.user),
		"fingerprint", Fingerprint(l.key), "reason", why.Error())
	return refusal
}

// onlyTry is what a client under penalty reads when its first key is not known.
const onlyTry = "Logins from this address failed before, so only one key is tried now. Name the right one: ssh -o IdentitiesOnly=yes -i KEYFILE\r\n"

// tries is how many refused attempts a connection has.
func (c *conn) tries() int {
	if c.suspect {
		return 1
	}
	return c.srv.limits.AuthTries
}

// signed is called for the key that signed, with the permissions that were made when it was offered.
func (c *conn) signed(_ gossh.ConnMetadata, key gossh.PublicKey, p *gossh.Permissions, _ string) (*gossh.Permissions, error) {
	l, ok := p.ExtraData[loginKey{}].(*login)
	if !ok || string(l.key.Marshal()) != string(key.Marshal()) {
		return nil, errors.New("the key that signed is not the one that was judged")
	}
	id := l.current.Load()
	if err := c.sitDown(*id); err != nil {
		return nil, err
	}
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
