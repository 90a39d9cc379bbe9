package coretest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// Docker is a stateful fake of a container engine. It keeps the rules that callers rely on (states, codes, events, log
// fragments of 16 KiB, an exec that outlives its client) and can be put into trouble. It is safe for concurrent use and
// works inside a testing/synctest bubble.
type Docker struct {
	// Patience is how long a call waits for a hung engine before it gives up, as the real client's deadline does.
	// Set it before use; NewDocker gives 5 s.
	Patience time.Duration

	mu         sync.Mutex // guards everything below
	changed    chan struct{}
	info       core.EngineInfo
	containers map[string]*container
	networks   map[string]core.Network
	volumes    map[string]core.Volume
	images     map[string]core.Image
	usage      core.DiskUsage
	events     []core.EngineEvent
	eventBreak int // counts breaks; a stream that began under another number ends
	logBreak   int
	hung       bool
	down       error
	fail       map[string]error
	hangs      map[string]bool
	calls      map[string]int
	recipes    map[string]imageRecipe // of built images, by id
	remote     map[string]core.Image  // what can be pulled
	building   int
	exec       ExecFunc
	programs   map[string]Program // by the first word of their command
	execs      map[*execSession]struct{}
	last       time.Time
	pid        int
}

var (
	_ core.Docker     = (*Docker)(nil)
	_ core.Maker      = (*Docker)(nil)
	_ core.ImageStore = (*Docker)(nil)
)

// container is one fake container.
type container struct {
	d     core.ContainerDetail
	env   []string
	logs  []core.RawLog
	ends  []int // length of logs at each end of the main process
	stats *core.StatsSample
	busy  bool // a recreate works on it
	spec  *core.ContainerSpec
}

// NewDocker makes a running engine without containers.
func NewDocker() *Docker {
	return &Docker{
		Patience:   5 * time.Second,
		changed:    make(chan struct{}),
		containers: map[string]*container{},
		networks:   map[string]core.Network{"bridge": {ID: newID(), Name: "bridge", Driver: "bridge", Created: time.Now()}},
		volumes:    map[string]core.Volume{},
		images:     map[string]core.Image{},
		fail:       map[string]error{},
		hangs:      map[string]bool{},
		calls:      map[string]int{},
		recipes:    map[string]imageRecipe{},
		programs:   map[string]Program{},
		remote:     map[string]core.Image{},
		exec:       GuestExec,
		execs:      map[*execSession]struct{}{},
		pid:        1000,
		info: core.EngineInfo{Version: "28.0.0", API: "1.48", Name: "fake", OS: "linux", Kernel: "6.1", Driver: "overlay2",
			Cgroup: "2", Root: "/var/lib/docker", CPUs: 2, Memory: 4 << 30},
	}
}

// SetHung makes every call wait, as a stopped (SIGSTOP) engine does; false lets them go on. Open streams stay silent.
func (d *Docker) SetHung(hung bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hung = hung
	d.bump()
}

// SetDown makes every call fail at once with the error, and breaks the open streams; nil brings the engine back.
func (d *Docker) SetDown(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = err
	if err != nil {
		d.eventBreak++
		d.logBreak++
	}
	d.bump()
}

// Fail makes the named method ("Start", "Stats", ...) fail until it is called with nil.
func (d *Docker) Fail(method string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		delete(d.fail, method)
		return
	}
	d.fail[method] = err
}

// Hang makes the named method alone wait, as SetHung does for all of them, until it is called with false.
func (d *Docker) Hang(method string, hang bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hangs[method] = hang
	d.bump()
}

// Calls counts the calls of a method so far.
func (d *Docker) Calls(method string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[method]
}

// BreakEvents ends every open event stream with an error, as a restarted engine does.
func (d *Docker) BreakEvents() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.eventBreak++
	d.bump()
}

// BreakLogs ends every open log stream with an error.
func (d *Docker) BreakLogs() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.logBreak++
	d.bump()
}

// Emit publishes an event; a zero time becomes now.
func (d *Docker) Emit(e core.EngineEvent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.emit(e)
}

// emit publishes an event. Call with mu held.
func (d *Docker) emit(e core.EngineEvent) {
	if e.At.IsZero() {
		e.At = d.tick()
	}
	d.events = append(d.events, e)
	d.bump()
}

// bump wakes everybody who waits for a change. Call with mu held.
func (d *Docker) bump() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// tick is a clock that never gives the same time twice. Call with mu held.
func (d *Docker) tick() time.Time {
	now := time.Now().UTC()
	if !now.After(d.last) {
		now = d.last.Add(time.Nanosecond)
	}
	d.last = now
	return now
}

// enter is the beginning of every call: it counts, waits while the engine hangs, and fails when it is told to.
func (d *Docker) enter(ctx context.Context, method string) error {
	patience := time.NewTimer(d.Patience)
	defer patience.Stop()
	for counted := false; ; counted = true {
		d.mu.Lock()
		if !counted {
			d.calls[method]++
		}
		hung, changed, err := d.hung || d.hangs[method], d.changed, d.trouble(method)
		d.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return gaveUp(ctx)
		case !hung:
			return err
		}
		select {
		case <-ctx.Done():
			return gaveUp(ctx)
		case <-patience.C:
			return core.Errorf(core.CodeUnavailable, "The engine does not answer.")
		case <-changed:
		}
	}
}

// trouble is why a call of the method fails now. Call with mu held.
func (d *Docker) trouble(method string) error {
	if d.down != nil {
		return core.Errorf(core.CodeUnavailable, "The engine does not answer: %w", d.down)
	}
	return d.fail[method]
}

// gaveUp is the error of a context that ended.
func gaveUp(ctx context.Context) error {
	if ctx.Err() == context.DeadlineExceeded {
		return core.Errorf(core.CodeUnavailable, "The engine did not answer in time.")
	}
	return core.Errorf(core.CodeCanceled, "Cancelled.")
}

// newID is a random container id.
func newID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
