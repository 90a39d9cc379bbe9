package sshd

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// Handler serves one session and returns its exit code. Its session's context is done when the client is gone or the
// session was ended; the handler must then return soon. A panic is contained: logged, and exit code 1.
type Handler func(*Session) int

// Config says how a Server listens, whom it lets in and who serves them.
type Config struct {
	Addr        string       // TCP address to listen on, "host:port"
	HostKeyPath string       // the ed25519 host key; made when absent, never replaced
	Version     string       // what follows "SSH-2.0-" in the greeting; "Matrx" when empty
	Keys        KeySource    // who may log in; asked again for live connections
	Handle      Handler      // serves each session
	Logger      *slog.Logger // slog.Default() when nil
	Limits      Limits       // zero fields take their default
}

// Limits bound what clients can take. A zero field takes the default named beside it.
type Limits struct {
	LoginGrace     time.Duration // time to log in: 10 s
	SilentGrace    time.Duration // a connection that has sent nothing for this long may have to give way to a new one: 200 ms
	Startups       Startups      // connections that have not logged in: 10:30:100
	Penalties      Penalties     // what a failed login costs its source
	PenaltyGrace   time.Duration // time for a source under penalty to offer a key that is known: 5 s
	Connections    int           // connections that are logged in, in all: 300; Startups bounds the others
	PerPerson      int           // of these, for one person: 30
	ForAdmins      int           // of these, kept for admins: a tenth
	Sessions       int           // sessions per connection: 10
	AuthTries      int           // refused keys per connection: 3
	Keepalive      time.Duration // how often a client is asked whether it lives: 30 s
	KeepaliveReply time.Duration // how long it has for the answer: 30 s
	WriteStall     time.Duration // a client that takes no output for this long is dropped: 5 min
	MaxDuration    time.Duration // life of a connection: 12 h
	NoSession      time.Duration // a connection without a session is closed after: 10 min
	Recheck        time.Duration // how often the key of a live connection is looked up again: 1 s
	EndGrace       time.Duration // from asking a session to end to closing its channel, and again to closing the connection: 1 s
	ShutdownGrace  time.Duration // how long Shutdown waits for sessions to end by themselves: 10 s
}

// Startups is OpenSSH's MaxStartups: from Begin connections that have not logged in, a new one is dropped with Rate
// percent probability, growing to all of them at Full.
type Startups struct{ Begin, Rate, Full int }

// Penalties is how long a source is under penalty after failed logins: First for one, twice as long for each further
// one. A source under penalty is not shut out, because many people may stand behind one address (a container's gateway,
// a company's): it has one try a connection and little time, and gives way to other sources when many want in.
type Penalties struct {
	First   time.Duration  // 5 s
	Least   time.Duration  // sums below this are remembered, and are no penalty yet: 15 s
	Most    time.Duration  // 10 min
	Sources int            // how many sources are remembered: 4096
	Exempt  []netip.Prefix // sources never under penalty, such as a proxy that hides the real ones
}

// set gives *field its default where it is zero.
func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (l Limits) withDefaults() Limits {
	set(&l.LoginGrace, 10*time.Second)
	set(&l.SilentGrace, 200*time.Millisecond)
	set(&l.Startups, Startups{Begin: 10, Rate: 30, Full: 100})
	set(&l.PenaltyGrace, 5*time.Second)
	set(&l.Penalties.First, 5*time.Second)
	set(&l.Penalties.Least, 15*time.Second)
	set(&l.Penalties.Most, 10*time.Minute)
	set(&l.Penalties.Sources, 4096)
	set(&l.Connections, 300)
	set(&l.PerPerson, 30)
	set(&l.ForAdmins, l.Connections/10)
	set(&l.Sessions, 10)
	set(&l.AuthTries, 3)
	set(&l.Keepalive, 30*time.Second)
	set(&l.KeepaliveReply, 30*time.Second)
	set(&l.WriteStall, 5*time.Minute)
	set(&l.MaxDuration, 12*time.Hour)
	set(&l.NoSession, 10*time.Minute)
	set(&l.Recheck, time.Second)
	set(&l.EndGrace, time.Second)
	set(&l.ShutdownGrace, 10*time.Second)
	return l
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Keys == nil:
		return c, core.Errorf(core.CodeInvalid, "The SSH server needs a source of keys.")
	case c.Handle == nil:
		return c, core.Errorf(core.CodeInvalid, "The SSH server needs a handler for its sessions.")
	case c.HostKeyPath == "":
		return c, core.Errorf(core.CodeInvalid, "The SSH server needs a path for its host key.")
	}
	set(&c.Version, "Matrx")
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Limits = c.Limits.withDefaults()
	return c, nil
}
