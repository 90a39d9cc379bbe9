package tui

import (
	"strings"
	"testing"
	"time"
)

func TestTheCommandLineRunsWhatTheKeysRun(t *testing.T) {
	for line, want := range map[string]string{
		"logs ship-demo": "ship-demo · ● following", "logs ship-demo traefik": "ship-demo + traefik", "describe traefik": "Home › traefik",
		"restart ship-demo": "Restart a service", "start ship-demo-db": "Start a service", "stop postgres": "Stop a service", "recreate pgadmin": "Recreate a service's container",
		"remove pgadmin": "Type the name to confirm", "restart": "Restart a service", "infra": "Routes", "jobs": "STEP OR RESULT", "theme light": "Theme: light",
		"doc logs": "Every line is collected.", "messages": "Nothing has been said", "help": "On ship-demo-db", "search oom": "/oom", "nothing": "There is no command nothing",
		"deploy ship-demo": "What changes", "rollback ship-demo": "Going back to", "changes ship-demo": "KIND", "builds ship-demo": "npm ci: exit 1",
		"env ship-demo": "DATABASE_URL", "routes ship-demo": "▌✗ ship-demo", "routes": "Routing", "history pgadmin": "Deployments of pgadmin", "deployments": "FROM → TO",
		"instances": "LAST DEPLOYMENT", "alerts": "sent to smtp", "aud": "Home › Audit", "": "SERVICE",
	} {
		t.Run(line, func(t *testing.T) {
			inConsole(t, full(), func(c *console) {
				c.command(line)
				c.pass(200 * time.Millisecond)
				c.shows(want)
			})
		})
	}
}

func TestQuitHasItsUsualNames(t *testing.T) {
	for _, line := range []string{"q", "q!", "quit", "exit"} {
		inConsole(t, full(), func(c *console) {
			c.command(line)
			if !c.quit {
				t.Errorf(":%s did not quit", line)
			}
		})
	}
}

func TestTabCompletesCommandsAndTheirArguments(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press(":")
		c.types("rest")
		c.press("tab")
		if got := c.app.prompt.in.value(); got != "restart" {
			t.Fatalf("completed to %q", got)
		}
		c.types(" ship")
		c.shows("restart ship-demo-db   restart ship-demo")
		c.press("tab", "tab")
		if got := c.app.prompt.in.value(); got != "restart ship-demo" {
			t.Fatalf("completed to %q", got)
		}
		c.press("shift+tab")
		if got := c.app.prompt.in.value(); got != "restart ship-demo-db" {
			t.Fatalf("went back to %q", got)
		}
		c.press("ctrl+u")
		c.types("logs traefik ship-demo-")
		c.press("tab")
		if got := c.app.prompt.in.value(); got != "logs traefik ship-demo-db" {
			t.Fatalf("the second name was completed to %q", got)
		}
		c.press("esc")
		if c.app.prompt != nil {
			t.Error("esc did not leave the line")
		}
	})
}

func TestTheLineIsEditedAsUsual(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press(":")
		c.types("logs shop")
		c.press("left", "backspace", "backspace")
		c.types("hi")
		c.press("end", "home", "delete", "ctrl+e", "ctrl+w")
		c.paste("a\nb\x1b[2J")
		if got := c.app.prompt.in.value(); got != "ogs a b[2J" {
			t.Errorf("the line is %q", got)
		}
		c.press("ctrl+a", "ctrl+k", "backspace")
		if c.app.prompt != nil {
			t.Error("backspace on an empty line did not leave it")
		}
	})
}

func TestALineHasABound(t *testing.T) {
	in := newInput("")
	in.insert(strings.Repeat("x", 3*maxInput))
	if len(in.text) != maxInput {
		t.Errorf("%d characters were taken", len(in.text))
	}
}

func TestThePaletteFindsEverythingByAFewLetters(t *testing.T) {
	for typed, want := range map[string]string{
		"infra": "Routes", "restart": "Restart a service", "logs trae": "traefik · ● following", "agent": "Home › agent-scout", "theme lig": "Theme: light", "acc": "1 session",
		"deploy ship": "What changes", "rollback ship": "Going back to", "routes": "Routing", "instances": "LAST DEPLOYMENT",
	} {
		t.Run(typed, func(t *testing.T) {
			inConsole(t, full(), func(c *console) {
				c.press("ctrl+p")
				c.types(typed)
				c.press("enter")
				c.shows(want)
				c.hides("Palette")
			})
		})
	}
}

func TestThePaletteSaysWhenNothingIsCalledThat(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("ctrl+p")
		c.types("zzzz")
		c.shows("Nothing is called that.")
		c.press("enter")
		c.shows("Palette")
		c.press("esc")
		c.hides("Palette")
	})
}

func TestLettersInARunAndAtTheBeginningOfWordsScoreMore(t *testing.T) {
	better := func(sought, a, b string) {
		t.Helper()
		x, okA := fuzzy(sought, a)
		y, okB := fuzzy(sought, b)
		if !okA || !okB || x <= y {
			t.Errorf("%q: %q scores %d (%t), %q %d (%t)", sought, a, x, okA, b, y, okB)
		}
	}
	better("log", "Logs", "long organ")
	better("sd", "ship-demo", "absurd")
	better("demo", "ship-demo", "ship-demo-db")
	if _, ok := fuzzy("xyz", "ship-demo"); ok {
		t.Error("letters that are not there were found")
	}
}
