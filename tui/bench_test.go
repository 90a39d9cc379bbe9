package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// crowded is the sample with n services, every one with its history.
func crowded(n int) *core.Snapshot {
	snap := sample()
	for len(snap.Services) < n {
		s := service(fmt.Sprintf("ship-customer-%03d", len(snap.Services)), core.KindShip)
		s.Route = "https://" + s.Name + ".dev.codematrx.com"
		s.Usage.History = history(120, 0.4, 200<<20)
		snap.Services = append(snap.Services, s)
	}
	return snap
}

// benchApp is an App over a world, without a terminal.
func benchApp(b *testing.B, snap *core.Snapshot) *App {
	b.Helper()
	w := &world{}
	w.init()
	app := newApp(Options{Actor: person("ana", core.RoleAdmin), Theme: ThemeDark}, w.source(), core.ManagerCharter(), "vps-1", "1.0.0")
	b.Cleanup(app.Close)
	app.Init()
	app.Update(tea.WindowSizeMsg{Width: 160, Height: 50})
	app.snap = snap
	app.Update(snapshotNow(app))
	return app
}

// snapshotNow is what the App gets when a snapshot arrives.
func snapshotNow(a *App) tea.Msg {
	return batch[*core.Snapshot]{from: &feed[*core.Snapshot]{ctx: a.ctx}, items: []*core.Snapshot{a.snap}}
}

// reportTail reports the 99th percentile beside the mean.
func reportTail(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

func BenchmarkHomeKeyToFrameWith200Services(b *testing.B) {
	app := benchApp(b, crowded(200))
	presses := []string{"j", "j", "j", "k", "G", "g", "pgdown", "pgup"}
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		app.Update(pressOf(presses[i%len(presses)]))
		if len(app.View().Content) == 0 {
			b.Fatal("nothing is drawn")
		}
		took = append(took, time.Since(began))
	}
	reportTail(b, took)
}

func BenchmarkHomeSnapshotToFrameWith200Services(b *testing.B) {
	app := benchApp(b, crowded(200))
	msg := snapshotNow(app)
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		app.Update(msg)
		_ = app.View()
		took = append(took, time.Since(began))
	}
	reportTail(b, took)
}

// benchLog is a log screen with n lines in its ring.
func benchLog(b *testing.B, n int, text string) *logScreen {
	b.Helper()
	app := benchApp(b, sample())
	app.push(newLogs("ship-demo"))
	l := app.screen().(*logScreen)
	for i := range n {
		l.ring.add(core.LogLine{At: epoch, Service: "ship-demo", Level: core.LevelInfo, Text: fmt.Sprintf("%d %s", i, text)})
	}
	l.cursor = l.ring.end() - 1
	return l
}

func BenchmarkLogView(b *testing.B) {
	for name, text := range map[string]string{
		"plain": "GET /api/v1/items?page=3 200 12ms user=42 agent=curl/8.5", "long": strings.Repeat("0123456789", 6000),
		"colours": strings.Repeat("\x1b[32mok\x1b[0m ", 40), "wide": strings.Repeat("漢字", 60),
	} {
		b.Run(name, func(b *testing.B) {
			l := benchLog(b, 10_000, text)
			for b.Loop() {
				_ = l.View(120, 40)
			}
		})
	}
	b.Run("wrapped long", func(b *testing.B) {
		l := benchLog(b, 1000, strings.Repeat("0123456789", 6000))
		l.wrap = true
		for b.Loop() {
			_ = l.View(120, 40)
		}
	})
}

func BenchmarkLogTake256Lines(b *testing.B) {
	l := benchLog(b, 10_000, "GET /api/v1/items?page=3 200 12ms user=42 agent=curl/8.5")
	items := logLines("ship-demo", batchSize)
	b.ReportAllocs()
	for b.Loop() {
		l.take(batch[core.LogLine]{from: l.feed, items: items})
	}
}

func BenchmarkFrameIsClean(b *testing.B) {
	app := benchApp(b, crowded(200))
	lines := app.draw()
	for b.Loop() {
		for _, line := range lines {
			if !isClean(line) {
				b.Fatalf("not clean: %q", line)
			}
		}
	}
}
