package docker

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func BenchmarkALogLine(b *testing.B) {
	var block strings.Builder
	for i := range 1000 {
		block.WriteString(frame(1, fmt.Sprintf("2026-11-21T10:00:00.%09dZ level=info msg=\"request served\" path=/api/v1/things status=200 took=12ms\n", i*1000)))
	}
	for _, mended := range []bool{false, true} {
		b.Run(fmt.Sprintf("mended=%v", mended), func(b *testing.B) {
			b.SetBytes(int64(block.Len() / 1000))
			b.ReportAllocs()
			handed := told{}
			for done := 0; done < b.N; {
				x := newLogReader(strings.NewReader(block.String()), false)
				for {
					l, err := x.read()
					if err == io.EOF {
						break
					}
					if mended {
						handed.repeated(l, time.Now())
					}
					done++
				}
			}
		})
	}
}
