package docker

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/container"
	dockersdk "github.com/moby/moby/client"
)

// Stats asks the engine for one sample. An engine before API 1.41 takes a second or two for it.
func (d *Docker) Stats(ctx context.Context, id string) (core.StatsSample, error) {
	res, err := call(ctx, d, readLimit, "measure "+id, func(ctx context.Context, api *dockersdk.Client) (container.StatsResponse, error) {
		var out container.StatsResponse
		res, err := api.ContainerStats(ctx, id, dockersdk.ContainerStatsOptions{})
		if err != nil {
			return out, err
		}
		defer res.Body.Close()
		return out, json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&out)
	})
	if err != nil {
		return core.StatsSample{}, err
	}
	if res.Read.IsZero() {
		return core.StatsSample{}, d.unmeasured(ctx, id)
	}
	memory, err := d.hostMemory(ctx)
	if err != nil {
		return core.StatsSample{}, err
	}
	return sampleOf(res, memory), nil
}

// unmeasured says why the engine gave an empty sample: it does so for a container that does not run, and some engines with
// cgroup version 1 for every one (their containerd cannot read its own statistics).
func (d *Docker) unmeasured(ctx context.Context, id string) error {
	c, err := d.Container(ctx, id)
	switch {
	case err != nil:
		return err
	case c.State == "running":
		return core.Errorf(core.CodeUnavailable, "Cannot measure %s: this engine gives no statistics. Mount the server's /sys/fs/cgroup and set MATRX_CGROUP_ROOT.", c.Name)
	default:
		return core.Errorf(core.CodeConflict, "Cannot measure %s: it is not running.", c.Name)
	}
}

// hostMemory is the server's memory, which the engine gives as the limit of a container that has none.
func (d *Docker) hostMemory(ctx context.Context) (int64, error) {
	d.mu.Lock()
	known := d.memory
	d.mu.Unlock()
	if known > 0 {
		return known, nil
	}
	info, err := d.Info(ctx)
	if err != nil {
		return 0, err
	}
	d.mu.Lock()
	d.memory = info.Memory
	d.mu.Unlock()
	return info.Memory, nil
}

// sampleOf converts a sample.
func sampleOf(s container.StatsResponse, hostMemory int64) core.StatsSample {
	out := core.StatsSample{At: s.Read.UTC(), CPU: time.Duration(s.CPUStats.CPUUsage.TotalUsage), Pids: int64(s.PidsStats.Current),
		Memory: memoryInUse(s.MemoryStats)}
	if limit := s.MemoryStats.Limit; limit < uint64(hostMemory) {
		out.MemoryLimit = int64(limit)
	}
	for _, n := range s.Networks {
		out.NetRx += int64(n.RxBytes)
		out.NetTx += int64(n.TxBytes)
	}
	for _, e := range s.BlkioStats.IoServiceBytesRecursive {
		switch strings.ToLower(e.Op) {
		case "read":
			out.DiskRead += int64(e.Value)
		case "write":
			out.DiskWrite += int64(e.Value)
		}
	}
	return out
}

// memoryInUse leaves out the page cache that the kernel can take back, as the docker CLI does.
func memoryInUse(m container.MemoryStats) int64 {
	for _, key := range []string{"total_inactive_file", "inactive_file"} { // cgroup v1, v2
		if v, ok := m.Stats[key]; ok && v < m.Usage {
			return int64(m.Usage - v)
		}
	}
	return int64(m.Usage)
}
