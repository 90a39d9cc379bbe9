package core

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// keyText makes a public key's line.
func keyText(t testing.TB, comment string) string {
	t.Helper()
	line, _ := newKeyText(t, comment)
	return line
}

func TestOneBadLineLocksNobodyOut(t *testing.T) {
	first, last := keyText(t, "first"), keyText(t, "the last one")
	third := keyText(t, "third") // good, but for what stands round it
	for name, bad := range map[string]string{
		"words":               "hello there",
		"half a key":          third[:40],
		"not base64":          "ssh-ed25519 AAAA*BBBB x",
		"wrong kind":          "ssh-rsa" + strings.TrimPrefix(third, "ssh-ed25519"),
		"unknown option":      `frobnicate ` + third,
		"option with a value": `permitopen="host:22" ` + third,
		"environment":         `environment="LD_PRELOAD=x" ` + third,
		"authority":           `cert-authority ` + third,
		"open quote":          `from="10.0.0.1 ` + third,
		"unquoted value":      `from=10.0.0.1 ` + third,
		"host name":           `from="*.example.com" ` + third,
		"crooked block":       `from="10.0.0.1/8" ` + third,
		"bad expiry":          `expiry-time="tomorrow" ` + third,
		"only options":        `restrict`,
		"touch waived":        `no-touch-required ` + third,
		"old kind":            "ssh-dss AAAAB3NzaC1kc3MAAACBAO x",
		"binary":              "\x00\x01\x02\xff\xfe",
		"huge":                strings.Repeat("A", 100_000),
		"certificate":         "ssh-ed25519-cert-v01@openssh.com AAAA x",
		"twice":               first,
	} {
		keys, skipped := ParseKeys("# team\n\n" + first + "\n" + bad + "\n" + last + "\r\n")
		if len(keys) != 2 || keys[0].Comment != "first" || keys[1].Comment != "the last one" || keys[1].Line != 5 {
			t.Errorf("%s: keys %+v", name, keys)
		}
		if len(skipped) != 1 || skipped[0].Line != 4 || skipped[0].Reason == "" {
			t.Errorf("%s: skipped %v", name, skipped)
		}
	}
}

func TestOptionsAreTakenOrRefusedOneByOne(t *testing.T) {
	line := keyText(t, "k")
	parse := func(options string) AuthorizedKey {
		t.Helper()
		keys, skipped := ParseKeys(options + " " + line)
		if len(keys) != 1 {
			t.Fatalf("%s: %v", options, skipped)
		}
		return keys[0]
	}
	if k := parse("restrict"); !k.NoPTY {
		t.Error("restrict gives a terminal")
	}
	if k := parse("restrict,pty"); k.NoPTY {
		t.Error("restrict,pty gives none")
	}
	if k := parse("No-Pty,no-port-forwarding,no-X11-forwarding,no-agent-forwarding"); !k.NoPTY {
		t.Error("case counts")
	}
	if k := parse(`command="logs \"a b\", c"`); k.Command != `logs "a b", c` {
		t.Errorf("command %q", k.Command)
	}
	if k := parse(`expiry-time="20300102Z"`); !k.Expires.Equal(time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("expires %s", k.Expires)
	}
	if k := parse(`expiry-time="203001021530"`); !k.Expires.Equal(time.Date(2030, 1, 2, 15, 30, 0, 0, time.Local)) {
		t.Errorf("expires %s", k.Expires)
	}
}

func TestFromIsHonoured(t *testing.T) {
	for _, c := range []struct {
		from, addr string
		want       bool
	}{
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.2", false},
		{"10.0.0.0/8", "10.200.1.1", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"192.168.*.?", "192.168.77.3", true},
		{"192.168.*.?", "192.168.77.33", false},
		{"10.0.0.0/8,!10.6.6.6", "10.6.6.6", false},
		{"!10.6.6.6,10.0.0.0/8", "10.6.6.7", true},
		{"!10.6.6.6", "10.6.6.7", false},
		{"2001:db8::/32", "2001:db8::1", true},
		{"2001:DB8::*", "2001:db8::1", true},
		{"10.0.0.1", "::ffff:10.0.0.1", true},
		{"::ffff:10.0.0.1", "10.0.0.1", true},
	} {
		patterns, err := ParseAddressPatterns(c.from)
		if err != nil {
			t.Fatalf("%s: %v", c.from, err)
		}
		if got := patterns.Match(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("from=%q, address %s: %v", c.from, c.addr, got)
		}
	}
	patterns, _ := ParseAddressPatterns("10.0.0.1")
	if patterns.Match(netip.Addr{}) {
		t.Error("an address that is none matches")
	}
}

func TestAVariableMayHoldItsLinesEscaped(t *testing.T) {
	keys, skipped := ParseKeys(keyText(t, "one") + `\n` + keyText(t, "two"))
	if len(keys) != 2 || len(skipped) > 0 {
		t.Fatalf("%d keys, %v", len(keys), skipped)
	}
}
