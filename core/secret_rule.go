package core

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// secretWords are parts of names whose values are nobody's business.
var secretWords = [...]string{"TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PWD", "SECRET", "SECRETS", "CREDENTIAL", "CREDENTIALS", "KEY", "KEYS", "APIKEY", "PRIVATEKEY"}

// publicWords mark what is made to be handed out, such as the keys of NEXT_PUBLIC_ variables.
var publicWords = [...]string{"PUBLIC", "PUBLISHABLE"}

// publicNames are names of ours that sound like secrets.
var publicNames = [...]string{"MATRX_ADMIN_KEYS"} // authorized keys

// aboutWords end a name whose value is about a secret: where it lies, how long it lives.
var aboutWords = [...]string{"FILE", "PATH", "DIR", "HOST", "HOSTS", "PORT", "NAME", "ID", "URL", "ENDPOINT", "TYPE", "ALGORITHM", "LENGTH", "SIZE", "TTL", "TIMEOUT",
	"LIFETIME", "EXPIRY", "ENABLED", "REQUIRED"}

// secretEnds end the names that are written without anything between their words: PGPASSWORD.
var secretEnds = [...]string{"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "SECRETKEY", "PRIVATEKEY", "ACCESSKEY"}

// secretValue finds what is secret by its form alone: private keys, age identities, and the tokens of well-known services.
var secretValue = regexp.MustCompile(`AGE-SECRET-KEY-|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_[A-Za-z0-9]{20}|\bgithub_pat_|\bglpat-|\bxox[abprs]-|\bAKIA[0-9A-Z]{12}|\b[sr]k_live_|\bsk-[A-Za-z0-9_-]{20}|\bsb_secret_|\bnpm_[A-Za-z0-9]{30}`)

// webToken finds signed tokens, which may be public ones.
var webToken = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.`)

// LooksSecret is true for a value that does not belong into a definition, which anybody who may look can read: one whose name
// says so, an address with a password, a private key, a token.
func LooksSecret(name, value string) bool { return whySecret(name, value) != "" }

// whySecret says why a variable or an argument looks like a secret; empty when it does not. It never repeats the value.
func whySecret(name, value string) string {
	public := false
	words := nameWords(name)
	for _, word := range words {
		public = public || slices.Contains(publicWords[:], word)
	}
	switch {
	case secretValue.MatchString(value), !public && webToken.MatchString(value):
		return "has a value that looks like a secret"
	case hasPassword(value):
		return "has an address with a password in it"
	case public || value == "":
		return ""
	}
	if namesSecret(name, words) {
		return "is named like a secret"
	}
	return ""
}

// namesSecret is true for a name that says that its value is a secret, in whatever way it is written.
func namesSecret(name string, words []string) bool {
	if slices.Contains(publicNames[:], name) || len(words) == 0 || slices.Contains(aboutWords[:], words[len(words)-1]) {
		return false
	}
	upper := strings.ToUpper(name)
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(secretWords[:], word) }) ||
		slices.ContainsFunc(secretEnds[:], func(end string) bool { return strings.HasSuffix(upper, end) })
}

// nameWords divides a name at everything that is not a letter or a digit, and where a small letter meets a capital one.
func nameWords(name string) []string {
	var b strings.Builder
	for i, c := range []byte(name) {
		small := i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z'
		switch {
		case c >= 'A' && c <= 'Z' && small:
			b.WriteByte(' ')
			b.WriteByte(c)
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			b.WriteByte(c)
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Fields(strings.ToUpper(b.String()))
}

// hasPassword is true for an address with a password in it.
func hasPassword(value string) bool {
	u, err := url.Parse(strings.TrimSpace(value))
	if err != nil || u.User == nil {
		return false
	}
	password, _ := u.User.Password()
	return password != ""
}
