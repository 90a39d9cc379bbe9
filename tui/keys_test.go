package tui

import (
	"fmt"
	"strings"
	"testing"

	"charm.land/bubbles/v2/key"
)

func TestNoKeyMeansTwoThingsOnAnyScreen(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		for name, press := range everyScreen() {
			c.press("1")
			c.press(press...)
			seen := map[string]string{}
			all := append(everywhere(), c.app.screen().Keys()...)
			if s, ok := c.app.screen().(serviceScreen); ok && s.Service() != "" {
				all = append(all, onService()...)
			}
			for _, b := range once(all) {
				for _, k := range b.Keys() {
					if other, taken := seen[k]; taken {
						t.Errorf("%s: %s is both %q and %q", name, k, other, b.Help().Desc)
					}
					seen[k] = b.Help().Desc
				}
			}
		}
	})
}

func TestTheHelpShowsEveryKeyThatWorks(t *testing.T) {
	for name, press := range everyScreen() {
		t.Run(name, func(t *testing.T) {
			inConsole(t, full(), func(c *console) {
				c.press(press...)
				all := append(everywhere(), c.app.screen().Keys()...)
				c.size(120, 200)
				c.press("?")
				for _, b := range all {
					c.shows(fmt.Sprintf("%-10s %s", b.Help().Key, b.Help().Desc))
				}
				for _, cmd := range commands() {
					c.shows(":" + cmd.name)
				}
				c.press("?")
				c.hides("Everywhere")
			})
		})
	}
}

func TestEveryKeyOfTheFooterIsShownWithItsMeaning(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.size(200, 30)
		for _, press := range everyScreen() {
			c.press("1")
			c.press(press...)
			for _, b := range c.app.working()[:3] {
				c.shows(b.Help().Key + " " + b.Help().Desc)
			}
		}
	})
}

func TestPlacesHaveTheirDigits(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		for _, p := range placeList() {
			c.press(p.key.Keys()[0])
			if p.name != "home" && !strings.HasPrefix(c.app.screen().Title(), p.key.Help().Desc) {
				t.Errorf("%s leads to %q", p.key.Help().Key, c.app.screen().Title())
			}
		}
		if !key.Matches(pressOf("1"), keys.home) {
			t.Error("1 is not Home")
		}
	})
}
