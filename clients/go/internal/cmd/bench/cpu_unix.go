//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpu returns the processor's time that this process took so far, collecting garbage and all.
func cpu() (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, err
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}
