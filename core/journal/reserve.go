package journal

import (
	"fmt"
	"os"
)

const (
	reserveName = "reserve"
	minRoom     = 64 << 10 // bytes that a write may need besides its records: directory, metadata, a new segment
)

// noteFree remembers whether the disk has enough room for Append, and gives what is wrong when it has not.
func (j *Journal) noteFree(free int64) *trouble {
	j.mu.Lock()
	defer j.mu.Unlock()
	if free >= j.cfg.MinFree {
		j.low = nil
		return nil
	}
	t := &trouble{kind: kindFull, since: j.cfg.Now().UTC(), text: fmt.Sprintf(
		"The journal takes only relief operations: its disk has %s free where %s must stay free. Free disk space: prune "+
			"images, trim logs, stop what writes.", mib(free), mib(j.cfg.MinFree))}
	if j.low != nil {
		t.since = j.low.since
	} else {
		j.callKeeper()
	}
	j.low = t
	return t
}

// roomFor is how much must be free before the requests are written.
func roomFor(requests []*request) int64 {
	room := int64(minRoom)
	for _, r := range requests {
		room += r.size
	}
	return room
}

// makeRoom gives a part of the reserve back to the disk: no more than needed, because whatever filled the disk takes
// what it finds. It says whether there was any. Only the leader calls it.
func (j *Journal) makeRoom(requests []*request) bool {
	j.mu.Lock()
	have := j.reserve
	j.mu.Unlock()
	left := max(have-max(roomFor(requests), j.cfg.Reserve/256), 0)
	if have == 0 || j.shrinkReserve(left) != nil {
		return false
	}
	j.setReserve(left)
	return true
}

// shrinkReserve cuts the reserve.
func (j *Journal) shrinkReserve(to int64) error {
	f, err := j.disk.Open(j.path(reserveName), os.O_RDWR)
	if err != nil {
		return err
	}
	if err := f.Truncate(to); err != nil {
		_ = f.Close() // the first error is the one that matters
		return err
	}
	return f.Close()
}

// fillReserve makes the reserve, or makes it whole again, when the disk has room for it. A disk that refuses leaves it
// as small as it is: Head shows that, and the keeper comes back. Only the leader calls it.
func (j *Journal) fillReserve(free int64) {
	left, err := j.growReserve(free)
	if err != nil {
		left = 0 // not known to be there
	}
	j.setReserve(left)
}

func (j *Journal) growReserve(free int64) (left int64, err error) {
	if j.cfg.Reserve == 0 {
		return 0, nil
	}
	f, err := j.disk.Open(j.path(reserveName), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return 0, err
	}
	defer f.Close() // nothing is written
	size, allocated, err := f.Size()
	if err != nil {
		return 0, err
	}
	if left = min(size, allocated); left >= j.cfg.Reserve || free < j.cfg.Reserve-left+max(j.cfg.MinFree, minRoom) {
		return left, nil
	}
	if err := f.Allocate(j.cfg.Reserve); err != nil {
		return left, nil // there was less room than it seemed
	}
	return j.cfg.Reserve, nil
}

func (j *Journal) setReserve(left int64) {
	j.mu.Lock()
	j.reserve = left
	j.mu.Unlock()
}

// mib writes a number of bytes for people.
func mib(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
