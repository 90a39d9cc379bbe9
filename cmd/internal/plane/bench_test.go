//go:build bench

package plane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// frame is the time between two frames of the console.
const frame = time.Second / 30

// TestBenchKeyOnHomeWith200Containers measures the time from a key press to the changed screen, through a real SSH
// connection, a real terminal emulator and a whole Manager, of which only the engine is a fake: 200 containers would not
// fit on a small machine.
func TestBenchKeyOnHomeWith200Containers(t *testing.T) {
	const containers, presses = 200, 400
	client := crowdedPlane(t, containers)
	screen := sshdtest.Open(t, client, sshdtest.ScreenConfig{Width: 120, Height: 40})
	screen.WaitFor("the services", func(text string) bool { return selected(text) != "" })
	screen.Type("g")
	var took []time.Duration
	for n := range presses {
		key := "j"
		if n/20%2 == 1 {
			key = "k"
		}
		before := selected(screen.Text())
		<-time.After(rand.N(2 * frame)) // nobody presses in step with the screen's frames
		start := time.Now()
		screen.Type(key)
		screen.WaitFor("another row", func(text string) bool { now := selected(text); return now != "" && now != before })
		took = append(took, time.Since(start))
	}
	p50, p99 := coretest.Percentile(took, 0.5), coretest.Percentile(took, 0.99)
	coretest.Figure{
		What: fmt.Sprintf("console: key to changed Home, %d containers, p50", containers), Ours: p50.Round(10 * time.Microsecond).String(),
	}.Report(t)
	const limit = 50 * time.Millisecond
	coretest.Figure{
		What: fmt.Sprintf("console: key to changed Home, %d containers, p99", containers), Ours: p99.Round(10 * time.Microsecond).String(),
		Limit: "<= " + limit.String(), Miss: p99 > limit,
	}.Report(t)
}

// selected is the service in the row with the cursor, empty when there is none.
func selected(screen string) string {
	_, row, ok := strings.Cut(screen, "▌")
	if !ok {
		return ""
	}
	fields := strings.Fields(row)
	if len(fields) < 2 {
		return ""
	}
	return fields[1]
}

// crowdedPlane runs a Manager over an engine with so many containers, and logs in to it.
func crowdedPlane(t *testing.T, containers int) *gossh.Client {
	t.Helper()
	key, log := sshdtest.Key(t), slog.New(slog.DiscardHandler)
	settings := map[string]string{
		"MATRX_ROOT": t.TempDir(), "MATRX_SSH_ADDR": "127.0.0.1:0", "TRAEFIK_API_URL": "http://127.0.0.1:1",
		"MATRX_ADMIN_KEYS": sshdtest.Line(key, "bench"),
	}
	cfg, err := core.LoadConfig(func(name string) string { return settings[name] })
	if err != nil {
		t.Fatal(err)
	}
	charter := core.ManagerCharter()
	b := &built{}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	parts, err := b.parts(t.Context(), cfg, charter, cfg.Data(charter), log)
	if err != nil {
		t.Fatal(err)
	}
	fake := coretest.NewDocker()
	for n := range containers {
		fake.Add(core.ContainerDetail{Container: core.Container{Name: fmt.Sprintf("ship-bench-%03d", n)}, RestartPolicy: "unless-stopped"})
	}
	parts.Docker, parts.Usage = fake, fake
	if b.core, err = core.Open(t.Context(), parts); err != nil {
		t.Fatal(err)
	}
	b.closes = append(b.closes, b.core.Close)
	return serveSSH(t, b, cfg, log, key)
}

// serveSSH opens the SSH door of a core and logs in.
func serveSSH(t *testing.T, b *built, cfg core.Config, log *slog.Logger, key gossh.Signer) *gossh.Client {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	server, err := listenSSH(ctx, cfg, core.ManagerCharter(), b.core, log)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	b.closes = append(b.closes, func() error {
		cancel()
		if err := <-served; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	return sshdtest.Dial(t, server.Addr().String(), key)
}
