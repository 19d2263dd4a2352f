// Package report brings what a client did without the service to the service, in the background.
package report

import (
	"context"
	"fmt"
	"sync"
	"time"

	"jingxi.dev/client/internal/alarms"
	"jingxi.dev/client/internal/spool"
)

const (
	every       = 5 * time.Second
	callTime    = 10 * time.Second
	lastTime    = time.Second
	mostEntries = 100
	mostBytes   = 180 * 1024
)

// Send sends entries and returns the number up to which the service has them.
type Send func(ctx context.Context, entries []spool.Entry) (int64, error)

// Expected reads the number that the service expects next out of an error; false for any other error.
type Expected func(err error) (int64, bool)

// Reporter reports at once after Kick, else every 5 s while there is something.
type Reporter struct {
	log      *spool.Spool
	send     Send
	expected Expected
	alarms   *alarms.Teller

	kicks  chan struct{}
	wakes  chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	once   sync.Once
	told   string
}

// New starts a reporter.
func New(log *spool.Spool, send Send, expected Expected, teller *alarms.Teller) *Reporter {
	r := &Reporter{
		log: log, send: send, expected: expected, alarms: teller,
		kicks: make(chan struct{}, 1), wakes: make(chan struct{}, 1), done: make(chan struct{}),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	go r.run()
	r.Kick()
	return r
}

// Kick reports at once, because the service answers.
func (r *Reporter) Kick() {
	select {
	case r.kicks <- struct{}{}:
	default:
	}
}

// Wake reports within 5 s, because there is something.
func (r *Reporter) Wake() {
	select {
	case r.wakes <- struct{}{}:
	default:
	}
}

// Stop tries once more for at most a second.
func (r *Reporter) Stop() {
	r.once.Do(func() {
		r.cancel()
		<-r.done
		ctx, cancel := context.WithTimeout(context.Background(), lastTime)
		defer cancel()
		_ = r.all(ctx) // what is left waits for the next start
	})
}

func (r *Reporter) run() {
	defer close(r.done)
	timer := time.NewTimer(every)
	defer timer.Stop()
	armed := true
	// INVARIANT: what comes while the timer runs does not put it off, or a steady stream would never be reported.
	arm := func() {
		if !armed && r.log.Waiting() > 0 {
			armed = true
			timer.Reset(every)
		}
	}
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.kicks:
		case <-timer.C:
			armed = false
		case <-r.wakes:
			arm()
			continue
		}
		if r.log.Waiting() == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(r.ctx, callTime)
		err := r.all(ctx)
		cancel()
		r.tell(err)
		arm()
	}
}

// tell raises an alarm for what will not mend itself; each kind once until reporting works again.
func (r *Reporter) tell(err error) {
	if err == nil {
		r.told = ""
		return
	}
	if problem, ok := err.(*stuck); ok && r.told != problem.message {
		r.told = problem.message
		r.alarms.Tell("reporting", problem.message)
	}
}

// stuck says that reporting cannot go on by itself.
type stuck struct{ message string }

func (s *stuck) Error() string { return s.message }

// all reports everything that waits.
func (r *Reporter) all(ctx context.Context) error {
	for r.log.Waiting() > 0 {
		entries, err := r.log.Pending(mostEntries, mostBytes)
		if err != nil {
			return &stuck{"the record of what was done without the service cannot be read: " + err.Error()}
		}
		if len(entries) == 0 {
			return nil // not on the disk yet
		}
		through, err := r.send(ctx, entries)
		if err != nil {
			if through, err = r.resumed(ctx, entries, err); err != nil {
				return err
			}
		}
		if through < entries[0].Number {
			return &stuck{fmt.Sprintf("the service has recorded up to %d and does not go on", through)}
		}
		if err := r.log.Mark(through); err != nil {
			return &stuck{"what the service has recorded cannot be noted: " + err.Error()}
		}
	}
	return nil
}

// resumed goes on from the number that the service expects.
func (r *Reporter) resumed(ctx context.Context, entries []spool.Entry, err error) (int64, error) {
	number, ok := r.expected(err)
	first := entries[0].Number
	switch {
	case !ok:
		return 0, err
	case number > r.log.Last()+1:
		return 0, &stuck{fmt.Sprintf("the service has more of this client than its state folder: it expects %d, and the "+
			"last is %d; was the folder restored? begin a new one", number, r.log.Last())}
	case number > first:
		return number - 1, nil // it has those already
	}
	// It lost what it said it had. Here it is gone too, but for the numbers.
	for number < first {
		var lost []spool.Entry
		for len(lost) < mostEntries && number < first {
			lost = append(lost, spool.Entry{Number: number})
			number++
		}
		if _, err := r.send(ctx, lost); err != nil {
			return 0, err
		}
	}
	return r.send(ctx, entries)
}
