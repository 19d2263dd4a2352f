// Command bench measures the client and prints a line of JSON for each figure, as benchmarks/clients.py has it. It finds
// what it needs by JINGXI_VECTORS, and JINGXI_TARGET for a decision service of the sample bank.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/internal/bench"
	"jingxi.dev/client/offline"
)

// long is how long each is measured, at most so many calls where each leaves a record: the log without a service to
// report to holds some ten thousand.
const (
	long      = 2 * time.Second
	recorded  = 20_000
	unbounded = 0
)

func main() {
	vectors := os.Getenv("JINGXI_VECTORS")
	bundle, key := filepath.Join(vectors, "bundles", "bank.pb"), filepath.Join(vectors, "bundles", "test.pub")
	if err := run(bundle, key, os.Getenv("JINGXI_TARGET")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func tell(name string, value float64, unit string) error {
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"name": name, "value": value, "unit": unit})
}

func run(bundle, key, online string) error {
	mask, err := bench.Masking(40)
	if err != nil {
		return err
	}
	times, err := measure(5, unbounded, mask)
	if err != nil {
		return err
	}
	if err := tell("mask_40_fields", at(times, 0.5), "µs"); err != nil {
		return err
	}
	decide, err := bench.Deciding(bundle, key)
	if err != nil {
		return err
	}
	if times, err = measure(5, unbounded, decide); err != nil {
		return err
	}
	if err := tell("offline_12_fields", at(times, 0.5), "µs"); err != nil {
		return err
	}
	spent, err := processor(decide)
	if err != nil {
		return err
	}
	if err := errors.Join(tell("offline_12_fields_cpu", spent, "µs"), tell("offline_messages_per_second", 1e6/spent, "/s")); err != nil {
		return err
	}
	bytes, err := allocated(decide)
	if err != nil {
		return err
	}
	if err := tell("offline_12_fields_allocated", bytes, "B"); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "jingxi-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	whole, end, err := bench.Offline(bundle, key, folder, offline.AsyncAlways)
	if err != nil {
		return err
	}
	if times, err = measure(5, recorded, whole); err != nil {
		return err
	}
	if err := errors.Join(end(), tell("offline_12_fields_recorded", at(times, 0.5), "µs")); err != nil {
		return err
	}
	if online == "" {
		return nil
	}
	client, err := jingxi.New(online, jingxi.WithDeadline(10*time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	message := bench.Customer()
	times, err = measure(1, unbounded, func() error {
		_, err := client.Mask(context.Background(), message, jingxi.Message{Application: "core-counter", Name: "customer-detail"},
			jingxi.Subject{ID: "T1001", Roles: []string{"teller"}, Attributes: map[string]any{"level": 2}},
			jingxi.WithContext(map[string]any{"menu": "1201"}))
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(tell("online_p50", at(times, 0.5)/1e3, "ms"), tell("online_p99", at(times, 0.99)/1e3, "ms"))
}

// measure returns the sorted times of one call in microseconds, taken over rounds of some calls each: few, so that the
// median is not of rounds in which another process had the processor.
func measure(round, most int, what func() error) ([]float64, error) {
	var times []float64
	for begun := time.Now(); time.Since(begun) < long && (most == unbounded || len(times)*round < most); {
		start := time.Now()
		for range round {
			if err := what(); err != nil {
				return nil, err
			}
		}
		times = append(times, float64(time.Since(start).Nanoseconds())/1e3/float64(round))
	}
	times = times[len(times)/10:] // the first ones warm up
	slices.Sort(times)
	return times, nil
}

// allocated returns the bytes that one call allocates.
func allocated(what func() error) (float64, error) {
	const calls = 5_000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		if err := what(); err != nil {
			return 0, err
		}
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / calls, nil
}

// processor returns the processor's time of one call in microseconds, the median of some blocks.
func processor(what func() error) (float64, error) {
	const blocks, calls = 10, 5_000
	var times []float64
	for range blocks {
		before, err := bench.Processor()
		for range calls {
			if err == nil {
				err = what()
			}
		}
		after, ended := bench.Processor()
		if err := errors.Join(err, ended); err != nil {
			return 0, err
		}
		times = append(times, float64((after-before).Nanoseconds())/1e3/calls)
	}
	slices.Sort(times)
	return at(times, 0.5), nil
}

func at(times []float64, part float64) float64 {
	return times[min(int(part*float64(len(times))), len(times)-1)]
}
