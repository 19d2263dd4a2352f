//go:build !unix

package main

import (
	"errors"
	"time"
)

func cpu() (time.Duration, error) { return 0, errors.New("the processor's time is not told here") }
