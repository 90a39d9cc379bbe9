package git

import (
	"errors"
	"io/fs"
	"os/exec"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// reason is how git's words are told to an operator.
type reason struct {
	words []string // any of them
	code  core.Code
	says  string // %s is the repository
}

// reasons are tried in order.
var reasons = [...]reason{
	{[]string{"cannot run ssh", "ssh: not found", "No user exists for uid", "unable to find remote helper for"},
		core.CodeUnavailable, "%s cannot be reached: the image of the control plane lacks the program for it, or the user that it runs as."},
	{[]string{"unable to update url base from redirection", "returned error: 301", "returned error: 302", "returned error: 307", "returned error: 308"},
		core.CodeInvalid, "%s leads somewhere else, and redirects are not followed. Give the address it leads to."},
	{[]string{"Host key verification failed", "host key is known for", "no matching host key"},
		core.CodeForbidden, "%s shows a host key that is not the one in MATRX_GIT_KNOWN_HOSTS, so nothing was asked of it. If the host has a new key, check it with its owner and put it there; if not, somebody stands in between."},
	{[]string{"Permission denied (", "Too many authentication failures"},
		core.CodeForbidden, "%s does not let the key in MATRX_GIT_SSH_KEY in. Give its public part to the host as a key that may read this repository, and check the user in the address."},
	{[]string{"could not read Username", "could not read Password", "Authentication failed", "returned error: 401", "returned error: 403", "Permission denied", "Permission to"},
		core.CodeForbidden, "%s may not be read from here. A private repository on https needs MATRX_GIT_TOKEN, and its host in MATRX_GIT_TOKEN_HOSTS; one on ssh a key that may read it; a file needs to be readable by the control plane."},
	{[]string{"returned error: 404", "not found", "does not appear to be a git repository", "does not exist", "Repository not found", "No such file or directory"},
		core.CodeNotFound, "There is no repository at %s, or the token or key may not see it. Check the address, and MATRX_GIT_TOKEN or MATRX_GIT_SSH_KEY."},
	{[]string{"dubious ownership"},
		core.CodeForbidden, "%s belongs to another user of the server, so git does not open it."},
	{[]string{"No space left on device", "Disk quota exceeded"},
		core.CodeUnavailable, "The disk is full, so %s cannot be fetched. Free space first: prune."},
	{[]string{"not our ref", "couldn't find remote ref", "no such remote ref"},
		core.CodeNotFound, "%s does not have that commit, branch or tag any more, or does not give it out."},
	{[]string{"certificate"},
		core.CodeUnavailable, "%s shows a certificate that is not valid for it."},
	{[]string{"Could not resolve host", "Couldn't resolve host", "Connection refused", "timed out", "Operation too slow", "Failed to connect", "unable to access", "Could not read from remote repository", "early EOF", "hung up"},
		core.CodeUnavailable, "%s does not answer. Try again, and check the address and the server's network."},
	{[]string{"fsck", "index-pack failed", "bad object", "corrupt", "invalid object"},
		core.CodeInvalid, "What %s sent is not a sound repository, so it was not taken."},
}

// explain makes an error of what git said.
func explain(r *remote, lines []string, err error) error {
	said := strings.Join(lines, "\n")
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return core.Errorf(core.CodeInternal, "run git: %w", err)
	}
	if r == nil {
		return core.Errorf(core.CodeConflict, "The mirror of the repository cannot be read: git says: %s", cause(lines, exit))
	}
	for _, known := range reasons {
		for _, words := range known.words {
			if strings.Contains(said, words) {
				return core.Errorf(known.code, known.says+" (git says: %s)", r.repo, cause(lines, exit))
			}
		}
	}
	return core.Errorf(core.CodeUnavailable, "%s cannot be fetched. (git says: %s)", r.repo, cause(lines, exit))
}

// cause is the line that says most: the first that names an error, because others follow from it; else the last.
func cause(lines []string, exit *exec.ExitError) string {
	for _, line := range lines {
		if strings.HasPrefix(line, "fatal:") || strings.HasPrefix(line, "error:") {
			return line
		}
	}
	if len(lines) > 0 {
		return lines[len(lines)-1]
	}
	return exit.String()
}

// explainStart is for a program that could not be started at all.
func explainStart(err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return core.Errorf(core.CodeUnavailable, "There is no git program here, so no source can be fetched. It belongs into the image of the control plane.")
	}
	return core.Errorf(core.CodeInternal, "start git: %w", err)
}
