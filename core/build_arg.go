package core

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// secretWords are parts of names whose values are nobody's business.
var secretWords = [...]string{"TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PWD", "SECRET", "SECRETS", "CREDENTIAL", "CREDENTIALS", "KEY", "KEYS", "APIKEY", "PRIVATEKEY"}

// publicWords mark what is made to be handed out, such as the keys of NEXT_PUBLIC_ variables.
var publicWords = [...]string{"PUBLIC", "PUBLISHABLE"}

// secretValue finds what is secret by its form alone: private keys, age identities, and the tokens of well-known services.
var secretValue = regexp.MustCompile(`AGE-SECRET-KEY-|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_[A-Za-z0-9]{20}|\bgithub_pat_|\bglpat-|\bxox[abprs]-|\bAKIA[0-9A-Z]{12}|\b[sr]k_live_|\bsk-[A-Za-z0-9_-]{20}|\bsb_secret_|\bnpm_[A-Za-z0-9]{30}`)

// webToken finds signed tokens, which may be public ones.
var webToken = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.`)

// checkBuildArgs refuses arguments of a build that look like secrets: they stay readable in the image's history.
func checkBuildArgs(args map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if why := secretArg(name, args[name]); why != "" {
			return Errorf(CodeInvalid, "The build argument %s %s. Build arguments stay readable in the image's history: put it into the env, which the container gets when it starts (env.set), and read it there. What is meant for everybody to see may have PUBLIC in its name.", shortText(name), why)
		}
	}
	return nil
}

// secretArg says why an argument looks like a secret; empty when it does not. It never repeats the value.
func secretArg(name, value string) string {
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
	for _, word := range words {
		if slices.Contains(secretWords[:], word) {
			return "is named like a secret"
		}
	}
	return ""
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
