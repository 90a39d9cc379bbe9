package sshd

import (
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

func TestFromAndExpiryDecideAtTheDoor(t *testing.T) {
	for options, want := range map[string]bool{
		`from="127.0.0.0/8"`: true, `from="10.0.0.0/8"`: false, `from="*,!127.0.0.1"`: false,
		`expiry-time="20200101"`: false, `expiry-time="29990101"`: true, `no-pty`: true,
	} {
		key := sshdtest.Key(t)
		keys, problems := environmentKeys(options+" "+sshdtest.Line(key, "x"), core.RoleViewer)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		r := start(t, sayWho, func(c *Config) { c.Keys = keys })
		client, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("x", key))
		if got := err == nil; got != want {
			t.Errorf("%s: let in %v", options, got)
		}
		if err == nil {
			_ = client.Close()
		}
	}
}
