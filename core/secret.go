package core

import "log/slog"

// mask stands for a secret wherever one would be printed.
const mask = "***"

// Secret is a string that prints, logs, marshals and audits as ***. Reveal gives the value.
type Secret string

// Reveal gives the value. Only what hands it to its container, or an audited reveal, calls it.
func (s Secret) Reveal() string { return string(s) }

// String gives the mask.
func (s Secret) String() string { return mask }

// GoString gives the mask.
func (s Secret) GoString() string { return mask }

// MarshalText gives the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// UnmarshalText takes the value as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}

// LogValue gives the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }
