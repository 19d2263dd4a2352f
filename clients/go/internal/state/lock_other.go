//go:build !unix

package state

import (
	"errors"
	"os"
)

// A folder that two processes write would lose records, so it is refused where it cannot be locked.
func lockFile(*os.File) error { return errors.ErrUnsupported }
