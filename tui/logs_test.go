package tui

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestLogsScreen(t *testing.T) {
	t.Run("loaded", func(t *testing.T) {
		inConsole(t, full(), func(c *console) { c.press("j", "l"); c.pass(time.Second); c.golden() })
	})
	t.Run("empty", func(t *testing.T) {
		inConsole(t, sampled(), func(c *console) { c.press("j", "l"); c.pass(time.Second); c.golden() })
	})
	t.Run("error", func(t *testing.T) {
		w := sampled()
		w.errs = map[string]error{"log.follow": errAway}
		inConsole(t, w, func(c *console) { c.press("j", "l"); c.pass(time.Second); c.golden() })
	})
	t.Run("merged and expanded", func(t *testing.T) {
		w := full()
		lines := logLines("ship-demo", 6)
		for i := range lines {
			if i%2 == 1 {
				lines[i].Service = "traefik"
			}
		}
		lines[4] = core.LogLine{At: epoch, Service: "ship-demo", Level: core.LevelError, Text: `{"msg":"refused","db":{"host":"x","port":5432},"n":12345678901234567890}`}
		w.lines = newTap(lines...)
		inConsole(t, w, func(c *console) {
			c.command("logs ship-demo traefik")
			c.press("k", "enter")
			c.golden()
			c.press("enter")
			c.hides("12345678901234567890 ")
		})
	})
}

// inLogs opens the log of ship-demo.
func inLogs(t *testing.T, w *world, test func(*console)) {
	t.Helper()
	inConsole(t, w, func(c *console) {
		c.press("j", "l")
		c.pass(time.Second)
		test(c)
	})
}

func TestALogFollowsUntilTheOperatorReadsAndAgainWhenHeSays(t *testing.T) {
	inLogs(t, full(), func(c *console) {
		more := func(text string) {
			c.world.lines.emit(core.LogLine{At: epoch, Service: "ship-demo", Text: text})
			c.pass(time.Second)
		}
		more("new line one")
		c.shows("▌00:00:00.000   new line one")
		c.press("k", "k")
		more("new line two")
		c.shows("‖ paused 1 new, G follows")
		c.hides("new line two")
		c.press("G")
		c.shows("● following", "new line two")
		c.press("space")
		more("new line three")
		c.hides("new line three")
		c.press("space")
		c.shows("new line three")
	})
}

func TestLeavingALogEndsItsStream(t *testing.T) {
	inLogs(t, full(), func(c *console) {
		if n := c.world.lines.readers(); n != 1 {
			t.Fatalf("%d streams are open", n)
		}
		c.press("esc")
		if n := c.world.lines.readers(); n != 0 {
			t.Errorf("%d streams are open after the screen was left", n)
		}
	})
}

func TestFiltersGoIntoTheQuery(t *testing.T) {
	inLogs(t, full(), func(c *console) {
		c.press("/")
		c.types("refused|slow")
		c.press("enter", "i", "L", "L")
		c.shows("level ≥ warn", "not /refused|slow")
		calls := c.world.called("log.follow")
		last := calls[len(calls)-1]
		for _, want := range []string{"Services:[ship-demo]", "Tail:1000", "Match:refused|slow", "Invert:true", "MinLevel:warn"} {
			if !strings.Contains(last, want) {
				t.Errorf("the query %s lacks %s", last, want)
			}
		}
		c.press("esc")
		c.hides("/refused")
		c.shows("level ≥ warn")
	})
}

func TestAPatternThatIsNoneIsRefusedAndNothingChanges(t *testing.T) {
	inLogs(t, full(), func(c *console) {
		n := len(c.world.called("log.follow"))
		c.press("/")
		c.types("(open")
		c.press("enter")
		c.shows("That is not a regular expression")
		if len(c.world.called("log.follow")) != n {
			t.Error("the log was opened again")
		}
	})
}

func TestMatchesAreJumpedToAmongAllLines(t *testing.T) {
	inLogs(t, full(), func(c *console) {
		c.press("/")
		c.types("refused")
		c.press("enter", "x")
		c.shows("/refused highlighted", "request 58")
		c.press("k", "N")
		c.shows("▌23:59:49.000 E")
		c.press("N")
		c.shows("▌23:59:39.000 E")
		c.press("n", "n")
		c.shows("▌23:59:59.000 E")
		c.press("n")
		c.shows("No further match among the lines held here.")
	})
}

func TestTimeSpansGoIntoTheQuery(t *testing.T) {
	inLogs(t, full(), func(c *console) {
		c.press("T")
		c.types("1 hour")
		c.press("enter")
		c.shows("since 1 hour ago")
		calls := c.world.called("log.follow")
		if last := calls[len(calls)-1]; !strings.Contains(last, "Tail:0") || !strings.Contains(last, "Since:1999-12-31 23:00:01") {
			t.Errorf("the query is %s", last)
		}
		c.press("T")
		c.types("from")
		c.press("enter")
		c.types("2h")
		c.press("tab")
		c.types("1999-12-31 23:30")
		c.press("enter")
		c.shows("◐ reading", "from 1999-12-31 22:00:01 to")
		if calls := c.world.called("log.read"); len(calls) != 1 || !strings.Contains(calls[0], "Until:1999-12-31 23:30:00") {
			t.Errorf("a span with an end was not read: %q", calls)
		}
	})
}

func TestLinesOfAStreamThatWasReplacedAreDropped(t *testing.T) {
	inLogs(t, full(), func(c *console) {
		l := c.app.screen().(*logScreen)
		old := l.feed
		c.press("L")
		c.pass(time.Second)
		before := l.ring.end()
		c.send(batch[core.LogLine]{from: old, items: logLines("ship-demo", 9)})
		if l.ring.end() != before {
			t.Error("lines of the old query were shown under the new one")
		}
	})
}

func TestTimesAreReadAsOperatorsWriteThem(t *testing.T) {
	now := time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"": "0001-01-01 00:00:00", "14:00": "2026-11-21 14:00:00", "14:00:30": "2026-11-21 14:00:30", "90m": "2026-11-21 13:30:00", "2d": "2026-11-19 15:00:00",
		"2026-11-20": "2026-11-20 00:00:00", "2026-11-20 08:15": "2026-11-20 08:15:00", "2026-11-20T08:15:00+02:00": "2026-11-20 06:15:00",
	} {
		got, err := parseTime(text, now)
		if err != nil || got.UTC().Format("2006-01-02 15:04:05") != want {
			t.Errorf("%q is %v, %v; want %s", text, got, err, want)
		}
	}
	if _, err := parseTime("yesterday", now); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("yesterday: %v", err)
	}
}

func TestLogsOfRemovedContainersCanBeMergedIn(t *testing.T) {
	inLogs(t, full(), func(c *console) {
		c.press("a")
		c.shows("no container now, 3.0 MiB")
		c.types("old")
		c.press("enter")
		c.shows("ship-demo + ship-old")
		c.press("a")
		c.types("old")
		c.shows("shown: enter takes it out")
		c.press("enter")
		c.hides("+ ship-old")
	})
}

func TestWrapTimesAndScrollingChangeHowALineIsDrawn(t *testing.T) {
	w := full()
	w.lines = newTap(core.LogLine{At: epoch, Service: "ship-demo", Text: strings.Repeat("0123456789", 12) + "END"})
	inLogs(t, w, func(c *console) {
		c.hides("END")
		c.press("w")
		c.shows("END")
		c.press("w", "t", "right", "right", "right")
		c.shows("END")
		c.hides("00:00:00.000")
		c.press("left", "left", "left")
		c.shows("▌  0123456789")
	})
}

func TestALineThatWasCutSaysSo(t *testing.T) {
	w := full()
	w.lines = newTap(core.LogLine{At: epoch, Service: "ship-demo", Text: "head", Cut: true})
	inLogs(t, w, func(c *console) { c.shows("head … cut at 64 KiB") })
}

func TestAFullRingKeepsTheLinesThatAreBeingRead(t *testing.T) {
	inLogs(t, full(), func(c *console) {
		l := c.app.screen().(*logScreen)
		l.ring.max = 300 << 10
		c.press("g")
		top := l.ring.base
		for i := range 2000 {
			c.world.lines.emit(core.LogLine{At: epoch, Service: "ship-demo", Text: fmt.Sprintf("flood %d", i)})
		}
		c.pass(time.Minute)
		if l.ring.base != top || l.ring.bytes > l.ring.max {
			t.Errorf("the ring moved from line %d to %d and holds %d bytes", top, l.ring.base, l.ring.bytes)
		}
		c.shows("nothing more fits", "▌23:59:00.000 I request 0")
		c.press("G")
		c.pass(time.Minute)
		c.shows("flood 1999")
		if l.ring.bytes > l.ring.max {
			t.Errorf("the ring holds %d bytes", l.ring.bytes)
		}
	})
}

func TestTheRingHoldsItsBoundAndItsNumbers(t *testing.T) {
	r := newLogRing(100 * (lineOverhead + 10))
	for i := range 100_000 {
		r.add(core.LogLine{Text: fmt.Sprintf("line %05d", i)})
		if r.bytes > r.max || r.end() != i+1 {
			t.Fatalf("after %d lines: %d bytes, end %d", i+1, r.bytes, r.end())
		}
	}
	if r.len() != 100 || r.line(99_999).Text != "line 99999" || r.line(r.base).Text != "line 99900" || cap(r.lines) > 8192 {
		t.Errorf("%d lines from %d, capacity %d", r.len(), r.base, cap(r.lines))
	}
	r.add(core.LogLine{Text: strings.Repeat("x", r.max*2)})
	if r.len() != 1 {
		t.Errorf("%d lines beside one that is larger than the ring", r.len())
	}
}

func TestFieldsOfALineKeepTheirOrder(t *testing.T) {
	for text, want := range map[string]string{
		`{"b":1,"a":"x","c":{"d":[1,2]}}`: "b=1 a=x c={\"d\":[1,2]}", `12:00 app {"msg":"hi"}`: "before=12:00 app msg=hi", "plain": "text=plain", `{"broken":`: `text={"broken":`,
		`{}`: "text={}", `{"a":1} trailing`: "a=1", "": "text=",
	} {
		var got []string
		for _, f := range fieldsOf(text) {
			got = append(got, f.Key+"="+f.Value)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

func TestALineOfVeryManyFieldsSaysThatSomeAreNotShown(t *testing.T) {
	var b strings.Builder
	for i := range maxFields + 1 {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	all := fieldsOf("{" + b.String()[1:] + "}")
	if len(all) != maxFields+1 || !strings.Contains(all[maxFields].Value, "more fields") {
		t.Errorf("%d fields, the last %+v", len(all), all[len(all)-1])
	}
	if all := fieldsOf(strings.Replace("{"+b.String()[1:]+"}", `,"k100":100`, "", 1)); len(all) != maxFields || all[maxFields-1].Key != "k99" {
		t.Errorf("%d fields, the last %+v", len(all), all[len(all)-1])
	}
}

func TestSearchScreen(t *testing.T) {
	inSearch := func(t *testing.T, w *world, test func(*console)) {
		inConsole(t, w, func(c *console) {
			c.command("search out of memory")
			c.pass(time.Second)
			test(c)
		})
	}
	t.Run("loaded", func(t *testing.T) { inSearch(t, full(), func(c *console) { c.golden() }) })
	t.Run("empty", func(t *testing.T) {
		w := full()
		w.hits = ending[core.LogHit]()
		inSearch(t, w, func(c *console) { c.golden() })
	})
	t.Run("error", func(t *testing.T) {
		w := full()
		w.errs = map[string]error{"log.search": errAway}
		inSearch(t, w, func(c *console) { c.golden() })
	})
	t.Run("progress is shown and leaving stops it", func(t *testing.T) {
		w := full()
		w.hits = newTap(hits(2)...)
		inSearch(t, w, func(c *console) {
			c.shows("300 MiB of 1.0 GiB", "29%", "back to 12-3", "2 hits")
			c.press("esc")
			if n := w.hits.readers(); n != 0 {
				t.Errorf("%d searches go on", n)
			}
		})
	})
	t.Run("enter opens the log around the hit, with the cursor on it", func(t *testing.T) {
		w := full()
		w.lines = newTap(
			core.LogLine{At: epoch, Service: "ship-old", Seq: 98, Text: "before"}, core.LogLine{At: epoch, Service: "ship-old", Seq: 99, Text: "panic: out of memory 1"},
			core.LogLine{At: epoch, Service: "ship-old", Seq: 100, Text: "after"})
		inSearch(t, w, func(c *console) {
			c.press("j", "enter")
			c.pass(time.Second)
			c.shows("▌00:00:00.000   panic: out of memory 1", "before", "after", "around")
		})
	})
	t.Run("enter finds the hit behind more lines than the session holds", func(t *testing.T) {
		w := full()
		var lines []core.LogLine
		for range 600 {
			lines = append(lines, core.LogLine{At: epoch, Service: "ship-old", Seq: 1, Text: strings.Repeat("x", 64<<10)})
		}
		w.lines = newTap(append(lines, core.LogLine{At: epoch, Service: "ship-old", Seq: 99, Text: "panic: out of memory 1"})...)
		inSearch(t, w, func(c *console) {
			c.press("j", "enter")
			c.pass(5 * time.Second)
			c.shows("▌00:00:00.000   panic: out of memory 1")
		})
	})
	t.Run("hits are bounded and the search says that it stopped", func(t *testing.T) {
		w := full()
		w.hits = ending(hits(maxHits + 500)...)
		inSearch(t, w, func(c *console) {
			c.pass(time.Minute)
			c.shows("stopped at 5,000 hits")
			if n := w.hits.readers(); n != 0 {
				t.Errorf("%d searches go on", n)
			}
		})
	})
	t.Run("the form searches the services shown, or every one", func(t *testing.T) {
		inConsole(t, full(), func(c *console) {
			c.press("j", "l", "S")
			c.types("oom")
			c.press("enter", "enter")
			if calls := c.world.called("log.search"); len(calls) != 1 || !strings.Contains(calls[0], "Services:[ship-demo]") || !strings.Contains(calls[0], "Backwards:true") {
				t.Errorf("calls: %q", calls)
			}
			c.press("esc", "S")
			c.types("oom")
			c.press("tab", "left", "enter")
			if calls := c.world.called("log.search"); len(calls) != 2 || !strings.Contains(calls[1], "Services:[]") {
				t.Errorf("calls: %q", calls)
			}
		})
	})
}

func TestAJSONLineIsScannedByItsMessage(t *testing.T) {
	l := &logScreen{}
	cases := []struct{ name, pattern, text, want string }{
		{"message first, time and level left out", "", `{"time":"x","level":"INFO","msg":"request","path":"/healthz","status":200}`, "request  path=/healthz status=200"},
		{"no message", "", `{"ts":1,"n":2}`, "n=2"},
		{"nothing but time and level", "", `{"ts":1,"level":"info"}`, `{"ts":1,"level":"info"}`},
		{"plain text", "", "GET / 200", "GET / 200"},
		{"half a JSON line", "", `{"msg":"x`, `{"msg":"x`},
		{"a match that would be hidden", `"msg"`, `{"msg":"x","n":1}`, `{"msg":"x","n":1}`},
		{"a match that stays", "x", `{"msg":"x","n":1}`, "x  n=1"},
	}
	for _, c := range cases {
		l.re = nil
		if c.pattern != "" {
			l.re = regexp.MustCompile(c.pattern)
		}
		if got := l.brief(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestEscClosesAnExpandedLineBeforeItLeaves(t *testing.T) {
	l := &logScreen{open: map[int][]core.LogField{3: nil}, cursor: 3}
	if _, stayed := l.Back(); !stayed || len(l.open) != 0 {
		t.Errorf("stayed %v, open %v", stayed, l.open)
	}
	if _, stayed := l.Back(); stayed {
		t.Error("the second esc does not leave")
	}
}

func TestAPatternFindsAFieldAsItIsDrawnAndAsItStandsInTheLine(t *testing.T) {
	raw := `{"level":"error","msg":"refused","attempt":9,"host":"ship-demo-db","a.b":true}`
	for pattern, want := range map[string]bool{
		"attempt=9": true, "host=ship": true, `attempt=\d`: true, "a.b=true": true, `"attempt":9`: true, "refused": true, "attempt=8": false, `\d=9`: false, "tempt=9": false,
	} {
		if got := regexp.MustCompile(asDrawn(pattern)).MatchString(raw); got != want {
			t.Errorf("%s finds it: %t", pattern, got)
		}
	}
	drawn := `{"msg":"refused \"root\"","user":"a","ok":false}`
	for pattern, want := range map[string]bool{
		`refused "root"`: true, `^refused`: true, `^root`: false, `[abc=]{9}`: false, `user=[a"]`: true, `\[abc=x`: false,
	} {
		if got := regexp.MustCompile(asDrawn(pattern)).MatchString(drawn); got != want {
			t.Errorf("%s finds it: %t, as %s", pattern, got, asDrawn(pattern))
		}
	}
	if got := asDrawn(`[abc=]x`); got != `[abc=]x` {
		t.Errorf("a class of characters is asked for as %s", got)
	}
	if !regexp.MustCompile(asDrawn("attempt=9")).MatchString("refused attempt=9") {
		t.Error("a line that is no JSON is no longer found")
	}
	inLogs(t, full(), func(c *console) {
		c.press("/")
		c.types("attempt=9")
		c.press("enter")
		calls := c.world.called("log.follow")
		if last := calls[len(calls)-1]; !strings.Contains(last, `"attempt"`) {
			t.Errorf("core was asked for %s", last)
		}
		c.shows("/attempt=9", "connection refused")
	})
}
