package core

// maxUsagePoints bounds the history of a service's usage.
const maxUsagePoints = 120

// meter turns readings of one service's counters into rates and a bounded history.
type meter struct {
	container string
	last      StatsSample
	newest    Usage
	points    []UsagePoint // what readers were given is never written again: only the space behind it is
}

// add takes a reading in. A counter that went back belongs to a new life of the container: it gives no rate.
func (m *meter) add(container string, s StatsSample) {
	last := m.last
	if m.container != container || s.CPU < last.CPU || !s.At.After(last.At) {
		last = StatsSample{}
	}
	m.container, m.last = container, s
	u := Usage{At: s.At, Memory: s.Memory, MemoryLimit: s.MemoryLimit, Pids: s.Pids}
	if seconds := s.At.Sub(last.At).Seconds(); !last.At.IsZero() {
		u.CPU = (s.CPU - last.CPU).Seconds() / seconds
		u.NetRx, u.NetTx = rate(last.NetRx, s.NetRx, seconds), rate(last.NetTx, s.NetTx, seconds)
		u.DiskRead, u.DiskWrite = rate(last.DiskRead, s.DiskRead, seconds), rate(last.DiskWrite, s.DiskWrite, seconds)
		m.points = appendPoint(m.points, UsagePoint{
			At: s.At, CPU: u.CPU, Memory: u.Memory, Net: u.NetRx + u.NetTx, Disk: u.DiskRead + u.DiskWrite,
		})
	}
	m.newest = u
}

// usage is the newest reading; a container that does not run uses nothing but keeps its history.
func (m *meter) usage(runs bool) Usage {
	var u Usage
	if runs {
		u = m.newest
	}
	u.History = m.points
	return u
}

// rate is the growth of a counter a second, 0 when it went back.
func rate(before, after int64, seconds float64) float64 {
	if after < before || seconds <= 0 {
		return 0
	}
	return float64(after-before) / seconds
}

// appendPoint adds a point and keeps the newest maxUsagePoints. Slices that were handed out stay as they are, and a new
// array is made only every maxUsagePoints points.
func appendPoint(points []UsagePoint, p UsagePoint) []UsagePoint {
	if len(points) == cap(points) {
		grown := make([]UsagePoint, 0, min(max(2*len(points), 8), 2*maxUsagePoints))
		points = append(grown, points[max(len(points)-maxUsagePoints+1, 0):]...)
	}
	points = append(points, p)
	return points[max(len(points)-maxUsagePoints, 0):]
}

// hostUsage keeps the newest reading of the server itself, and the history.
type hostUsage struct {
	newest  HostUsage
	points  []UsagePoint
	trouble string // why there is no new reading
}

// add takes a reading in. One that failed keeps what was known; its age shows.
func (h *hostUsage) add(u HostUsage, err error) {
	if err != nil {
		h.trouble = MessageOf(err)
		return
	}
	h.points = appendPoint(h.points, UsagePoint{At: u.At, CPU: u.CPU, Memory: u.Memory})
	h.newest, h.trouble = u, ""
	h.newest.History = h.points
}
