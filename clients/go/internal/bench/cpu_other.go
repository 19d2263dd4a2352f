//go:build !unix

package bench

import (
	"errors"
	"time"
)

// Processor returns the processor's time that this process took so far.
func Processor() (time.Duration, error) {
	return 0, errors.New("the processor's time is not told here")
}
