//go:build unix

package bench

import (
	"syscall"
	"time"
)

// Processor returns the processor's time that this process took so far, collecting garbage and all.
func Processor() (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, err
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}
