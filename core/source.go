package core

import (
	"context"
	"io"
	"time"
)

// Commit is one commit of a repository.
type Commit struct {
	SHA     string    `json:"sha"` // full
	Author  string    `json:"author"`
	At      time.Time `json:"at"`
	Subject string    `json:"subject"`
	Files   []string  `json:"files,omitempty"` // that it changed, at most 200
}

// Short is the commit as people write it.
func (c Commit) Short() string { return c.SHA[:min(12, len(c.SHA))] }

// Git reads repositories. Each service's is kept as a bare mirror below MATRX_ROOT; every call has a deadline and a bound
// on size, runs no hook, asks nobody for a password, and fetches nothing but what was named.
type Git interface {
	// Fetch brings the mirror of a service up to date and gives the commit that ref names now. With an error comes the
	// commit that it named last, when there is one.
	Fetch(ctx context.Context, service string, src Source, out func(line string)) (Commit, error)
	// Commit gives one commit that the mirror has. CodeNotFound when it has not.
	Commit(ctx context.Context, service, sha string) (Commit, error)
	// Log gives the commits that head has and base has not, newest first, at most limit. An empty base means all.
	Log(ctx context.Context, service, base, head string, limit int) ([]Commit, error)
	// Context writes the folder dir at a commit as a tar stream for a build. Links that lead out of it are an error.
	Context(ctx context.Context, service, sha, dir string) (io.ReadCloser, error)
	// File gives one file at a commit, at most 1 MiB. CodeNotFound when there is none.
	File(ctx context.Context, service, sha, path string) ([]byte, error)
}
