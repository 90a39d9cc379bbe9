package tui

import (
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

var errAway = core.Errorf(core.CodeUnavailable, "The engine does not answer.")

// looks tests what every screen that loads something has: content, none, an error, and old content with an error.
func looks(t *testing.T, op string, full, empty func() *world, keys ...string) {
	t.Helper()
	at := func(c *console) {
		c.press(keys...)
		c.pass(500 * time.Millisecond)
	}
	t.Run("loaded", func(t *testing.T) {
		inConsole(t, full(), func(c *console) { at(c); c.golden() })
	})
	t.Run("empty", func(t *testing.T) {
		inConsole(t, empty(), func(c *console) { at(c); c.golden() })
	})
	t.Run("error", func(t *testing.T) {
		w := empty()
		w.errs = map[string]error{op: errAway}
		inConsole(t, w, func(c *console) { at(c); c.golden() })
	})
	t.Run("loading", func(t *testing.T) {
		w := empty()
		w.hold = map[string]bool{op: true}
		inConsole(t, w, func(c *console) { at(c); c.hides("cannot be shown") })
	})
	t.Run("stale", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			at(c)
			before := c.text()
			c.world.fail(op, errAway)
			c.press("ctrl+r")
			c.shows("The engine does not answer.")
			if c.text() == before {
				t.Error("nothing says that the content is old")
			}
			c.world.fail(op, nil)
			c.press("ctrl+r")
			c.hides("The engine does not answer.")
		})
	})
}

func TestInfrastructureScreen(t *testing.T) {
	looks(t, "infra.show", full, sampled, "4")
	t.Run("tab walks through the panes and each lists its own", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("4")
			for _, want := range []string{"ship-demo-db", "agent-scout", "ship-demo-net", "ship-demo-data", "ship-demo:1.4.2", "build cache", "demo.dev.codematrx.test"} {
				c.press("tab")
				c.shows(want)
			}
			c.press("shift+tab")
			c.shows("build cache")
		})
	})
	t.Run("prune asks, runs and shows its job", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("4", "P")
			c.shows("Remove dangling images", "600 MiB")
			c.pass(time.Second)
			c.press("y")
			if len(c.world.called("disk.prune")) != 1 {
				t.Error("disk.prune was not called")
			}
			c.shows("j-7", "start the new container")
		})
	})
	t.Run("enter on a database opens its overview", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("4", "tab", "enter")
			c.shows("Infrastructure › ship-demo-db")
		})
	})
}

func TestJobsScreen(t *testing.T) {
	looks(t, "job.list", full, sampled, "5")
	t.Run("looks again while a job runs and no longer", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("5")
			c.pass(3500 * time.Millisecond)
			if n := len(c.world.called("job.list")); n != 4 {
				t.Errorf("listed %d times in 3.5 s, want 4", n)
			}
			c.world.jobs = c.world.jobs[1:]
			c.pass(10 * time.Second)
			if n := len(c.world.called("job.list")); n != 5 {
				t.Errorf("listed %d times although nothing runs any more", n)
			}
		})
	})
	t.Run("a job is followed live, and left", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("5", "enter")
			c.pass(time.Second)
			job := c.world.job
			job.Output, job.Step, job.Progress = []string{"stopping", "\x1b[2Jstarting"}, "wait for its health", 0.8
			c.world.jobLive.emit(job)
			c.pass(time.Second)
			c.shows("80% wait for its health", "stopping", "starting")
			job.State, job.Result = core.JobDone, "It runs."
			c.world.jobLive.emit(job)
			c.pass(time.Second)
			c.shows("● done", "It runs.")
			c.press("esc")
			if n := c.world.jobLive.readers(); n != 0 {
				t.Errorf("%d streams are open after the screen was left", n)
			}
		})
	})
	t.Run("cancel asks with its own words", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("5", "x")
			c.shows("Cancel a job", "Keep it", "begun by ana")
			c.pass(time.Second)
			c.press("y")
			if got := c.world.called("job.cancel"); len(got) != 1 || got[0] != "job.cancel {ID:j-7}" {
				t.Errorf("calls: %q", got)
			}
		})
	})
	t.Run("a job that has ended is not cancelled", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("5", "j", "x")
			c.shows("has ended already")
		})
	})
}

func TestSettingsScreen(t *testing.T) {
	looks(t, "setting.list", full, sampled, "9")
	t.Run("a value is changed after a form and one question", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("9", "enter")
			c.shows("How long collected logs are kept. Empty: the default, 30d.")
			c.press("ctrl+u")
			c.types("7d")
			c.press("enter")
			c.shows("Change a setting", "Sets logs.max-age to 7d at once. It is 14d now.")
			c.pass(time.Second)
			c.press("y")
			if got := c.world.called("setting.set"); len(got) != 1 || got[0] != "setting.set {Name:logs.max-age Value:7d}" {
				t.Errorf("calls: %q", got)
			}
			c.shows("logs.max-age is 7d now.")
		})
	})
}

func TestDiagnoseScreen(t *testing.T) {
	looks(t, "diagnose.run", full, func() *world { w := sampled(); w.checks = ending[core.Check](); return w }, "8")
	t.Run("lists answers as they come, worst first, with the cursor on the worst", func(t *testing.T) {
		w := sampled()
		inConsole(t, w, func(c *console) {
			c.press("8")
			c.shows("Checking …")
			w.checks.emit(core.Check{Area: "engine", Name: "answers", State: core.CheckOK, Found: "3 ms"})
			c.pass(time.Second)
			c.shows("1 answer so far", "● 1 ok")
			w.checks.emit(core.Check{Area: "disk", Name: "has room", State: core.CheckFail, Found: "99% full", Do: "Prune it."})
			c.pass(time.Second)
			c.shows("▌✗ fail", "→ Prune it.")
			c.press("enter")
			c.shows("disk: has room", "what to do")
			c.press("esc", "esc")
			if n := w.checks.readers(); n != 0 {
				t.Errorf("%d streams are open after the screen was left", n)
			}
		})
	})
}

func TestAccessScreen(t *testing.T) {
	looks(t, "access.list", full, sampled, "7")
	t.Run("a person is added with a pasted key", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("7", "a")
			c.types("cy")
			c.press("tab", "right", "tab")
			c.paste("ssh-ed25519 AAAAC3Nz cy@home\n")
			c.press("enter")
			c.shows("Add a person with a key", "as operator")
			c.pass(time.Second)
			c.press("y")
			if got := c.world.called("person.add"); len(got) != 1 || got[0] != "person.add {Name:cy Role:operator Key:ssh-ed25519 AAAAC3Nz cy@home}" {
				t.Errorf("calls: %q", got)
			}
			c.shows("cy may sign in now, as operator.")
		})
	})
	t.Run("a form that is refused stays open and says why", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("7", "a", "tab", "tab", "enter")
			c.shows("✗ A person has a name and a key.")
		})
	})
	t.Run("a person is removed by typing the name", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("7", "j", "x")
			c.pass(time.Second)
			c.types("bo")
			c.press("enter")
			if got := c.world.called("person.remove"); len(got) != 1 || got[0] != "person.remove {Name:bo Confirm:{Confirm:bo}}" {
				t.Errorf("calls: %q", got)
			}
		})
	})
	t.Run("a key is revoked and a session ended", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("7", "tab", "j", "x")
			c.shows("Takes this key of bo away (bo@desk)")
			c.pass(time.Second)
			c.press("y", "tab", "x")
			c.shows("This is your own session")
			c.pass(time.Second)
			c.press("y")
			if len(c.world.called("key.revoke")) != 1 || len(c.world.called("session.end")) != 1 {
				t.Errorf("calls: %q", c.world.calls)
			}
		})
	})
	t.Run("a role is changed", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("7", "j", "o", "tab", "right", "enter")
			c.shows("Makes bo admin")
			c.pass(time.Second)
			c.press("y")
			if got := c.world.called("person.role"); len(got) != 1 || got[0] != "person.role {Name:bo Role:admin}" {
				t.Errorf("calls: %q", got)
			}
		})
	})
	t.Run("a plane that cannot change people says who can", func(t *testing.T) {
		w := full()
		w.access.Writable = "The Server Manager changes people."
		inConsole(t, w, func(c *console) {
			c.press("7", "a")
			c.hides("Add a person")
			c.shows("The Server Manager changes people.")
		})
	})
}

func TestDocsScreen(t *testing.T) {
	looks(t, "doc.list", full, sampled, "0")
	t.Run("a page is drawn, for its width, and sought in", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("0", "j", "enter")
			c.golden()
			c.press("/")
			c.types("search")
			c.press("enter", "n")
			c.shows("No further search on this page.")
		})
	})
	t.Run("the handbook is searched", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("0", "S")
			c.types("gap")
			c.press("enter")
			c.shows("a line with gap", "1 place")
			c.press("enter")
			c.shows("Docs › Logs")
			c.press("esc", "esc", "esc")
			c.hides("1 place")
		})
	})
	t.Run("a page that is not there says so", func(t *testing.T) {
		w := full()
		w.errs = map[string]error{"doc.show": core.Errorf(core.CodeNotFound, "There is no page nothing.")}
		inConsole(t, w, func(c *console) {
			c.command("doc nothing")
			c.shows("There is no page nothing.")
		})
	})
}

func TestMarkdownIsCutWhereAParagraphEnds(t *testing.T) {
	para := string(make([]byte, 0))
	for range 300 {
		para += "A line of a page that is rather long, so that it comes to something in the end.\n\n"
	}
	part, rest := cutMarkdown(para)
	if len(part) > docPart || part+rest != para || rest == "" || part[len(part)-1] == ' ' {
		t.Errorf("cut at %d of %d", len(part), len(para))
	}
}
