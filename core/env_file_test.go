package core

import (
	"maps"
	"strings"
	"testing"
)

func TestAnEnvFileIsReadAsPeopleWriteIt(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]string
	}{
		{"nothing", "", map[string]string{}},
		{"comments and empty lines", "# a\n\n   # b\n", map[string]string{}},
		{"plain", "A=1\nB=two words \n", map[string]string{"A": "1", "B": "two words"}},
		{"an empty value", "A=\nB=''\nC=\"\"", map[string]string{"A": "", "B": "", "C": ""}},
		{"export and blanks", "export A = 1\n  export\tB=2\nexported=3", map[string]string{"A": "1", "B": "2", "exported": "3"}},
		{"a comment behind", "A=1 # one\nB=a#b\nC=\"x # y\" # z\nD=#nothing", map[string]string{"A": "1", "B": "a#b", "C": "x # y", "D": ""}},
		{"an = in the value", "URL=postgres://u:p@db/x?a=b&c=d", map[string]string{"URL": "postgres://u:p@db/x?a=b&c=d"}},
		{"single quotes keep all", `A='a\n $B "x" # y'`, map[string]string{"A": `a\n $B "x" # y`}},
		{"double quotes", `A="a\nb\t\"c\" \\ \$d \z"`, map[string]string{"A": "a\nb\t\"c\" \\ $d \\z"}},
		{"several lines", "K='-----BEGIN\nabc\n-----END'\nL=\"x\ny\"\nM=1", map[string]string{"K": "-----BEGIN\nabc\n-----END", "L": "x\ny", "M": "1"}},
		{"a dollar is a dollar", "A=$B\nC=\"${D}\"", map[string]string{"A": "$B", "C": "${D}"}},
		{"Windows", "\ufeffA=1\r\nB='x\r\ny'\r\n", map[string]string{"A": "1", "B": "x\ny"}},
	} {
		got, err := parseEnvFile(c.text)
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: got %q (%v), want %q", c.name, got, err, c.want)
		}
	}
}

func TestABadLineIsNamedAndNotShown(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no =", "A=1\nhunter2", "Line 2 "},
		{"no name", "A=1\n\n# x\n=hunter2", "Line 4 "},
		{"a name that is none", "hun-ter2=hunter2", "Line 1 "},
		{"a name with a digit first", "2hunter2=x", "Line 1 "},
		{"export of no name", "export 1A=hunter2", "Line 1 "},
		{"an open single quote", "A='x\ny'\nB='hunter2\nC=1", "Line 3 "},
		{"an open double quote", "A=\"hunter2\\\"", "Line 1 "},
		{"more after the quote", "A=1\nB='hunter2' hunter2", "Line 2 "},
		{"set twice", "A=hunter2\nB=1\nA=hunter2", "Line 3 sets A, which line 1"},
		{"too long", strings.Repeat("# hunter2\n", 300_000), "1.0 MiB"},
	} {
		_, err := parseEnvFile(c.text)
		wantCode(t, err, CodeInvalid, c.want)
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "hun-ter2") {
			t.Errorf("%s: the error shows the text: %v", c.name, err)
		}
	}
}

func TestAWrittenEnvFileIsReadBackAsItWas(t *testing.T) {
	values := map[string]string{
		"EMPTY": "", "PLAIN": "abc/1.2:3", "BLANKS": "  x  ", "HASH": "a # b", "DOLLAR": "$HOME ${X}", "QUOTE": "it's", "BOTH": `'"`,
		"BACK": `a\nb\`, "LINES": "-----BEGIN\nabc\n-----END\n", "RETURN": "a\r\nb", "TAB": "\ta", "UNICODE": "häß🚀", "MIX": "'\\\n\"$",
	}
	got, err := parseEnvFile(string(renderEnvFile(values)))
	if err != nil || !maps.Equal(got, values) {
		t.Errorf("got %q, %v\nfrom %s", got, err, renderEnvFile(values))
	}
}

func FuzzEnvFilesComeBack(f *testing.F) {
	f.Add("A", "x")
	f.Add("B", "it's \\ \"$x\"\r\n")
	f.Fuzz(func(t *testing.T, name, value string) {
		values := map[string]string{name: value}
		if checkEnv(values) != nil {
			return
		}
		got, err := parseEnvFile(string(renderEnvFile(values)))
		if err != nil || !maps.Equal(got, values) {
			t.Fatalf("%q came back as %q, %v", values, got, err)
		}
	})
}
