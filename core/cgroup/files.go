package cgroup

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// wanted is a file that is read for each sample.
type wanted struct {
	controller string // folder below the root; empty in version 2
	name       string
	optional   bool // a kernel may be built without it
}

// The files, in the order of files.fd.
const (
	fileCPU = iota
	fileMemory
	fileMemoryStat
	fileMemoryMax
	fileIO
	filePids
	fileCount
)

var (
	version1 = [fileCount]wanted{
		{"cpuacct", "cpuacct.usage", false}, {"memory", "memory.usage_in_bytes", false}, {"memory", "memory.stat", false},
		{"memory", "memory.limit_in_bytes", true}, {"blkio", "blkio.throttle.io_service_bytes_recursive", true}, {"pids", "pids.current", true},
	}
	version2 = [fileCount]wanted{
		{"", "cpu.stat", false}, {"", "memory.current", false}, {"", "memory.stat", false},
		{"", "memory.max", true}, {"", "io.stat", true}, {"", "pids.current", true},
	}
)

// noLimit is what version 1 gives as the limit of a container without one, less the rounding to pages.
const noLimit = math.MaxInt64 - 1<<20

// files are one container's, open.
type files struct {
	mu      sync.Mutex // held while they are read
	used    time.Time
	missing time.Time // when they were not found
	ready   bool
	fd      [fileCount]*os.File
	net     string // network counters of its process; opened each time: an open one would keep the network alive
	host    bool   // shares the server's network, whose counters are not its own
	buf     []byte
}

// close closes them all; they may be found anew.
func (f *files) close() error {
	var errs []error
	for i, fd := range f.fd {
		if fd != nil {
			errs = append(errs, fd.Close())
		}
		f.fd[i] = nil
	}
	f.ready = false
	return errors.Join(errs...)
}

// content reads a file from its beginning; empty for one that does not exist. It is valid until the next call.
func (f *files) content(fd *os.File) ([]byte, error) {
	if fd == nil {
		return nil, nil
	}
	if f.buf == nil {
		f.buf = make([]byte, 16<<10)
	}
	n, err := fd.ReadAt(f.buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return f.buf[:n], nil
}

// read takes one sample.
func (f *files) read(unified bool) (core.StatsSample, error) {
	var s core.StatsSample
	for i, fd := range f.fd {
		text, err := f.content(fd)
		if err != nil {
			return s, err
		}
		if unified {
			take2(&s, i, text)
		} else {
			take1(&s, i, text)
		}
	}
	s.Memory = max(s.Memory, 0)
	s.At = time.Now()
	return s, f.readNet(&s)
}

// take1 takes in a file of version 1.
func take1(s *core.StatsSample, file int, text []byte) {
	switch file {
	case fileCPU:
		s.CPU = time.Duration(number(text))
	case fileMemory:
		s.Memory = number(text)
	case fileMemoryStat:
		s.Memory -= value(text, "total_inactive_file ")
	case fileMemoryMax:
		if n := number(text); n < noLimit {
			s.MemoryLimit = n
		}
	case fileIO: // "8:0 Read 4096"
		for line := range bytes.Lines(text) {
			if _, n, ok := bytes.Cut(line, []byte(" Read ")); ok {
				s.DiskRead += number(n)
			} else if _, n, ok := bytes.Cut(line, []byte(" Write ")); ok {
				s.DiskWrite += number(n)
			}
		}
	case filePids:
		s.Pids = number(text)
	}
}

// take2 takes in a file of version 2.
func take2(s *core.StatsSample, file int, text []byte) {
	switch file {
	case fileCPU:
		s.CPU = time.Duration(value(text, "usage_usec ")) * time.Microsecond
	case fileMemory:
		s.Memory = number(text)
	case fileMemoryStat:
		s.Memory -= value(text, "inactive_file ")
	case fileMemoryMax: // "max" is no number: none
		s.MemoryLimit = number(text)
	case fileIO: // "8:0 rbytes=4096 wbytes=0 rios=1 ..."
		for field := range bytes.FieldsSeq(text) {
			if n, ok := bytes.CutPrefix(field, []byte("rbytes=")); ok {
				s.DiskRead += number(n)
			} else if n, ok := bytes.CutPrefix(field, []byte("wbytes=")); ok {
				s.DiskWrite += number(n)
			}
		}
	case filePids:
		s.Pids = number(text)
	}
}

// readNet adds up the network counters of everything but the loopback.
func (f *files) readNet(s *core.StatsSample) error {
	if f.host {
		return nil
	}
	fd, err := os.Open(f.net)
	if err != nil {
		return err
	}
	defer fd.Close()
	text, err := f.content(fd)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		name, counters, ok := bytes.Cut(line, []byte(":"))
		if !ok || string(bytes.TrimSpace(name)) == "lo" { // the two headings have no colon
			continue
		}
		column := 0
		for n := range bytes.FieldsSeq(counters) {
			switch column {
			case 0:
				s.NetRx += number(n)
			case 8:
				s.NetTx += number(n)
			}
			column++
		}
	}
	return nil
}

// value finds "key 123" at the beginning of a line; the key ends in the space.
func value(text []byte, key string) int64 {
	for line := range bytes.Lines(text) {
		if n, ok := bytes.CutPrefix(line, []byte(key)); ok {
			return number(n)
		}
	}
	return 0
}

// number reads the digits at the beginning; none is 0, and what does not fit is the most there is.
func number(text []byte) int64 {
	n := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			break
		}
		if n > (math.MaxInt64-9)/10 {
			return math.MaxInt64
		}
		n = n*10 + int64(c-'0')
	}
	return n
}
