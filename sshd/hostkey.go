package sshd

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
)

// LoadHostKey reads the server's ed25519 key, and makes it when the file does not exist. Any other trouble is an error
// for the operator: a key that is silently replaced looks to every client like an attack.
func LoadHostKey(path string) (gossh.Signer, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeHostKey(path); err != nil {
			return nil, core.Errorf(core.CodeInternal, "make host key %s: %w", path, err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, core.Errorf(core.CodeInternal, "read host key: %w", err)
	}
	signer, err := gossh.ParsePrivateKey(text)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "The host key %s is damaged (%w). "+
			"Restore it from a backup; or move it away to get a new one, which every client will report as changed.", path, err)
	}
	if signer.PublicKey().Type() != gossh.KeyAlgoED25519 {
		return nil, core.Errorf(core.CodeInvalid, "The host key %s is of type %s; ed25519 is needed.", path, signer.PublicKey().Type())
	}
	if err := keepPrivate(path); err != nil {
		return nil, core.Errorf(core.CodeInternal, "keep host key %s private: %w", path, err)
	}
	return signer, nil
}

// keepPrivate takes the file away from everybody but its owner, where a restore or a copy has opened it.
func keepPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return os.Chmod(path, 0o600)
}

// makeHostKey writes a new key beside path and links it into place, so that the file is whole or absent and a key that
// somebody else made meanwhile stays.
func makeHostKey(path string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	block, err := gossh.MarshalPrivateKey(key, "")
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".host-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // linked by then, or of no use
	_, err = file.Write(pem.EncodeToMemory(block))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the entries of a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
