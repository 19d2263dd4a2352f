// Package breaker stops asking a service that fails: after five failures in a row for 1 s, doubling up to 30 s; then
// one call at a time is tried, and the first success closes it.
package breaker

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	mostFailures = 5
	firstPause   = time.Second
	longestPause = 30 * time.Second
	jitter       = 0.1
)

// Breaker is closed at first. It is safe for concurrent use.
type Breaker struct {
	now     func() time.Time
	changed func(open bool)

	mutex    sync.Mutex
	failures int
	pause    time.Duration
	until    time.Time
	trying   bool
}

// New returns a breaker that tells when it opens and closes; `changed` must not call it.
func New(now func() time.Time, changed func(open bool)) *Breaker {
	return &Breaker{now: now, changed: changed}
}

// Permit is the right to make one call, whose end must be told once by Success, Failure or Abandon.
type Permit struct {
	breaker *Breaker
	trial   bool
}

// Ask returns the right to make a call; false when the breaker is open.
func (b *Breaker) Ask() (Permit, bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.pause == 0 {
		return Permit{breaker: b}, true
	}
	if b.trying || b.now().Before(b.until) {
		return Permit{}, false
	}
	b.trying = true
	return Permit{breaker: b, trial: true}, true
}

// Open says whether the service is not asked now.
func (b *Breaker) Open() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.pause > 0
}

// Success tells that the service answered, also when it refused.
func (p Permit) Success() {
	b := p.breaker
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.failures = 0
	if p.trial {
		b.trying = false
	}
	if b.pause > 0 {
		b.pause = 0
		b.changed(false)
	}
}

// Failure tells that the service could not be reached, did not answer in time, or failed.
func (p Permit) Failure() {
	b := p.breaker
	b.mutex.Lock()
	defer b.mutex.Unlock()
	switch {
	case p.trial:
		b.trying = false
		b.rest(min(2*b.pause, longestPause))
	case b.pause == 0:
		if b.failures++; b.failures >= mostFailures {
			b.rest(firstPause)
			b.changed(true)
		}
	}
}

// Abandon tells that the call ended without saying anything about the service, such as by the caller's own doing.
func (p Permit) Abandon() {
	b := p.breaker
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if p.trial {
		b.trying = false
	}
}

func (b *Breaker) rest(pause time.Duration) {
	b.pause = pause
	b.until = b.now().Add(time.Duration(float64(pause) * (1 + jitter*rand.Float64())))
}
