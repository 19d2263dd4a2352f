package breaker

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func ask(t *testing.T, b *Breaker, expected bool) Permit {
	t.Helper()
	permit, ok := b.Ask()
	if ok != expected {
		t.Fatalf("it allows a call: %v", ok)
	}
	return permit
}

func TestItOpensHalfOpensAndCloses(t *testing.T) {
	now := time.Unix(0, 0)
	var told []bool
	b := New(func() time.Time { return now }, func(open bool) { told = append(told, open) })
	for range 4 {
		ask(t, b, true).Failure()
	}
	ask(t, b, true).Success() // in a row, or not at all
	for range 5 {
		ask(t, b, true).Failure()
	}
	ask(t, b, false)
	pause := time.Second
	for range 7 {
		now = now.Add(pause - time.Millisecond)
		ask(t, b, false)
		now = now.Add(time.Millisecond + pause/10)
		trial := ask(t, b, true)
		ask(t, b, false) // one at a time
		trial.Failure()
		pause = min(2*pause, 30*time.Second)
	}
	now = now.Add(34 * time.Second)
	ask(t, b, true).Abandon() // says nothing, and the next one is tried
	ask(t, b, true).Success()
	ask(t, b, true)
	ask(t, b, true)
	if fmt.Sprint(told) != "[true false]" || b.Open() {
		t.Errorf("told %v", told)
	}
}

func TestCallsThatWereUnderWayDoNotProlongThePause(t *testing.T) {
	now := time.Unix(0, 0)
	b := New(func() time.Time { return now }, func(bool) {})
	var permits []Permit
	for range 50 {
		permits = append(permits, ask(t, b, true))
	}
	var group sync.WaitGroup
	for _, permit := range permits {
		group.Go(permit.Failure)
	}
	group.Wait()
	now = now.Add(1100 * time.Millisecond)
	ask(t, b, true).Success()
}
