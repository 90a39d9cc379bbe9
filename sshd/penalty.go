package sshd

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// penalties remembers the sources of failed logins and how long each is under penalty. A source is an IPv4 address or an
// IPv6 /64, which is what one customer gets.
type penalties struct {
	limits Penalties

	mu    sync.Mutex
	table map[netip.Prefix]penalty // at most limits.Sources
}

type penalty struct {
	until    time.Time
	failures int
	active   bool // has reached limits.Least, and counts until it is over
}

func newPenalties(limits Penalties) *penalties {
	return &penalties{limits: limits, table: map[netip.Prefix]penalty{}}
}

// sourceOf gives the prefix that answers for an address, and whether penalties apply to it.
func (p *penalties) sourceOf(addr net.Addr) (netip.Prefix, bool) {
	ip, ok := ipOf(addr)
	if !ok {
		return netip.Prefix{}, false
	}
	for _, exempt := range p.limits.Exempt {
		if exempt.Contains(ip) {
			return netip.Prefix{}, false
		}
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip, bits).Masked(), true
}

// failed records a failed login.
func (p *penalties) failed(addr net.Addr, now time.Time) {
	source, ok := p.sourceOf(addr)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	entry, known := p.table[source]
	if !known && len(p.table) >= p.limits.Sources {
		p.makeRoom(now)
	}
	if now.After(entry.until) {
		entry.until, entry.active = now, false
	}
	cost := p.limits.First << min(entry.failures, 16)
	entry.failures++
	entry.until = entry.until.Add(min(cost, p.limits.Most))
	if latest := now.Add(p.limits.Most); entry.until.After(latest) {
		entry.until = latest
	}
	entry.active = entry.active || entry.until.Sub(now) >= p.limits.Least
	p.table[source] = entry
}

// makeRoom forgets the source that has least to fear. The caller holds mu.
func (p *penalties) makeRoom(now time.Time) {
	var first netip.Prefix
	for source, entry := range p.table {
		if p.over(entry, now) {
			delete(p.table, source)
		} else if !first.IsValid() || entry.until.Before(p.table[first].until) {
			first = source
		}
	}
	if len(p.table) >= p.limits.Sources {
		delete(p.table, first)
	}
}

// over reports whether an entry may be forgotten: its failures are remembered for a while after the penalty ends.
func (p *penalties) over(entry penalty, now time.Time) bool {
	return now.Sub(entry.until) > p.limits.Most
}

// forgive forgets a source that has logged in.
func (p *penalties) forgive(addr net.Addr) {
	if source, ok := p.sourceOf(addr); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.table, source)
	}
}

// applies reports whether a source is under penalty.
func (p *penalties) applies(addr net.Addr, now time.Time) bool {
	source, ok := p.sourceOf(addr)
	if !ok {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	entry, known := p.table[source]
	if known && p.over(entry, now) {
		delete(p.table, source)
		return false
	}
	return known && entry.active && now.Before(entry.until)
}
