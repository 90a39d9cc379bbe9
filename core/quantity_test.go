package core

import (
	"testing"
	"time"
	"unicode/utf8"
)

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	good := map[string]int64{"0": 0, "512": 512, "10GiB": 10 << 30, "512 MB": 512e6, "1.5KiB": 1536, " 2 TiB ": 2 << 40, "3kB": 3000, "7B": 7}
	for text, want := range good {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "ten", "NaN", "Inf", "1e300", "9999999999TiB", "1 KiB KiB", "5K"} {
		if got, err := ParseBytes(text); CodeOf(err) != CodeInvalid {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestSizesAreWrittenShortAndNeverWider(t *testing.T) {
	cases := map[int64]string{
		-1: "?", 0: "0 B", 999: "999 B", 1000: "1.0 KiB", 1024: "1.0 KiB", 1536: "1.5 KiB", 12_900_000: "12.3 MiB",
		1022 << 10: "1.0 MiB", 104_804_000: "99.9 MiB", 104_840_000: "100 MiB", 5 << 40: "5.0 TiB",
	}
	for n, want := range cases {
		if got := FormatBytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for n := int64(1); n > 0 && n < 1<<49; n = n*5/4 + 1 {
		if got := FormatBytes(n); utf8.RuneCountInString(got) > 8 {
			t.Errorf("%d: %q is wide", n, got)
		}
	}
}

func TestTimeSpansAreReadAndWrittenAsPeopleSayThem(t *testing.T) {
	good := map[string]time.Duration{"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "2w": 336 * time.Hour, "0.5d": 12 * time.Hour, " 15m ": 15 * time.Minute}
	for text, want := range good {
		if got, err := ParseAge(text); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "-5m", "-1d", "NaNd", "Infw", "99999999w", "soon", "5"} {
		if got, err := ParseAge(text); CodeOf(err) != CodeInvalid {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	written := map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 59*time.Second + 999*time.Millisecond: "59s", time.Minute: "1m", 3*time.Hour + 5*time.Minute: "3h05m",
		23*time.Hour + 59*time.Minute: "23h59m", 9 * 24 * time.Hour: "9d",
	}
	for d, want := range written {
		if got := FormatAge(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
