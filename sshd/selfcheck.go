package sshd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
)

// checkSelf shakes hands with itself over loopback with a key that nobody has authorized, and expects to be refused
// as a user after the host key was shown. Wrong settings would otherwise show only when somebody cannot log in.
func (s *Server) checkSelf(ctx context.Context, hostKey gossh.PublicKey) error {
	const timeout = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client, server, err := loopback(ctx)
	if err != nil { // no loopback: the settings may be right all the same
		s.logger.Warn("ssh settings could not be checked", "error", err)
		return nil
	}
	deadline, _ := ctx.Deadline()
	if err := errors.Join(client.SetDeadline(deadline), server.SetDeadline(deadline)); err != nil {
		return core.Errorf(core.CodeInternal, "check ssh settings: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- s.shakeHands(server) }()
	shown, clientErr := shakeAsStranger(client)
	serverErr := <-done
	var refused *gossh.ServerAuthError
	if !bytes.Equal(shown, hostKey.Marshal()) || !errors.As(serverErr, &refused) {
		return core.Errorf(core.CodeInternal, "check ssh settings: %w", errors.Join(serverErr, clientErr))
	}
	return nil
}

// shakeHands is the server's side. It must end in a refusal; a stranger who gets in is an error of its own kind.
func (s *Server) shakeHands(nc net.Conn) error {
	probe := &conn{Conn: nc, srv: s, id: "self-check"}
	cfg := s.serverConfig(probe)
	cfg.PublicKeyCallback = func(gossh.ConnMetadata, gossh.PublicKey) (*gossh.Permissions, error) {
		return nil, errors.New("a stranger")
	}
	for _, signer := range s.ssh.HostSigners {
		cfg.AddHostKey(signer)
	}
	c, _, _, err := gossh.NewServerConn(nc, cfg)
	if err == nil {
		_ = c.Close() // it should not be open at all
		return errors.New("a stranger could log in")
	}
	return err
}

// shakeAsStranger is the client's side; it gives the host key that was shown.
func shakeAsStranger(nc net.Conn) (shown []byte, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	signer, err := gossh.NewSignerFromKey(key)
	if err != nil {
		return nil, fmt.Errorf("make signer: %w", err)
	}
	c, _, _, err := gossh.NewClientConn(nc, "self-check", &gossh.ClientConfig{
		User: "self-check",
		Auth: []gossh.AuthMethod{gossh.PublicKeys(signer)},
		HostKeyCallback: func(_ string, _ net.Addr, key gossh.PublicKey) error {
			shown = key.Marshal()
			return nil
		},
	})
	if err == nil {
		_ = c.Close() // the server's side reports it
	}
	return shown, err
}

// loopback makes two connected sockets.
func loopback(ctx context.Context) (client, server net.Conn, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = l.Close() }() // both ends are there, or the error says why not
	client, err = (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	for {
		server, err = l.Accept()
		if err != nil {
			return nil, nil, errors.Join(err, client.Close())
		}
		if server.RemoteAddr().String() == client.LocalAddr().String() {
			return client, server, nil
		}
		_ = server.Close() // somebody else's
	}
}
