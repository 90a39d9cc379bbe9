package plane

import (
	"fmt"
	"io"
	"slices"

	"github.com/codematrx/matrx-ship/core/age"
)

// keygen prints a new age identity, so that setting up a server needs no further program, and gives the exit code.
func keygen(args []string, out, errs io.Writer) int {
	if !slices.Equal(args, []string{"age"}) {
		fmt.Fprintln(errs, "usage: keygen age   (prints one identity for MATRX_AGE_IDENTITIES)")
		return 2
	}
	identity, err := age.Generate()
	if err == nil {
		_, err = fmt.Fprintln(out, identity)
	}
	if err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	return 0
}
