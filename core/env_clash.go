package core

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// envClash is a version that both control planes made without knowing of each other: one of them while it thought the other
// one away. Of rows with one key the newer is seen, so the older would be lost from sight.
type envClash struct {
	hidden EnvVersion
	writer string // the plane that made it
}

// keepHiddenEnvs gives what clashes hide a number of its own. Only the home plane of a service does that, once for each
// hidden version; what was the newest stays in force.
func (c *Core) keepHiddenEnvs(ctx context.Context) error {
	theirs := c.shared.rows(envTable)
	if len(theirs) == 0 || c.ship.Sealer == nil {
		return nil
	}
	c.envs.Lock()
	defer c.envs.Unlock()
	byService := map[string][]envClash{}
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		if clash, ok := c.envClash(key, theirs[key]); ok && c.isHomeOf(clash.hidden.Service) {
			byService[clash.hidden.Service] = append(byService[clash.hidden.Service], clash)
		}
	}
	var errs []error
	for _, service := range slices.Sorted(maps.Keys(byService)) {
		errs = append(errs, c.keepHidden(WithActor(ctx, c.systemActor()), service, byService[service]))
	}
	return errors.Join(errs...)
}

// envClash compares the two rows of a key, as rowOf does.
func (c *Core) envClash(key string, theirs sharedRow) (envClash, bool) {
	body, ok := c.state.body(envTable, key)
	var own, other EnvVersion
	if !ok || json.Unmarshal(body, &own) != nil || json.Unmarshal(theirs.body, &other) != nil || slices.Equal(own.Sealed, other.Sealed) {
		return envClash{}, false
	}
	if theirs.at.After(rowTime(body)) {
		return envClash{own, c.charter.Title}, true
	}
	return envClash{other, c.charter.SiblingTitle()}, true
}

// isHomeOf is true for the services whose env this plane keeps.
func (c *Core) isHomeOf(service string) bool {
	kind, _ := kindByName(service)
	if dv, err := c.definitionOf(service); err == nil {
		kind = cmp.Or(dv.Kind, kind)
	}
	return HomeOf(kind) == c.charter.Name
}

// keepHidden appends what is hidden, and then again what is in force, in one write.
func (c *Core) keepHidden(ctx context.Context, service string, clashes []envClash) error {
	versions := c.envVersions(service)
	clashes = slices.DeleteFunc(clashes, func(clash envClash) bool {
		return slices.ContainsFunc(versions, func(v EnvVersion) bool { return v.Keeps == envDigest(clash.hidden) })
	})
	if len(clashes) == 0 {
		return nil
	}
	force := c.newestEnv(service)
	inForce, err := c.unsealEnv(force)
	if err != nil {
		return err
	}
	last, edits := force, c.oldEnvs(service)
	add := func(values map[string]string, note, keeps string) error {
		next, err := c.sealEnv(ctx, last, values, inForce.MarkKey, note)
		if err != nil {
			return err
		}
		next.Keeps, last = keeps, next
		edits = append(edits, edit{envTable, envKey(service, next.Version), next})
		return nil
	}
	for _, clash := range clashes {
		hidden, err := c.unsealEnv(clash.hidden)
		if err != nil {
			return err
		}
		note := fmt.Sprintf("another version %d, by %s on the %s, %s", clash.hidden.Version, clash.hidden.By, clash.writer, clash.hidden.At.UTC().Format("2006-01-02 15:04 UTC"))
		if err := add(hidden.Values, note, envDigest(clash.hidden)); err != nil {
			return err
		}
	}
	if err := add(inForce.Values, fmt.Sprintf("as in version %d, which stays in force", force.Version), ""); err != nil {
		return err
	}
	c.log.Warn("both control planes had made a version of an env: both are kept", "service", service, "newest", last.Version)
	return c.commit(ctx, edits...)
}

// envDigest tells versions of one number apart.
func envDigest(v EnvVersion) string {
	sum := sha256.Sum256(v.Sealed)
	return hex.EncodeToString(sum[:12])
}
