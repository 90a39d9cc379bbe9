package logs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzDamagedSegmentsAreReadOrRefused feeds what is no segment, or no longer one, to the readers of segments.
func FuzzDamagedSegmentsAreReadOrRefused(f *testing.F) {
	dir := f.TempDir()
	st, err := Open(Config{Dir: dir, MinFree: -1, SegmentBytes: 1})
	if err != nil {
		f.Fatal(err)
	}
	put(f, st, "app", numbered("line", 0, 5000)...)
	if err := st.Close(); err != nil {
		f.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "app", "*.zst"))
	if err != nil || len(names) == 0 {
		f.Fatalf("segments: %v, %v", names, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, uint32(0), byte(0))
	f.Add(data, uint32(9), byte(0xff))
	f.Add(data[:len(data)/2], uint32(60), byte(1))
	f.Fuzz(func(t *testing.T, data []byte, at uint32, flip byte) {
		data = bytes.Clone(data)
		if len(data) > 0 {
			data[int(at)%len(data)] ^= flip
		}
		r := bytes.NewReader(data)
		if g, err := readIndex(r, int64(len(data))); err == nil && g.lines == 0 {
			t.Error("an index without lines")
		}
		g, _, err := scan(r, int64(len(data)))
		if err != nil || g.size > int64(len(data)) {
			t.Errorf("scan: %v, %d of %d bytes", err, g.size, len(data))
		}
	})
}
