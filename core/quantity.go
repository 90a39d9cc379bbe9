package core

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// byteUnits are the units that ParseBytes knows, longest first.
var byteUnits = []struct {
	name string
	size float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseBytes reads a size such as "10GiB" or "512 MB"; a bare number is bytes.
func ParseBytes(s string) (int64, error) {
	text, factor := strings.TrimSpace(s), 1.0
	for _, unit := range byteUnits {
		if cut, ok := strings.CutSuffix(text, unit.name); ok {
			text, factor = strings.TrimSpace(cut), unit.size
			break
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n*factor > 1<<62 || n != n {
		return 0, Errorf(CodeInvalid, "%q is not a size; write it like 512MiB or 10GiB.", s)
	}
	return int64(n * factor), nil
}

// FormatBytes writes a size in at most eight columns: "0 B", "12.3 MiB", "998 KiB".
func FormatBytes(n int64) string {
	if n < 0 {
		return "?"
	}
	value, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1000 {
			break
		}
		value, unit = value/1024, next
	}
	if unit == "B" || value >= 99.95 { // which would be written 100.0
		return fmt.Sprintf("%.0f %s", value, unit)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// ParseAge reads a duration that may also count days and weeks: "90s", "1h30m", "7d", "2w".
func ParseAge(s string) (time.Duration, error) {
	text := strings.TrimSpace(s)
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if cut, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseFloat(cut, 64)
			if err == nil && n >= 0 && n*float64(unit) < 1<<62 {
				return time.Duration(n * float64(unit)), nil
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, Errorf(CodeInvalid, "%q is not a time span; write it like 90s, 15m, 1h or 7d.", s)
	}
	return d, nil
}

// FormatAge writes a time span the way people say it, in at most six columns: "0s", "59s", "12m", "3h12m", "9d".
func FormatAge(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}
