package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/codematrx/matrx-ship/core"
)

// everyScreen is the keys that lead to each screen of the console, from Home.
func everyScreen() map[string][]string {
	return map[string][]string{
		"home": {"1"}, "overview": {"1", "d"}, "logs": {"1", "l"}, "terminal": {"3"}, "replay": {"3", "tab", "enter"}, "infra": {"4"}, "jobs": {"5"},
		"job": {"5", "enter"}, "audit": {"6"}, "access": {"7"}, "keys": {"7", "tab"}, "sessions": {"7", "tab", "tab"}, "diagnose": {"8"}, "settings": {"9"},
		"docs": {"0"}, "page": {"0", "enter"}, "deployments": {"H"}, "deployment": {"H", "enter"}, "instances": {"I"}, "alerts": {"!"}, "deploy": {"j", "D"},
		"rollback": {"j", "R"}, "changes": {"j", "C"}, "builds": {"j", "B"}, "build": {"j", "B", "enter"}, "env": {"j", "v"}, "versions": {"j", "v", "tab"}, "routing": {"j", "o"}, "removal": {"j", "d", "ctrl+k"}, "search": {":", "s", "e", "a", "r", "c", "h", "space", "x", "enter"},
	}
}

// everyOverlay is the keys that open each overlay on Home.
func everyOverlay() map[string][]string {
	return map[string][]string{
		"help": {"?"}, "palette": {"ctrl+p"}, "messages": {"m"}, "confirm": {"r"}, "destroy": {"d", "ctrl+x"}, "command": {":"}, "filter": {"/"},
		"form": {"9", "e"}, "paste": {"j", "v", "p"}, "value": {"j", "v", "e"}, "filters": {"H", "f"}, "begin": {"j", "D", "enter"}, "alert": {"!", "enter"}, "sheet": {"6", "enter"}, "span": {"l", "T"},
	}
}

func TestNoSizeBreaksTheFrame(t *testing.T) {
	sizes := [][2]int{{1, 1}, {5, 2}, {20, 5}, {59, 15}, {60, 14}, {60, 15}, {61, 17}, {80, 24}, {100, 30}, {120, 40}, {200, 60}, {500, 200}, {500, 15}, {60, 200}}
	for name, keys := range merged(everyScreen(), everyOverlay()) {
		t.Run(name, func(t *testing.T) {
			inConsole(t, full(), func(c *console) {
				c.press(keys...)
				for _, size := range sizes {
					c.size(size[0], size[1])
					c.holds(size[0], size[1])
				}
				c.size(0, 0)
				c.holds(80, 24)
				c.size(3000, 2000)
				c.holds(500, 200)
			})
		})
	}
}

func merged(maps ...map[string][]string) map[string][]string {
	all := map[string][]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

func TestASmallTerminalIsToldWhatIsNeeded(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		c.size(59, 14)
		c.shows("terminal too small (59x14), needs 60x15")
		c.size(60, 15)
		c.shows("ship-demo-db is down")
	})
}

func TestTextFromOutsideCannotBreakTheFrame(t *testing.T) {
	for kind, evil := range hostile() {
		t.Run(kind, func(t *testing.T) {
			inConsole(t, evilWorld(evil), func(c *console) {
				for _, keys := range merged(everyScreen(), everyOverlay()) {
					c.press("esc", "esc", "esc", "1")
					c.press(keys...)
					c.pass(100 * time.Millisecond)
					for _, size := range [][2]int{{60, 15}, {80, 24}, {161, 50}} {
						c.size(size[0], size[1])
						c.holds(size[0], size[1])
						for i, line := range c.app.draw() {
							if !isClean(line) {
								t.Fatalf("after %q line %d holds more than text and colours: %q", keys, i, line)
							}
						}
					}
				}
			})
		})
	}
}

// hostile is text that would break a frame that trusted it.
func hostile() map[string]string {
	return map[string]string{
		"escape": "\x1b[2J\x1b[H\x1b]0;owned\x07\x1b[31mred\x1b]8;;http://evil\x1b\\link", "bidi": "a\u202egnp.exe\u2066b\u2069", "wide": strings.Repeat("漢字", 40),
		"emoji": "👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3 🇩🇪", "lines": "one\ntwo\r\nthree\tfour\x00\x08\x7f", "long": strings.Repeat("x", 5000),
		"combining": "e" + strings.Repeat("\u0301", 50), "broken": "\xff\xfe\xc3(", "c1": "\u009b2J\u009d0;x\u009c",
	}
}

// evilWorld is the full world with a text wherever one comes from outside.
func evilWorld(evil string) *world {
	w, snap := full(), sample()
	s := &snap.Services[0]
	s.Name, s.Image, s.Health.Detail, s.Route, s.State, s.Instance = "a"+evil, evil, evil, evil, evil, evil
	s.Kind, s.Home, s.Networks, s.Health.Probe = core.Kind(evil), evil, []string{evil}, evil
	s.Health.Image = &core.ImageHealth{Status: evil, Last: evil}
	snap.Faults[0].What, snap.Faults[0].Do, snap.Faults[0].Service = evil, evil, s.Name
	snap.Engine.Problem = evil
	w.snaps = newTap(snap)
	d := w.detail.Detail
	d.Command, d.User, d.Error, d.EnvNames, d.RestartPolicy = []string{evil}, evil, evil, []string{evil, evil}, evil
	d.Networks, d.Mounts = []core.Attachment{{Network: evil, Aliases: []string{evil}}}, []core.Mount{{Type: evil, Name: evil, Source: evil, Target: evil}}
	for i := range w.jobs {
		j := &w.jobs[i]
		j.ID, j.Kind, j.Target, j.Step, j.Result, j.By.Name, j.Output = evil+fmt.Sprint(i), evil, evil, evil, evil, evil, []string{evil}
	}
	for i := range w.audit {
		e := &w.audit[i]
		e.Op, e.Target, e.Message, e.Outcome, e.Actor.Name, e.Actor.Client, e.Actor.Door = evil, evil, evil, evil, evil, evil, core.Door(evil)
	}
	w.access.People[0].Name, w.access.Keys[0].Comment, w.access.Keys[0].Person, w.access.Warnings = evil, evil, evil, []string{evil}
	w.access.Sessions[0].What, w.access.Sessions[0].Actor.Client, w.access.Sessions[0].Actor.Address = evil, evil, evil
	w.settings[0] = core.Setting{Name: evil, Value: evil, Default: evil, Summary: evil}
	w.docs[0].Title, w.recordings[0].Service, w.recordings[0].By.Name = evil, evil, evil
	w.checks = ending(core.Check{Area: evil, Name: evil, State: evil, Found: evil, Do: evil})
	w.lines = newTap(core.LogLine{At: epoch, Service: evil, Text: evil}, core.LogLine{At: epoch, Gap: &core.LogGap{Reason: evil}}, core.LogLine{At: epoch, Text: `{"` + "k" + `":"v"}`})
	w.hits = ending(core.LogHit{Line: &core.LogLine{At: epoch, Service: evil, Text: "x" + evil}})
	w.cast = []core.CastEvent{{Kind: "o", Data: evil + "\x1b]8;;http://evil\x1b\\x\x1b[6n\x1b[c"}}
	w.infra.Networks[0].Name, w.infra.Routes[0].Hosts, w.infra.Routes[0].Errors, w.infra.Problems = evil, []string{evil}, []string{evil}, []string{evil}
	w.ship = evilShip(w.ship, evil)
	return w
}

func TestTheHeaderSaysWhenTheEngineIsDownAndHowOldTheStateIs(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		c.shows("● engine up", "✗ 3 faults", "00:00:00 UTC", "ana (admin)")
		down := sample()
		down.Engine.Up, down.Engine.Problem = false, "The engine has not answered for 5 s."
		c.world.snaps.emit(down)
		c.pass(30 * time.Second)
		c.shows("✗ engine down, state 30s old", "Shown is the state of 00:00:00 UTC, 30s old. The engine has not")
		c.golden()
		c.world.snaps.emit(sample())
		c.pass(time.Second)
		c.shows("● engine up")
		c.hides("Shown is the state")
	})
}

func TestAStreamOfStatesThatBreaksIsOpenedAgain(t *testing.T) {
	w := sampled()
	w.errs = map[string]error{"service.watch": core.Errorf(core.CodeForbidden, "Nobody is signed in.")}
	inConsole(t, w, func(c *console) {
		c.shows("✗ no state", "Nobody is signed in.")
		w.fail("service.watch", nil)
		c.pass(1500 * time.Millisecond)
		c.shows("● engine up", "ship-demo-db")
	})
}

func TestTheClockRunsInUTC(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		c.pass(61 * time.Second)
		c.shows("00:01:01 UTC")
	})
}

func TestTheDeployServerOpensOnTheManager(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := openConsole(t, full(), core.DeployCharter())
		c.shows("Deploy Server", "Home › matrx-manager", "kind        manager")
		c.press("esc")
		c.shows("SERVICE", "ship-demo-db")
		c.press("esc", "esc")
		c.shows("SERVICE")
	})
}

func TestOneServiceStaysSelectedWhenTheScreenChanges(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "j", "j", "6")
		c.shows("selected traefik")
		c.press("2")
		c.shows("traefik · ● following")
		c.press("3")
		c.shows("▌● traefik")
	})
}

func TestEscAndQLeaveScreensAndQLeavesTheConsole(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("d", "l")
		c.shows("Home › ship-demo-db › Logs")
		c.press("q")
		c.shows("Home › ship-demo-db")
		c.press("esc", "esc", "esc")
		if c.quit {
			t.Fatal("esc left the console")
		}
		c.press("q")
		if !c.quit {
			t.Error("q did not leave the console")
		}
	})
}

func TestCtrlCQuitsFromEverywhere(t *testing.T) {
	for name, keys := range merged(everyScreen(), everyOverlay()) {
		t.Run(name, func(t *testing.T) {
			inConsole(t, full(), func(c *console) {
				c.press(keys...)
				c.press("ctrl+c")
				if !c.quit {
					t.Error("ctrl+c did not quit")
				}
			})
		})
	}
}

func TestLeavingScreensLeavesNoStreamBehind(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		for range 3 {
			for _, keys := range everyScreen() {
				c.press("1")
				c.press(keys...)
			}
		}
		c.press("1")
		w := c.world
		if n := w.lines.readers() + w.auditLive.readers() + w.jobLive.readers() + w.checks.readers() + w.hits.readers(); n != 0 {
			t.Errorf("%d streams are open on Home", n)
		}
		if n := w.snaps.readers(); n != 1 {
			t.Errorf("the state is followed %d times", n)
		}
		c.app.Close()
		if n := w.snaps.readers(); n != 0 {
			t.Error("Close left the stream of states open")
		}
	})
}

func TestTheStackOfScreensIsBounded(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		for range 50 {
			c.command("describe ship-demo")
			c.command("describe traefik")
			c.command("logs traefik")
		}
		if n := len(c.app.stack); n > maxStack {
			t.Errorf("%d screens are kept", n)
		}
		if n := c.world.lines.readers(); n > maxStack {
			t.Errorf("%d streams are open", n)
		}
	})
}

func TestThemesChangeTheLookAndKeepTheText(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		before, coloured := c.text(), strings.Join(c.app.lines(), "\n")
		for _, theme := range []string{ThemeLight, ThemeContrast, ThemeMono} {
			c.command("theme " + theme)
			c.pass(10 * time.Second)
			c.send(tea.KeyPressMsg{Code: tea.KeyUp})
			if strings.Join(c.app.lines(), "\n") == coloured {
				t.Errorf("%s looks like dark", theme)
			}
			if theme == ThemeMono && strings.Contains(strings.Join(c.app.lines(), ""), "[38;") {
				t.Error("mono has colours")
			}
		}
		c.command("theme nothing")
		c.shows("There is no theme nothing")
		_ = before
	})
}

func TestOnlyATerminalWithColoursIsAskedForMore(t *testing.T) {
	for profile, asked := range map[colorprofile.Profile]bool{
		colorprofile.ANSI: true, colorprofile.ANSI256: true, colorprofile.TrueColor: false, colorprofile.ASCII: false, colorprofile.NoTTY: false,
	} {
		if got := upgrade(profile) != nil; got != asked {
			t.Errorf("%s: asked %t, want %t", profile, got, asked)
		}
	}
}

func TestTheThemeFollowsTheTerminalsBackground(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		c.command("theme auto")
		c.send(tea.BackgroundColorMsg{Color: hex("#ffffff")})
		if c.app.st.theme != ThemeLight {
			t.Errorf("on white the theme is %s", c.app.st.theme)
		}
		c.send(tea.BackgroundColorMsg{Color: hex("#000000")})
		if c.app.st.theme != ThemeDark {
			t.Errorf("on black the theme is %s", c.app.st.theme)
		}
	})
}

func TestMessagesAreKeptAndBounded(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		c.press("m")
		c.shows("Nothing has been said yet.")
		c.press("esc")
		for range maxNotices + 50 {
			c.app.say(noticeInfo, "one of many")
		}
		c.app.say(noticeError, "the last one")
		if len(c.app.notices) != maxNotices {
			t.Errorf("%d messages are kept", len(c.app.notices))
		}
		c.press("m")
		c.shows("the last one", "one of many")
		c.press("esc")
		c.pass(20 * time.Second)
		c.hides("the last one")
	})
}

func TestTheMouseIsOffUntilAskedFor(t *testing.T) {
	inConsole(t, sampled(), func(c *console) {
		if c.app.View().MouseMode != tea.MouseModeNone {
			t.Error("the mouse is on from the start")
		}
		c.press("M")
		if c.app.View().MouseMode == tea.MouseModeNone {
			t.Error("M did not turn the mouse on")
		}
		c.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
		c.shows("▌✗ ship-demo ")
		c.command("mouse")
		if c.app.View().MouseMode != tea.MouseModeNone {
			t.Error(":mouse did not turn it off")
		}
	})
}

func TestCopyPutsTheSelectionIntoTheClipboard(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("c")
		if c.copied != "ship-demo-db" {
			t.Errorf("copied %q", c.copied)
		}
		c.shows("Copied: ship-demo-db")
	})
}

func TestTheWayHereIsShortenedInTheMiddle(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.size(60, 20)
		for range 4 {
			c.command("describe ship-demo")
			c.command("describe traefik")
			c.holds(60, 20)
		}
		c.shows(" Home › … › ship-demo › traefik › ship-demo › traefik")
	})
}

// careless is a screen that draws what comes from outside as it comes.
type careless struct {
	scope
	text string
}

func (c *careless) Title() string          { return "careless" }
func (c *careless) Init() tea.Cmd          { return nil }
func (c *careless) Update(tea.Msg) tea.Cmd { return nil }
func (c *careless) View(int, int) string   { return c.st.bad.draw(c.text) }
func (c *careless) Keys() []key.Binding    { return nil }

func TestAScreenThatForgetsToMakeTextSafeIsStoppedByTheFrame(t *testing.T) {
	for kind, evil := range hostile() {
		inConsole(t, full(), func(c *console) {
			c.app.push(func(s scope) Screen { return &careless{s, evil} })
			c.holds(80, 24)
			for i, line := range c.app.lines() {
				if !isClean(line) {
					t.Fatalf("%s: line %d is %q", kind, i, line)
				}
			}
		})
	}
}

func TestCopyOfSeveralLinesKeepsThemApart(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("5", "enter")
		c.pass(time.Second)
		job := c.world.job
		job.Output = []string{"one", "\x1b[2Jtwo", "three"}
		c.world.jobLive.emit(job)
		c.pass(time.Second)
		c.press("c")
		if lines := strings.Split(c.copied, "\n"); len(lines) != 3 || lines[0] != "one" || strings.Contains(c.copied, "\x1b") {
			t.Errorf("copied %q", c.copied)
		}
	})
}
