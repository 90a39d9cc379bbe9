package logs

import (
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

func TestLevelReadsWhatALineSaysOfItself(t *testing.T) {
	for line, want := range map[string]core.LogLevel{
		"": core.LevelUnknown,
		"listening on :3000 without any complaint":                                    core.LevelUnknown,
		"ERROR something broke":                                                       core.LevelError,
		"2026-11-21 22:19:30,123 - app.db - WARNING - slow":                           core.LevelWarn,
		"2026-11-21T22:19:30.123Z INFO started":                                       core.LevelInfo,
		"2026-11-21 22:19:30.123 UTC [42] LOG:  checkpoint starting: time":            core.LevelInfo,
		"2026-11-21 22:19:30.123 UTC [42] ERROR:  relation \"x\" does not exist":      core.LevelError,
		"2026-11-21 22:19:30.123 UTC [42] FATAL:  the database system is starting up": core.LevelFatal,
		"2026-11-21 22:19:30.123 UTC [42] STATEMENT:  select 1":                       core.LevelUnknown,
		"2026/11/21 22:19:30 [error] 31#31: *1 connect() failed":                      core.LevelError,
		"[21/Nov/2026:22:19:30 +0000] [warn] odd":                                     core.LevelWarn,
		"E1121 22:19:30.123456       1 main.go:12] broken":                            core.LevelError,
		"I1121 22:19:30.123456       1 main.go:12] fine":                              core.LevelInfo,
		"I1 like it": core.LevelUnknown,
		`{"time":"x","level":"error","msg":"info"}`:                          core.LevelError,
		`{"msg":"a \"level\": trap","level":50,"pid":1}`:                     core.LevelError,
		`{"msg":"level","severity":"WARNING"}`:                               core.LevelWarn,
		`{"nested":{"level":"error"},"lvl":"debug"}`:                         core.LevelDebug,
		`{"level":30,"msg":"pino"}`:                                          core.LevelInfo,
		`{"level":60,"msg":"bunyan"}`:                                        core.LevelFatal,
		`{"level":3,"msg":"syslog"}`:                                         core.LevelError,
		`{"level":"unheard of"}`:                                             core.LevelUnknown,
		`{"level":`:                                                          core.LevelUnknown,
		`{"unfinished`:                                                       core.LevelUnknown,
		`time="2026-11-21T22:19:30Z" level=warning msg="error in name only"`: core.LevelWarn,
		`ts=2026 lvl="crit" msg=x`:                                           core.LevelFatal,
		"\x1b[31mERROR\x1b[0m red":                                           core.LevelError,
		"\x1b[90m10:19PM\x1b[0m \x1b[32mINF\x1b[0m started":                  core.LevelInfo,
		"\x1b[34mINFO\x1b[0m[0000] logrus":                                   core.LevelInfo,
		"\x1b[36mlevel\x1b[0m=error x":                                       core.LevelError,
		"warning: deprecated":                                                core.LevelWarn,
		"panic: runtime error: index out of range":                           core.LevelFatal,
		"an error occurred":                                                  core.LevelUnknown,
		"GET /ERROR/page 200":                                                core.LevelUnknown,
		"GET /x?level=error HTTP/1.1":                                        core.LevelUnknown,
		"<info> NetworkManager":                                              core.LevelInfo,
		"12:00:01 | DEBUG | loguru":                                          core.LevelDebug,
		"\x1b[":                                                              core.LevelUnknown,
		"\x1b[31":                                                            core.LevelUnknown,
		"DEBUG1:  postgres says more":                                        core.LevelDebug,
		"a b c d e f g h i j k ERROR is too late to be the level of this line": core.LevelUnknown,
		"Nov 21 22:19:30 host app[12]: ERROR: syslog":                          core.LevelError,
	} {
		if got := Level([]byte(line)); got != want {
			t.Errorf("Level(%q) = %d, want %d", line, got, want)
		}
	}
}

func FuzzLevelEnds(f *testing.F) {
	f.Add([]byte(`{"a\\":"b","level":"x`))
	f.Add([]byte("\x1b[1m2026-11-21 level=\x1b[0m ERROR"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if got := Level(line); got < core.LevelUnknown || got > core.LevelFatal {
			t.Fatalf("Level(%q) = %d", line, got)
		}
	})
}

func BenchmarkLevel(b *testing.B) {
	for name, line := range map[string]string{
		"plain":  "2026-11-21T22:19:30.123Z GET /api/v1/notes 200 12ms user=ada path=/api/v1/notes?page=2 took a while",
		"json":   `{"time":"2026-11-21T22:19:30.123Z","level":"info","msg":"request","method":"GET","path":"/api","ms":12}`,
		"logfmt": `ts=2026-11-21T22:19:30.123Z level=info msg="request" method=GET path=/api ms=12`,
	} {
		b.Run(name, func(b *testing.B) {
			text := []byte(line)
			for b.Loop() {
				Level(text)
			}
		})
	}
}
