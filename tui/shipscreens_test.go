package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

func TestABuildIsFollowedSearchedAndCancelled(t *testing.T) {
	w := full()
	w.ship.lines = newTap(buildLines(40)...)
	inConsole(t, w, func(c *console) {
		c.press("j", "B", "enter")
		c.pass(time.Second)
		c.shows("◐ running", "● following", "Step 40/40")
		c.hides("Step 3/40 ")
		c.press("/")
		c.types("part-2$")
		c.press("enter")
		c.shows("‖ paused", "/part-2$", "▌Step 3/40")
		c.press("n")
		c.shows("No further match in this output.")
		c.world.ship.lines.emit(core.BuildLine{Text: "\x1b[2Jnew line"})
		c.pass(time.Second)
		c.hides("new line")
		c.press("G")
		c.shows("new line", "● following")
		c.press("x")
		c.shows("Stops build b-14", "what runs stays as it is")
		c.pass(time.Second)
		c.press("y")
		if got := c.world.called("job.cancel"); len(got) != 1 || got[0] != "job.cancel {ID:j-8}" {
			t.Errorf("calls: %q", got)
		}
		c.world.ship.builds[0].State = core.BuildCanceled
		c.pass(2 * time.Second)
		c.shows("■ canceled")
		c.press("esc") // the search
		c.press("esc")
		c.shows("STATE        COMMIT")
		if n := c.world.ship.lines.readers(); n != 0 {
			t.Errorf("%d streams are open after the screen was left", n)
		}
	})
}

func TestABuildIsAskedForAndOneThatIsDoneIsDeployed(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "B", "a")
		c.shows("Build an image from the source", "a build deploys nothing")
		c.pass(time.Second)
		c.press("y", "A")
		c.pass(time.Second)
		c.press("y")
		got := c.world.called("build.start")
		if len(got) != 2 || !strings.Contains(got[0], "Fresh:false") || !strings.Contains(got[1], "Fresh:true") {
			t.Errorf("calls: %q", got)
		}
		c.press("j", "j", "D")
		if calls := c.world.called("deployment.plan"); len(calls) != 1 || !strings.Contains(calls[0], "Build:b-12") {
			t.Errorf("calls: %q", calls)
		}
	})
}

func TestTheOutputThatIsHeldIsBounded(t *testing.T) {
	o := newOutput()
	for i := range maxOutputLines + 500 {
		o.add(fmt.Sprint(i))
	}
	if len(o.lines) != maxOutputLines || o.gone != 500 || o.lines[0] != "500" {
		t.Errorf("%d lines are held from %s, %d went", len(o.lines), o.lines[0], o.gone)
	}
	if n := testing.AllocsPerRun(1000, func() { o.add("one more") }); n > 0 {
		t.Errorf("a line that is added to a full output copies the others: %v allocations", n)
	}
	o = newOutput()
	big := strings.Repeat("x", 1<<20)
	for range 20 {
		o.add(big)
	}
	if o.bytes > maxOutputBytes {
		t.Errorf("%d bytes are held", o.bytes)
	}
}

func TestAValueOfTheEnvIsRevealedByItsOwnOperationAndHiddenAgain(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "v")
		c.hides("s3cret")
		c.press("space")
		c.shows("s3cret")
		if got := c.world.called("env.reveal"); len(got) != 1 || got[0] != "env.reveal {ServiceIn:{Service:ship-demo} Names:[DATABASE_URL] Version:4}" {
			t.Errorf("calls: %q", got)
		}
		c.press("c")
		if !strings.Contains(c.copied, "s3cret") {
			t.Errorf("copied %q", c.copied)
		}
		c.press("space")
		c.hides("s3cret")
		c.press("m")
		c.shows("Copied.")
		c.hides("s3cret")
		c.press("esc", "space", "j")
		c.hides("s3cret")
		c.press("k", "space")
		c.shows("s3cret")
		c.pass(revealFor + time.Second)
		c.hides("s3cret")
		c.press("j", "j", "space")
		c.shows("NODE_ENV stands in the definition")
	})
}

func TestAVariableIsChangedAddedAndRemoved(t *testing.T) {
	last := func(c *console) string {
		calls := c.world.called("env.set")
		if len(calls) == 0 {
			return ""
		}
		return calls[len(calls)-1]
	}
	inConsole(t, full(), func(c *console) {
		c.press("j", "v", "enter")
		c.paste("-----BEGIN KEY-----\nabc  \n-----END KEY-----")
		c.shows("The value of DATABASE_URL", "43 bytes in 3 lines")
		c.press("ctrl+s")
		c.shows("Sets DATABASE_URL to what was typed (43 bytes).", "Nothing is restarted")
		c.pass(time.Second)
		c.press("y")
		if got := last(c); !strings.Contains(got, "Set:map[DATABASE_URL:***]") || !strings.Contains(got, "Base:4") {
			t.Errorf("calls: %q", got)
		}
		c.press("a")
		c.types("2BAD")
		c.press("enter")
		c.shows("does not begin with a digit")
		c.press("ctrl+u")
		c.types("NEW")
		c.press("enter")
		c.types("x")
		c.press("ctrl+s")
		c.shows("Adds NEW")
		c.pass(time.Second)
		c.press("y")
		if got := last(c); !strings.Contains(got, "Set:map[NEW:***]") {
			t.Errorf("calls: %q", got)
		}
		c.press("j", "x")
		c.shows("Removes SESSION_SECRET from the env.")
		c.pass(time.Second)
		c.press("y")
		if got := last(c); !strings.Contains(got, "Remove:[SESSION_SECRET]") {
			t.Errorf("calls: %q", got)
		}
	})
}

func TestAValueIsTakenExactlyAsItWasPasted(t *testing.T) {
	var taken string
	a := newTextArea(&env{}, "", "", false, nil)
	for _, text := range []string{"  a\tb  \r\nsecond\r", "\x1b[31m"} {
		a.insert(text)
	}
	taken = a.text()
	if taken != "  a\tb  \nsecond\n[31m" {
		t.Errorf("taken: %q", taken)
	}
	a.insert(strings.Repeat("x", maxArea))
	if a.text() != taken || a.wrong == "" {
		t.Error("more than the bound was taken, or nothing was said")
	}
}

func TestADotEnvFileIsPastedWithItsValuesHidden(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "v", "p")
		c.paste("# comment\nexport A=hidden1\nB=\"two\nhidden2\"\n\nA=again\n")
		c.shows("A=••••••••", "B=••••••••", "# comment", "2 variables in 7 lines")
		c.hides("hidden1", "hidden2", "again")
		c.press("ctrl+s")
		c.shows("Sets 2 variables: A, B.", "stay as they are")
		c.pass(time.Second)
		c.press("y")
		if got := c.world.called("env.set"); len(got) != 1 || !strings.Contains(got[0], "Paste:***") {
			t.Errorf("calls: %q", got)
		}
		c.press("p")
		c.paste("nothing to set")
		c.press("ctrl+s")
		c.shows("There is no line NAME=value in it.")
	})
}

func TestAnOlderVersionOfTheEnvIsMadeTheNewest(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "v", "tab", "enter")
		c.shows("That is the newest version already.")
		c.press("j", "u")
		c.shows("equal to v3", "Nothing is restarted")
		c.pass(time.Second)
		c.press("y")
		if got := c.world.called("env.undo"); len(got) != 1 || got[0] != "env.undo {ServiceIn:{Service:ship-demo} Version:3}" {
			t.Errorf("calls: %q", got)
		}
	})
}

func TestRoutingSetsSideBySideWhatIsAskedForAndWhatIs(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "j", "j", "j", "j", "o") // from the Deploy Server
		c.shows("▌● deploy-server", "our file says http://deploy-server:3000")
		c.press("j")
		c.shows("▌· dashboard@internal", "PathPrefix(`/dashboard`)")
		c.press("k", "enter")
		c.shows("Routing › deploy-server")
	})
}

func TestRoutingFollowsWhileItIsOpenAndOpensABrokenStreamAgain(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "j", "j", "j", "j", "o")
		c.shows("our file says http://deploy-server:3000")
		next := routedOnes()
		for i := range next.Routes {
			next.Routes[i].Switch = "http://deploy-server-0123abcd:3000"
		}
		c.world.ship.routing.emit(next)
		c.pass(time.Second)
		c.shows("▌● deploy-server", "our file says http://deploy-server-0123abcd:3000")
		if n := len(c.world.called("route.watch")); n != 1 {
			t.Errorf("%d streams were opened", n)
		}
		c.press("esc")
		if n := c.world.ship.routing.readers(); n != 0 {
			t.Errorf("%d streams are open after the screen was left", n)
		}
	})
	w := full()
	w.errs = map[string]error{"route.watch": core.Errorf(core.CodeUnavailable, "Not now.")}
	inConsole(t, w, func(c *console) {
		c.press("j", "o")
		c.shows("Not now.")
		c.world.fail("route.watch", nil)
		c.pass(2 * routingRetry)
		c.shows("our file says")
	})
}

func TestDeploymentsAreFilteredByServiceStateAndWho(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("H", "f")
		c.types("ship-demo")
		c.press("tab", "right", "right", "tab")
		c.types("ana")
		c.press("enter")
		calls := c.world.called("deployment.list")
		if got := calls[len(calls)-1]; got != "deployment.list {Service:ship-demo State:done By:ana Limit:200}" {
			t.Errorf("the query is %s", got)
		}
		c.shows("only of ship-demo · done · by ana")
		c.hides("pgadmin")
		c.press("f", "ctrl+u")
		c.types("nope")
		c.press("enter", "enter", "enter")
		c.shows("There is no service nope.")
		c.press("esc")
		c.command("history pgadmin")
		c.shows("Deployments of pgadmin", "2/60")
	})
}

func TestATestAlertIsSentAndWithoutAddressesRefused(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("!", "t")
		c.shows("2 addresses: smtp, slack")
		c.pass(time.Second)
		c.press("y")
		if got := c.world.called("alert.test"); len(got) != 1 {
			t.Errorf("calls: %q", got)
		}
		c.world.ship.alerts.Targets = nil
		c.press("ctrl+r", "t")
		c.shows("Alerts are sent to nobody", "set MATRX_ALERT_URLS")
	})
}

// asViewer runs a test with a console of somebody who may only look.
func asViewer(t *testing.T, test func(*console)) {
	inConsole(t, full(), func(c *console) {
		c.app.actor.Role = core.RoleViewer
		test(c)
	})
}

func TestAViewerIsNotOfferedWhatHeMayNotDoAndIsToldWhy(t *testing.T) {
	asViewer(t, func(c *console) {
		c.size(200, 60)
		c.hides("r restart", "s shell")
		c.shows("l logs", "D deploy")
		c.press("?")
		c.shows("restart, needs operator", "shell, needs operator")
		c.press("esc", "r")
		c.shows("service.restart needs the role operator; ana is viewer.")
		c.press("j", "s")
		c.shows("shell.open needs the role operator; ana is viewer.")
		c.press("D", "enter")
		c.shows("deployment.start needs the role operator; ana is viewer.")
		c.press("v", "space")
		c.shows("env.reveal needs the role operator; ana is viewer.")
		c.press("p")
		c.shows("env.set needs the role operator; ana is viewer.")
		c.hides("Paste a .env file")
		for _, op := range []string{"service.restart", "shell.open", "deployment.start", "env.reveal", "env.set"} {
			if got := c.world.called(op); len(got) != 0 {
				t.Errorf("%s was asked for all the same", op)
			}
		}
	})
}

func TestNobodyFillsInAFormToBeRefusedAtItsEnd(t *testing.T) {
	asViewer(t, func(c *console) {
		for _, form := range []struct {
			keys  []string
			op    string
			title string
		}{
			{[]string{"7", "a"}, "person.add", "Add a person"}, {[]string{"7", "A"}, "key.add", "Add a key"}, {[]string{"7", "o"}, "person.role", "person  "},
			{[]string{"9", "e"}, "setting.set", "Empty: the default"}, {[]string{"3", "enter"}, "shell.open", "Shell in"},
		} {
			c.press(form.keys...)
			c.shows(form.op + " needs the role ")
			c.hides(form.title)
		}
	})
}

func TestAnOperatorIsOfferedWhatHisRoleMayDo(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.app.actor.Role = core.RoleOperator
		c.size(200, 60)
		c.press("j", "v")
		c.shows("Env of ship-demo", "e change")
		c.press("9")
		c.hides("e change")
	})
}

func TestHomeStartsWhatDoesNotRun(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.shows("S start")
		c.press("S")
		c.shows("Start a service", "Cancel")
		c.pass(time.Second)
		c.press("y")
		if got := c.world.called("service.start"); len(got) != 1 {
			t.Errorf("calls: %q", got)
		}
	})
}

func TestAShellSaysAtOnceThatItOpens(t *testing.T) {
	w := full()
	inConsole(t, w, func(c *console) {
		c.press("j")
		c.app.shell = func(core.OpenShellIn) tea.Cmd { return nil }
		c.press("s")
		c.shows("Opening a shell in ship-demo …")
	})
}

func TestLogsInsideLogsDoNotStack(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "l")
		c.command("logs traefik")
		c.shows("traefik · ● following")
		if n := len(c.app.stack); n != 2 {
			t.Errorf("%d screens are kept", n)
		}
		if n := c.world.lines.readers(); n != 1 {
			t.Errorf("%d streams are open", n)
		}
	})
}

func TestABeginningOfACommandCompletesItsArguments(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press(":")
		c.types("log tr")
		c.press("tab")
		if got := c.app.prompt.in.value(); got != "logs traefik" {
			t.Errorf("completed to %q", got)
		}
	})
}

func TestTheWayBackLooksAgain(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "B", "enter", "esc")
		if n := len(c.world.called("build.list")); n < 3 {
			t.Errorf("the builds were asked for %d times", n)
		}
	})
}

func TestAServiceWithoutADefinitionSaysHowItIsTakenOver(t *testing.T) {
	w := full()
	none := core.Errorf(core.CodeNotFound, "ship-demo has no definition.")
	w.errs = map[string]error{"change.list": none, "deployment.plan": none}
	inConsole(t, w, func(c *console) {
		c.press("j", "C")
		c.shows("◇ ship-demo is not managed yet", "has no definition", ":adopt ship-demo takes it over")
		c.press("D")
		c.shows("◇ ship-demo is not managed yet")
		c.command("adopt ship-demo")
		c.shows("Take over what runs", "Nothing is restarted.")
		c.pass(time.Second)
		c.press("y")
		if got := c.world.called("adopt.start"); len(got) != 1 || got[0] != "adopt.start {Services:[ship-demo]}" {
			t.Errorf("calls: %q", got)
		}
		c.shows("ship-demo is taken over; it was not restarted.")
	})
}
