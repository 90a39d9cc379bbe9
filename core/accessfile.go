package core

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
)

// maxAccessFile bounds the files that keys are read from, in bytes.
const maxAccessFile = 4 << 20

// sharedPeople is the file through which the Server Manager tells the Deploy Server who may act. It is derived from the
// Manager's journal.
type sharedPeople struct {
	About  string   `json:"about"`
	People []Person `json:"people"`
	Keys   []Key    `json:"keys"`
}

const aboutSharedPeople = "Derived state: the Server Manager renders this file from its journal after each change and at start. Edits are lost."

// environmentSource names where admins' keys come from, for warnings.
func environmentSource(cfg Config) string {
	if cfg.AdminKeysFile != "" {
		return "MATRX_ADMIN_KEYS_FILE"
	}
	return "MATRX_ADMIN_KEYS"
}

// lookAtEnvironment reads the file of admins' keys again and tells whether who may act has changed. A file that cannot
// be read leaves the last good keys in force, and so does one without any good key when nobody else is an admin: it
// may be half written, and it must not lock everybody out.
func (a *access) lookAtEnvironment() (changed bool) {
	path := a.c.cfg.AdminKeysFile
	if path == "" {
		return false
	}
	raw, err := readAccessFile(path)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.envTrouble = fmt.Sprintf("MATRX_ADMIN_KEYS_FILE cannot be read (%v): the keys read before stay in force.", err)
		return false
	}
	if string(raw) == a.envText {
		a.envTrouble = ""
		return false
	}
	ring := environmentKeyring(string(raw), environmentSource(a.c.cfg))
	if now := a.c.now(); !ring.hasAdmin(now) && a.env.hasAdmin(now) && !a.store.hasAdmin(now) {
		a.envTrouble = "MATRX_ADMIN_KEYS_FILE has no usable key any more and there is no other admin: the keys read before stay in force."
		return false
	}
	a.env, a.envText, a.envTrouble = ring, string(raw), ""
	return true
}

// sharedPath is where people.json lies; empty when there is no root folder to put it in.
func (a *access) sharedPath() string {
	if !filepath.IsAbs(a.c.cfg.Root) {
		return ""
	}
	return filepath.Join(a.c.cfg.Root, "access", "people.json")
}

// lookAtShared reads what the Manager wrote and tells whether who may act has changed. A missing or damaged file leaves
// the last good people in force.
func (a *access) lookAtShared() (changed bool) {
	raw, ring, err := readShared(a.sharedPath())
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case errors.Is(err, fs.ErrNotExist) && a.shared == nil:
		a.trouble = "The Server Manager has not shared its people yet: only keys of the environment work here."
		return false
	case err != nil:
		a.trouble = fmt.Sprintf("The people that the Server Manager shares cannot be read (%v): those read before stay in force.", err)
		return false
	}
	a.trouble = ""
	if bytes.Equal(raw, a.shared) {
		return false
	}
	a.store, a.shared = ring, raw
	return true
}

// readShared reads people.json and refuses one that is damaged anywhere: half a list is not who may act.
func readShared(path string) ([]byte, keyring, error) {
	raw, err := readAccessFile(path)
	if err != nil {
		return nil, keyring{}, err
	}
	var shared sharedPeople
	if err := json.Unmarshal(raw, &shared); err != nil {
		return nil, keyring{}, fmt.Errorf("it is damaged: %w", err)
	}
	if shared.People == nil || shared.Keys == nil {
		return nil, keyring{}, errors.New("it is damaged: it has no list of people and keys")
	}
	ring := storedKeyring(shared.People, shared.Keys)
	if ring.damage != "" {
		return nil, keyring{}, errors.New("it is damaged: " + ring.damage)
	}
	return raw, ring, nil
}

// readAccessFile reads a file that keys come from.
func readAccessFile(path string) ([]byte, error) { return readOwnFile(path, maxAccessFile) }

// share writes the people of the store for the other plane unless the file holds just these. The caller holds changes.
// What cannot be written now is tried again at the next look, and so is a file that somebody else touched.
func (a *access) share() {
	a.mu.Lock()
	raw, err := renderShared(a.store)
	a.mu.Unlock()
	if err == nil {
		err = writeShared(a.sharedPath(), raw)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		trouble := fmt.Sprintf("People could not be shared with the %s (%v): it still knows the older ones.", a.c.charter.Sibling, err)
		if a.trouble != trouble {
			a.c.log.Error("people not shared", "err", err)
		}
		a.trouble = trouble
		return
	}
	a.trouble = ""
}

// renderShared writes a keyring in one form, so that equal people give equal bytes.
func renderShared(ring keyring) ([]byte, error) {
	shared := sharedPeople{About: aboutSharedPeople, People: []Person{}, Keys: []Key{}}
	shared.People = slices.AppendSeq(shared.People, maps.Values(ring.people))
	shared.Keys = slices.AppendSeq(shared.Keys, maps.Values(ring.keys))
	slices.SortFunc(shared.People, func(x, y Person) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(shared.Keys, func(x, y Key) int { return cmp.Compare(x.Fingerprint, y.Fingerprint) })
	return json.MarshalIndent(shared, "", "  ")
}

// writeShared replaces people.json in one step, unless it is right already.
func writeShared(path string, raw []byte) error {
	if path == "" {
		return errors.New("MATRX_ROOT is not an absolute path")
	}
	if found, err := readAccessFile(path); err == nil && bytes.Equal(found, raw) {
		return nil
	}
	return replaceFile(path, raw)
}
