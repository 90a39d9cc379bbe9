//go:build bench

package docker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core/cgroup"
	"github.com/codematrx/matrx-ship/core/coretest"
	dockersdk "github.com/moby/moby/client"
)

// benchLines is how many lines, of some 110 bytes, one run pours out.
const benchLines = 500_000

// TestBenchFollow compares our reading of a log that is written with the docker CLI's, in turns on the same engine. What a
// whole Manager collects while a log is written is measured end to end.
func TestBenchFollow(t *testing.T) {
	r := newRig(t, "")
	id, _ := r.Run(t, coretest.Guest{Args: []string{"pour", strconv.Itoa(benchLines)}})
	cliFollow(t, id)
	var ours, peer []float64
	for range 3 {
		ours = append(ours, rate(t, func() { follow(t, r, id) }))
		peer = append(peer, rate(t, func() { cliFollow(t, id) }))
	}
	o, p := coretest.Percentile(ours, 0.5), coretest.Percentile(peer, 0.5)
	coretest.Figure{
		What: "engine: read a log that is written", Ours: fmt.Sprintf("%.0f lines/s", o), Peer: fmt.Sprintf("docker logs -f %.0f lines/s", p),
		Ratio: o / p,
	}.AtLeast(0.8).Report(t)
}

// rate is lines per second.
func rate(t *testing.T, run func()) float64 {
	t.Helper()
	begin := time.Now()
	run()
	return benchLines / time.Since(begin).Seconds()
}

// follow reads a log to its end, and checks that nothing is missing.
func follow(t *testing.T, r *rig, id string) {
	t.Helper()
	n := 0
	for _, err := range r.d.ContainerLogs(t.Context(), id, time.Time{}, true) {
		check(t, err)
		n++
	}
	if n != benchLines {
		t.Fatalf("%d lines, want %d", n, benchLines)
	}
}

// cliFollow is docker logs -f > /dev/null.
func cliFollow(t *testing.T, id string) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	check(t, err)
	defer null.Close()
	cmd := exec.Command("docker", "logs", "-f", id)
	cmd.Stdout, cmd.Stderr = null, null
	check(t, cmd.Run())
}

// TestBenchStats compares a sample from the kernel's files with one from the engine.
func TestBenchStats(t *testing.T) {
	const containers, rounds = 50, 40
	r := newRig(t, "")
	usage, err := cgroup.Open(cgroup.Config{Root: "/sys/fs/cgroup", Proc: "/proc", Engine: r.d, Else: r.d})
	check(t, err)
	defer usage.Close()
	var ids []string
	for range containers {
		id, _ := r.Run(t, coretest.Guest{Args: []string{"sleep"}})
		ids = append(ids, id)
		_, err := usage.Stats(t.Context(), id)
		check(t, err)
	}
	begin := time.Now()
	for range rounds {
		for _, id := range ids {
			_, err := usage.Stats(t.Context(), id)
			check(t, err)
		}
	}
	ours := time.Since(begin) / containers / rounds
	begin = time.Now()
	for _, id := range ids[:10] {
		check(t, engineSample(t.Context(), r.d, id))
	}
	peer := time.Since(begin) / 10
	coretest.Figure{
		What: fmt.Sprintf("engine: measure one of %d containers", containers), Ours: ours.Round(time.Microsecond).String(),
		Peer: "engine's stats, one-shot, " + peer.Round(time.Microsecond).String(), Ratio: ours.Seconds() / peer.Seconds(),
	}.AtMost(0.1).Report(t)
}

// engineSample asks the engine once. What it answers does not matter: some engines give nothing with cgroup version 1.
func engineSample(ctx context.Context, d *Docker, id string) error {
	return act(ctx, d, readLimit, "measure "+id, func(ctx context.Context, api *dockersdk.Client) error {
		res, err := api.ContainerStats(ctx, id, dockersdk.ContainerStatsOptions{})
		if err != nil {
			return err
		}
		return res.Body.Close()
	})
}
