package core

import "strings"

// levelNames are indexed by LogLevel.
var levelNames = [...]string{"", "trace", "debug", "info", "warn", "error", "fatal"}

// String names the level; an unknown one is empty.
func (l LogLevel) String() string {
	if l < LevelUnknown || l > LevelFatal {
		return ""
	}
	return levelNames[l]
}

// ParseLogLevel reads a level's name.
func ParseLogLevel(s string) (LogLevel, error) {
	for i, name := range levelNames {
		if i > 0 && strings.EqualFold(name, s) {
			return LogLevel(i), nil
		}
	}
	return LevelUnknown, Errorf(CodeInvalid, "There is no log level %q; the levels are trace, debug, info, warn, error and fatal.", s)
}

// MarshalText writes the level's name.
func (l LogLevel) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's name; an empty one is LevelUnknown.
func (l *LogLevel) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*l = LevelUnknown
		return nil
	}
	level, err := ParseLogLevel(string(text))
	if err != nil {
		return err
	}
	*l = level
	return nil
}
