package core

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of an env. The first is the kernel's for one string of a process's environment, with its name, "=" and NUL.
const (
	maxEnvString = 128 << 10 // bytes
	maxEnvBytes  = 1 << 20   // all names and values together
	maxEnvNames  = 1000
	maxEnvName   = 200 // bytes
)

// isEnvName is true for names that every shell and compose file takes.
func isEnvName(name string) bool {
	if name == "" || len(name) > maxEnvName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// badEnvName is the refusal of a name. It does not repeat it: people paste values where names belong.
func badEnvName() error {
	return Errorf(CodeInvalid, "One of the names is not a name of a variable: letters, digits and _ only, not a digit first, at most %d.", maxEnvName)
}

// checkEnvNames refuses what is not a name.
func checkEnvNames(names []string) error {
	if slices.ContainsFunc(names, func(name string) bool { return !isEnvName(name) }) {
		return badEnvName()
	}
	return nil
}

// shownNames are names as the audit keeps them: what is not a name may be a value in the wrong place.
func shownNames(names []string) []string {
	shown := slices.Clone(names)
	for i, name := range shown {
		if !isEnvName(name) {
			shown[i] = mask
		}
	}
	return shown
}

// checkEnvValue refuses what no process could be given, or what would not come back as it was. A line feed is allowed:
// keys and certificates have them, and the .env file is written with quotes.
func checkEnvValue(name, value string) error {
	switch {
	case strings.ContainsRune(value, 0):
		return Errorf(CodeInvalid, "The value of %s holds a NUL byte, which no environment can.", name)
	case !utf8.ValidString(value):
		return Errorf(CodeInvalid, "The value of %s is not UTF-8 text. Encode it (base64) and let the app decode it.", name)
	case len(name)+len(value)+2 > maxEnvString:
		return Errorf(CodeInvalid, "The value of %s has %s; the kernel takes %s with its name. Put it into a file instead.", name, FormatBytes(int64(len(value))), FormatBytes(maxEnvString))
	}
	return nil
}

// checkEnv refuses an env that is not one as a whole.
func checkEnv(values map[string]string) error {
	if len(values) > maxEnvNames {
		return Errorf(CodeInvalid, "The env has %d variables; %d are the most.", len(values), maxEnvNames)
	}
	size := 0
	for name, value := range values {
		if !isEnvName(name) {
			return badEnvName()
		}
		if err := checkEnvValue(name, value); err != nil {
			return err
		}
		size += len(name) + len(value) + 2
	}
	if size > maxEnvBytes {
		return Errorf(CodeInvalid, "The env has %s in all; %s are the most.", FormatBytes(int64(size)), FormatBytes(maxEnvBytes))
	}
	return nil
}
