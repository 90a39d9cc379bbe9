package age

import (
	"fmt"

	"filippo.io/age"
)

// Generate makes a new identity, as a line of MATRX_AGE_IDENTITIES.
func Generate() (string, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return "", fmt.Errorf("make an age identity: %w", err)
	}
	return identity.String(), nil
}
