package core

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	envTable       = "env"
	maxEnvVersions = 100 // of one service; those that a release needs are kept beside
	markKeyBytes   = 32
)

// envContent is what a version seals. Service and version are in it so that one row cannot pass for another.
type envContent struct {
	Service string            `json:"service"`
	Version int               `json:"version"`
	MarkKey []byte            `json:"mark_key"` // handed on from version to version
	Values  map[string]string `json:"values"`
}

// envKey is the key of a version's row; keys are in the order of versions.
func envKey(service string, version int) string { return fmt.Sprintf("%s/%08d", service, version) }

// envVersions are the versions of a service's env, oldest first.
func (c *Core) envVersions(service string) []EnvVersion {
	return slices.DeleteFunc(rowsOf[EnvVersion](c, envTable), func(v EnvVersion) bool { return v.Service != service })
}

// newestEnv is the newest version of a service's env; version 0 when it has none.
func (c *Core) newestEnv(service string) EnvVersion {
	versions := c.envVersions(service)
	if len(versions) == 0 {
		return EnvVersion{Service: service}
	}
	return versions[len(versions)-1]
}

// envFor decrypts a version of a service's env; version 0 is the newest. A service without an env has version 0 and no values.
func (c *Core) envFor(service string, version int) (map[string]string, EnvVersion, error) {
	v := c.newestEnv(service)
	if version > 0 {
		var ok bool
		if v, ok = rowOf[EnvVersion](c, envTable, envKey(service, version)); !ok {
			return nil, EnvVersion{}, Errorf(CodeNotFound, "The env of %s has no version %d.", shortText(service), version)
		}
	}
	if v.Version == 0 {
		return map[string]string{}, v, nil
	}
	content, err := c.unsealEnv(v)
	if err != nil {
		return nil, v, err
	}
	return content.Values, v, nil
}

// unsealEnv decrypts a version. Nothing of what is inside is in an error.
func (c *Core) unsealEnv(v EnvVersion) (envContent, error) {
	sealer, err := c.sealer()
	if err != nil {
		return envContent{}, err
	}
	plain, err := sealer.Unseal(v.Sealed, v.KeyID)
	if err != nil {
		return envContent{}, Errorf(CodeOf(err), "Version %d of the env of %s cannot be decrypted. %s", v.Version, v.Service, MessageOf(err))
	}
	var content envContent
	if json.Unmarshal(plain, &content) != nil || content.Service != v.Service || content.Version != v.Version {
		return envContent{}, Errorf(CodeInvalid, "Version %d of the env of %s is damaged: what is encrypted in it belongs elsewhere.", v.Version, v.Service)
	}
	if content.Values == nil {
		content.Values = map[string]string{}
	}
	return content, nil
}

// sealer is what encrypts, or why there is none.
func (c *Core) sealer() (Sealer, error) {
	if c.ship.Sealer == nil {
		return nil, Errorf(CodeUnavailable, "This control plane was started without encryption, so no env can be kept: set MATRX_AGE_IDENTITIES.")
	}
	return c.ship.Sealer, nil
}

// writeEnv makes values the newest version. The mutex envs is held; base is the newest version so far.
func (c *Core) writeEnv(ctx context.Context, base EnvVersion, values map[string]string, markKey []byte, note string) (EnvVersion, error) {
	next, err := c.sealEnv(ctx, base, values, markKey, note)
	if err != nil {
		return EnvVersion{}, err
	}
	edits := append(c.oldEnvs(base.Service), edit{envTable, envKey(next.Service, next.Version), next})
	if err := c.commit(ctx, edits...); err != nil {
		return EnvVersion{}, err
	}
	return next, nil
}

// sealEnv makes the version that follows base, without writing it.
func (c *Core) sealEnv(ctx context.Context, base EnvVersion, values map[string]string, markKey []byte, note string) (EnvVersion, error) {
	if err := checkEnv(values); err != nil {
		return EnvVersion{}, err
	}
	sealer, err := c.sealer()
	if err != nil {
		return EnvVersion{}, err
	}
	if len(markKey) == 0 {
		markKey = make([]byte, markKeyBytes)
		_, _ = rand.Read(markKey) // never fails
	}
	next := EnvVersion{
		Service: base.Service, Version: base.Version + 1, At: c.now().UTC().Truncate(time.Millisecond), By: ActorFrom(ctx).Name,
		Note: cutLine(note), Names: slices.Sorted(maps.Keys(values)), Marks: marksOf(markKey, values),
	}
	plain, err := json.Marshal(envContent{next.Service, next.Version, markKey, values})
	if err != nil {
		return EnvVersion{}, Errorf(CodeInternal, "The env of %s cannot be encoded.", base.Service)
	}
	if next.Sealed, next.KeyID, err = sealer.Seal(plain); err != nil {
		return EnvVersion{}, err
	}
	return next, nil
}

// marksOf are the digests that tell values apart.
func marksOf(key []byte, values map[string]string) map[string]string {
	marks := make(map[string]string, len(values))
	for name, value := range values {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(name + "\x00" + value))
		marks[name] = hex.EncodeToString(h.Sum(nil)[:12])
	}
	return marks
}

// oldEnvs are the edits that make room for one more version. A version that a release returns to stays, and one that the
// other plane wrote is its own to remove.
func (c *Core) oldEnvs(service string) []edit {
	versions := c.envVersions(service)
	over := len(versions) + 1 - maxEnvVersions
	if over <= 0 {
		return nil
	}
	needed, marks := map[int]bool{}, map[string]bool{}
	for _, r := range rowsOf[Release](c, releasesTable) {
		if r.Service == service {
			needed[r.EnvVersion] = true
			marks[r.EnvMark] = true
		}
	}
	var edits []edit
	for _, v := range versions[:over] {
		key := envKey(service, v.Version)
		if _, _, own := get[EnvVersion](c.state, envTable, key); own && !needed[v.Version] && (v.Keeps == "" || !marks[v.Keeps]) {
			edits = append(edits, edit{envTable, key, nil})
		}
	}
	return edits
}

// adoptedNote begins the note of a version that an adoption made.
const adoptedNote = "adopted: "

// importEnv makes the values that a container has the first version of its service's env, or the first after one without
// variables: an adoption. One that says the same already is left as it is; another one is CodeConflict. Without values nothing is kept.
func (c *Core) importEnv(ctx context.Context, service string, values map[string]string) (EnvVersion, error) {
	c.envs.Lock()
	defer c.envs.Unlock()
	base := c.newestEnv(service)
	if len(base.Names) == 0 && len(values) == 0 {
		return base, nil
	}
	if base.Version == 0 {
		return c.writeEnv(ctx, base, values, nil, adoptedNote+countOf(len(values), "variable"))
	}
	content, err := c.unsealEnv(base)
	switch {
	case err == nil && len(base.Names) == 0: // it was removed, and is taken over again
		return c.writeEnv(ctx, base, values, content.MarkKey, adoptedNote+countOf(len(values), "variable"))
	case err != nil:
		return EnvVersion{}, err
	case maps.Equal(content.Values, values):
		return base, nil
	default:
		return EnvVersion{}, Errorf(CodeConflict, "%s has an env already (version %d by %s), and its container has another one. Change it with env set instead.", service, base.Version, base.By)
	}
}

// countOf is a number of things in words.
func countOf(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// diffEnv names what differs between two versions of an env.
func diffEnv(old, new EnvVersion) []ChangeItem {
	var items []ChangeItem
	names := slices.Concat(old.Names, new.Names)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		verb := ""
		switch was, is := slices.Contains(old.Names, name), slices.Contains(new.Names, name); {
		case !was:
			verb = "added"
		case !is:
			verb = "removed"
		case old.Marks[name] != new.Marks[name]:
			verb = "changed"
		default:
			continue
		}
		items = append(items, ChangeItem{Kind: ChangeEnv, What: name + " " + verb, Need: NeedsDeploy})
	}
	return items
}

// changedNames are the names of new that old has not, or with another value.
func changedNames(old, new EnvVersion) map[string]bool {
	changed := map[string]bool{}
	for _, item := range diffEnv(old, new) {
		name, _, _ := strings.Cut(item.What, " ")
		changed[name] = true
	}
	return changed
}
