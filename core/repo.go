package core

import (
	"net/url"
	"path"
	"strings"
)

// maxRepo bounds a repository's address in bytes.
const maxRepo = 1000

// Repo is the address of a repository; ParseRepo is the only way to make one from input. It never holds a credential.
type Repo struct {
	Scheme string // https, ssh or file
	User   string // of ssh only
	Host   string // with the port, when there is one; empty for a file
	Path   string // begins with a slash
}

// String is the address in full.
func (r Repo) String() string {
	u := url.URL{Scheme: r.Scheme, Host: r.Host, Path: r.Path}
	if r.User != "" {
		u.User = url.User(r.User)
	}
	return u.String()
}

// ParseRepo checks the address of a repository. One with a credential is refused without repeating it. The short form
// git@host:owner/name.git is read as ssh://git@host/owner/name.git: what comes after the colon is the path from the top.
func ParseRepo(s string) (Repo, error) {
	if s == "" || len(s) > maxRepo || SafeText(s) != s || strings.ContainsAny(s, " \\") {
		return Repo{}, Errorf(CodeInvalid, "The address of the repository is empty, longer than %d bytes, or has blanks or control characters in it.", maxRepo)
	}
	if !strings.Contains(s, "://") {
		user, rest, _ := strings.Cut(s, "@")
		host, at, short := strings.Cut(rest, ":")
		if !short || at == "" || !validName(user) || !validHost(host) {
			return Repo{}, Errorf(CodeInvalid, "The repository needs a full address like https://github.com/owner/name.git or ssh://git@host/owner/name.git.")
		}
		s = "ssh://" + user + "@" + host + "/" + strings.TrimPrefix(at, "/")
	}
	u, err := url.Parse(s)
	if err != nil {
		return Repo{}, Errorf(CodeInvalid, "The address of the repository cannot be read; write it like https://github.com/owner/name.git.")
	}
	r := Repo{Scheme: strings.ToLower(u.Scheme), Host: strings.ToLower(u.Host), Path: path.Clean("/" + u.Path)}
	if err := checkRepoUser(u, &r); err != nil {
		return Repo{}, err
	}
	return r, r.check(u)
}

// checkRepoUser takes the user of an ssh address and refuses every other credential.
func checkRepoUser(u *url.URL, r *Repo) error {
	if u.User == nil {
		return nil
	}
	_, password := u.User.Password()
	if password || r.Scheme != "ssh" {
		return Errorf(CodeInvalid, "There is a credential in the address of the repository at %s. Take it out: the token belongs into MATRX_GIT_TOKEN. It may have been seen: make a new one.", shortText(u.Host))
	}
	r.User = u.User.Username()
	if !validName(r.User) {
		return Errorf(CodeInvalid, "%q is not a user name.", shortText(r.User))
	}
	return nil
}

// check finds what cannot be fetched from, or could be taken for something else.
func (r Repo) check(u *url.URL) error {
	switch {
	case u.RawQuery != "" || u.Fragment != "" || u.Opaque != "":
		return Errorf(CodeInvalid, "The address of the repository has something after ? or #; leave it out.")
	case r.Path == "/" || strings.HasPrefix(r.Path, "/-"):
		return Errorf(CodeInvalid, "The address of the repository names no repository.")
	}
	switch r.Scheme {
	case "https", "ssh":
		if host := u.Hostname(); !validHost(host) {
			return Errorf(CodeInvalid, "The repository's host %q is not a host name.", shortText(host))
		}
		return nil
	case "file":
		if r.Host != "" {
			return Errorf(CodeInvalid, "A file address of a repository has three slashes: file:///srv/projects/name.git.")
		}
		return nil
	default:
		return Errorf(CodeInvalid, "Repositories are fetched by https, ssh or file, not by %q.", shortText(r.Scheme))
	}
}

// validHost is true for a host name or an address.
func validHost(host string) bool {
	if strings.Contains(host, ":") { // IPv6, which url.Parse has checked
		return !strings.Contains(host, "%")
	}
	return validName(host) && !strings.HasSuffix(host, ".") && !strings.Contains(host, "..")
}

// ParseFolder checks the path of a folder or file in a repository: relative, and it never leaves it. Empty means all of it.
func ParseFolder(s string) (string, error) {
	if s == "" {
		return ".", nil
	}
	clean := path.Clean(s)
	if path.IsAbs(s) || clean == ".." || strings.HasPrefix(clean, "../") || SafeText(s) != s || strings.Contains(s, "\\") || len(s) > maxRepo {
		return "", Errorf(CodeInvalid, "%q leads out of the repository; give a path inside it.", shortText(s))
	}
	if clean == ".git" || strings.HasPrefix(clean, ".git/") {
		return "", Errorf(CodeInvalid, "%q is git's own folder.", shortText(s))
	}
	return clean, nil
}
