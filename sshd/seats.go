package sshd

import (
	"sync"

	"github.com/codematrx/matrx-ship/core"
)

// seats counts the connections that are logged in, in all and by person, so that nobody can use up the server: each
// person has a few, and the last are kept for admins, who are needed when something goes wrong.
type seats struct {
	limits Limits

	mu    sync.Mutex
	taken int
	by    map[string]int // by name and source of the identity
}

func newSeats(limits Limits) *seats { return &seats{limits: limits, by: map[string]int{}} }

// take gives an identity a seat, or says why it cannot have one. leave gives it back and must be called once.
func (s *seats) take(id Identity) (leave func(), err error) {
	who := id.Source + " " + id.Name
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.limits.Connections
	if id.Role < core.RoleAdmin {
		most -= s.limits.ForAdmins
	}
	switch {
	case s.by[who] >= s.limits.PerPerson:
		return nil, core.Errorf(core.CodeConflict, "%s has %d connections open already, which is as many as one may have.", id.Name, s.by[who])
	case s.taken >= most:
		return nil, core.Errorf(core.CodeConflict, "The server has %d connections open already; the last are kept for admins.", s.taken)
	}
	s.taken++
	s.by[who]++
	return func() { s.free(who) }, nil
}

func (s *seats) free(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.by[who]--; s.by[who] == 0 {
		delete(s.by, who)
	}
}
