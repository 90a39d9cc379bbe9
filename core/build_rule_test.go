package core

import (
	"runtime"
	"strings"
	"testing"
)

func TestBuildArgumentsThatLookLikeSecretsAreRefusedWithoutRepeatingThem(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2ln"
	for name, value := range map[string]string{
		"NPM_TOKEN": "x", "DB_PASSWORD": "x", "dbPassword": "x", "API_KEY": "x", "api-key": "x", "SECRET": "x", "PGPASS": "postgres://ada:hunter2@db/x",
		"A": "AGE-SECRET-KEY-1QQQ", "B": "-----BEGIN OPENSSH PRIVATE KEY-----\nx", "C": "ghp_0123456789abcdefghijABCDEF", "D": jwt,
		"NEXT_PUBLIC_X": "sk_live_0123456789", "E": "AKIAIOSFODNN7EXAMPLE", "F": "https://u:p@host/x",
	} {
		err := checkBuildArgs(map[string]string{"OK": "1", name: value})
		wantCode(t, err, CodeInvalid, "The build argument "+name, "env.set")
		if len(value) > 3 && strings.Contains(err.Error(), value) {
			t.Errorf("the value of %s is in %q", name, err)
		}
	}
	harmless := map[string]string{
		"NODE_ENV": "production", "KEYBOARD": "qwerty", "NEXT_PUBLIC_SUPABASE_ANON_KEY": jwt, "STRIPE_PUBLISHABLE_KEY": "pk_live_0123", "BASE": "matrx/base:current",
		"COMPASS": "north", "TOKENIZER": "bpe", "API_KEY": "", "URL": "https://host/x", "COMMIT": "0123456789abcdef0123456789abcdef01234567", "MONKEY": "x",
	}
	if err := checkBuildArgs(harmless); err != nil {
		t.Fatal(err)
	}
}

func TestTheTagOfABuildIsANameThatTheEngineTakes(t *testing.T) {
	for service, want := range map[string]string{
		"ship-demo": "matrx/ship-demo:0123456789ab", "Ship__Demo..x-": "matrx/ship-demo-x:0123456789ab",
	} {
		if got := buildTag(service, "019a-7000-8000-0123456789ab"); got != want {
			t.Errorf("%s: got %s", service, got)
		}
	}
}

func TestAnImageThatCannotRunHereOrBakesLabelsIsRefused(t *testing.T) {
	ok := ImageDetail{Architecture: runtime.GOARCH}
	ok.Labels = map[string]string{"com.matrx.commit": "x", "maintainer": "ann"}
	if err := checkImage(ok); err != nil {
		t.Fatal(err)
	}
	other := ok
	other.Architecture = "s390x"
	wantCode(t, checkImage(other), CodeInvalid, "s390x", runtime.GOARCH)
	for _, label := range []string{"traefik.enable", "Traefik.HTTP.routers.x.rule", "com.matrx.helper", "com.matrx.project"} {
		baked := ok
		baked.Labels = map[string]string{label: "true"}
		wantCode(t, checkImage(baked), CodeInvalid, label)
	}
}

func TestNamesOfBranchesAreCheckedAsGitDoes(t *testing.T) {
	for _, ok := range []string{"main", "feature/x-1", "v1.2.3", "größe", "a@b", strings.Repeat("a", 40), "HEAD"} {
		if _, err := ParseRef(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "-x", "--upload-pack=x", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[", `a\b`, "/a", "a/", "a//b", ".a", "a/.b",
		"a.lock", "a.lock/b", "a.", "@", "a@{1}", "a\nb", "a\x00b", "a\x7fb", "a\u202eb", "refs/heads/main", strings.Repeat("a", 201)} {
		if _, err := ParseRef(bad); CodeOf(err) != CodeInvalid {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestFoldersOfARepositoryStayInside(t *testing.T) {
	for in, want := range map[string]string{"": ".", ".": ".", "a/b/": "a/b", "./a": "a", "a/../b": "b"} {
		if got, err := ParseFolder(in); err != nil || got != want {
			t.Errorf("%q: got %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{"/a", "..", "../a", "a/../../b", `a\b`, "a\nb", ".git", ".git/config"} {
		if _, err := ParseFolder(bad); CodeOf(err) != CodeInvalid {
			t.Errorf("%q is taken", bad)
		}
	}
}
