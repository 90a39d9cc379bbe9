package core

import (
	"context"
	"strconv"
	"strings"
	"time"
)

const settingsTable = "settings"

// The names of the settings.
const (
	settingLogBytes        = "logs.max-bytes"
	settingLogServiceBytes = "logs.max-bytes-per-service"
	settingLogAge          = "logs.max-age"
	settingCastBytes       = "recordings.max-bytes"
	settingCastEachBytes   = "recordings.max-bytes-each"
	settingCastAge         = "recordings.max-age"
	settingImagesKeep      = "images.keep"
)

// settingSpec is one row of the table of settings.
type settingSpec struct {
	name, fallback, summary string
	min, max                int64 // in its unit
	unit                    settingUnit
}

// settingUnit is what the number of a setting counts.
type settingUnit int

const (
	inBytes settingUnit = iota
	inTime              // nanoseconds
	inPieces
)

// format writes a number of the unit.
func (u settingUnit) format(n int64) string {
	switch u {
	case inTime:
		return FormatAge(time.Duration(n))
	case inPieces:
		return strconv.FormatInt(n, 10)
	}
	return FormatBytes(n)
}

// settingSpecs is the table of settings, in menu order. What the environment decides is the default.
func settingSpecs(cfg Config) []settingSpec {
	const day = 24 * time.Hour
	either := func(value, fallback string) string {
		if strings.TrimSpace(value) == "" {
			return fallback
		}
		return value
	}
	return []settingSpec{
		{settingLogBytes, either(cfg.LogMaxBytes, "10GiB"), "Bound of all collected logs, in bytes (10GiB)", 16 << 20, 1 << 50, inBytes},
		{settingLogServiceBytes, "2GiB", "Bound of the collected logs of one service, in bytes (2GiB)", 1 << 20, 1 << 50, inBytes},
		{settingLogAge, either(cfg.LogMaxAge, "30d"), "Bound of the age of collected logs (30d)", int64(time.Hour), int64(3650 * day), inTime},
		{settingCastBytes, "1GiB", "Bound of all recorded shells, in bytes (1GiB)", 1 << 20, 1 << 50, inBytes},
		{settingCastEachBytes, "64MiB", "Bound of one recorded shell, in bytes (64MiB); the shell ends there", 64 << 10, 4 << 30, inBytes},
		{settingCastAge, "90d", "Bound of the age of recorded shells (90d)", int64(time.Hour), int64(3650 * day), inTime},
		{settingImagesKeep, "10", "Images kept for rollbacks, for each service (10)", 1, 100, inPieces},
	}
}

// settingRow is a row of the table "settings".
type settingRow struct {
	Value string `json:"value"`
}

// parse reads a value and keeps it within the bounds of the setting.
func (s settingSpec) parse(value string) (int64, error) {
	n, err := s.read(value)
	if err == nil && (n < s.min || n > s.max) {
		err = Errorf(CodeInvalid, "%s is %s; give %s to %s.", s.name, s.unit.format(n), s.unit.format(s.min), s.unit.format(s.max))
	}
	return n, err
}

// read reads a number in the unit of the setting.
func (s settingSpec) read(value string) (int64, error) {
	switch s.unit {
	case inTime:
		d, err := ParseAge(value)
		return int64(d), err
	case inPieces:
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil {
			return 0, Errorf(CodeInvalid, "%s is a number; %q is none.", s.name, SafeText(value))
		}
		return n, nil
	}
	return ParseBytes(value)
}

// value is what is in force: the stored value, or the default when there is none or a newer release wrote what this one
// cannot read.
func (s settingSpec) value(st *state) string {
	if row, _, ok := get[settingRow](st, settingsTable, s.name); ok {
		if _, err := s.parse(row.Value); err == nil {
			return row.Value
		}
	}
	return s.fallback
}

// setting gives the number in force for a name of the table.
func (c *Core) setting(name string) int64 {
	for _, spec := range settingSpecs(c.cfg) {
		if spec.name == name {
			n, err := spec.parse(spec.value(c.state))
			if err != nil { // an environment outside the bounds: the nearest bound counts
				n = max(spec.min, min(n, spec.max))
			}
			return n
		}
	}
	return 0
}

// logBounds are the bounds of collected logs in force.
func (c *Core) logBounds() LogBounds {
	return LogBounds{
		MaxBytes:           c.setting(settingLogBytes),
		MaxBytesPerService: c.setting(settingLogServiceBytes),
		MaxAge:             time.Duration(c.setting(settingLogAge)),
	}
}

// applySettings puts what is in force to work.
func (c *Core) applySettings() {
	c.logs.SetBounds(c.logBounds())
	c.shells.tidySoon()
}

func listSettings(_ context.Context, c *Core, _ struct{}) ([]Setting, error) {
	var list []Setting
	for _, spec := range settingSpecs(c.cfg) {
		list = append(list, spec.show(c.state))
	}
	return list, nil
}

func (s settingSpec) show(st *state) Setting {
	return Setting{Name: s.name, Value: s.value(st), Default: s.fallback, Summary: s.summary}
}

func setSetting(ctx context.Context, c *Core, in SetSettingIn) (Setting, error) {
	for _, spec := range settingSpecs(c.cfg) {
		if spec.name != in.Name {
			continue
		}
		change := edit{settingsTable, spec.name, nil}
		if value := strings.TrimSpace(in.Value); value != "" {
			if _, err := spec.parse(value); err != nil {
				return Setting{}, err
			}
			change.body = settingRow{value}
		}
		if err := c.commit(ctx, change); err != nil {
			return Setting{}, err
		}
		c.applySettings()
		return spec.show(c.state), nil
	}
	return Setting{}, Errorf(CodeNotFound, "There is no setting %q; setting.list shows them.", SafeText(in.Name))
}
