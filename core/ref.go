package core

import "strings"

// maxRef bounds the name of a branch or tag in bytes.
const maxRef = 200

// Ref is the name of a branch, a tag or a commit; ParseRef is the only way to make one from input.
type Ref string

// ParseRef checks a name by git's own rules, so that it can never be taken for an option, a range or a path.
func ParseRef(s string) (Ref, error) {
	switch {
	case s == "":
		return "", Errorf(CodeInvalid, "Which branch, tag or commit? Give its name.")
	case len(s) > maxRef:
		return "", Errorf(CodeInvalid, "The name of the branch or tag has %d bytes; %d are the most.", len(s), maxRef)
	case s[0] == '-':
		return "", Errorf(CodeInvalid, "%q is not a branch, tag or commit: a name does not begin with a dash.", SafeText(s))
	case !isRefName(s):
		return "", Errorf(CodeInvalid, "%q is not the name of a branch, tag or commit: blanks, control characters, ~ ^ : ? * [ \\, two dots and @{ are not allowed.", SafeText(s))
	}
	return Ref(s), nil
}

// isRefName follows the rules of git check-ref-format, and allows printable ASCII and letters of other scripts alone.
func isRefName(s string) bool {
	if s == "@" || strings.HasPrefix(s, "refs/") || strings.HasSuffix(s, ".") || strings.Contains(s, "..") || strings.Contains(s, "@{") {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return SafeText(s) == s && !strings.ContainsAny(s, " ~^:?*[\\")
}

// ParseSHA checks the full name of a commit: 40 or 64 hex digits in lower case.
func ParseSHA(s string) (string, error) {
	if len(s) != 40 && len(s) != 64 || !isHex(s) {
		return "", Errorf(CodeInvalid, "%q is not the full SHA of a commit.", shortText(s))
	}
	return s, nil
}
