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
	if res.Read.IsZero() || res.CPUStats.CPUUsage.TotalUsage == 0 {
		return core.StatsSample{}, core.Errorf(core.CodeConflict, "Cannot measure %s: it is not running.", id)
	}
	memory, err := d.hostMemory(ctx)
	if err != nil {
		return core.StatsSample{}, err
	}
	return sampleOf(res, memory), nil
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
