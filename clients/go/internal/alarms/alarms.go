// Package alarms tells people about what needs them, without holding up those who mask.
package alarms

import (
	"log/slog"
	"sync"
	"time"
)

const mostWaiting = 256

type alarm struct {
	kind, message string
	when          time.Time
}

// Teller calls a function in a goroutine of its own, one alarm at a time, and logs each.
type Teller struct {
	logger *slog.Logger
	tell   func(kind, message string, when time.Time)

	mutex  sync.Mutex
	queue  chan alarm
	closed bool
	done   chan struct{}
}

// New returns a teller; Close ends it.
func New(logger *slog.Logger, tell func(kind, message string, when time.Time)) *Teller {
	t := &Teller{logger: logger, tell: tell, queue: make(chan alarm, mostWaiting), done: make(chan struct{})}
	go t.run()
	return t
}

func (t *Teller) run() {
	defer close(t.done)
	for next := range t.queue {
		t.tell(next.kind, next.message, next.when)
	}
}

// Tell tells an alarm; those that come faster than they are taken are only logged.
func (t *Teller) Tell(kind, message string) {
	t.logger.Warn(message, "alarm", kind)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.closed {
		return
	}
	select {
	case t.queue <- alarm{kind, message, time.Now()}:
	default:
	}
}

// Close ends the teller when what waits was told, or after a second.
func (t *Teller) Close() {
	t.mutex.Lock()
	if !t.closed {
		t.closed = true
		close(t.queue)
	}
	t.mutex.Unlock()
	select {
	case <-t.done:
	case <-time.After(time.Second):
	}
}
