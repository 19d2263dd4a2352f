package bench

import (
	"testing"

	"jingxi.dev/client/internal/shared"
	"jingxi.dev/client/offline"
)

func run(b *testing.B, what func() error, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before, untold := Processor()
	for b.Loop() {
		if err := what(); err != nil {
			b.Fatal(err)
		}
	}
	if after, err := Processor(); err == nil && untold == nil {
		b.ReportMetric(float64((after-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
	}
}

func BenchmarkMasking40(b *testing.B) {
	mask, err := Masking(40)
	run(b, mask, err)
}

func BenchmarkDeciding12(b *testing.B) {
	decide, err := Deciding(shared.Vectors("bundles/bank.pb"), shared.Vectors("bundles/test.pub"))
	run(b, decide, err)
}

func BenchmarkOffline12(b *testing.B) {
	// The log without a service to report to holds some ten thousand decisions.
	const most = 20_000
	made := 0
	var mask, end func() error
	again := func() (err error) {
		if made%most == 0 {
			b.StopTimer()
			defer b.StartTimer()
			if end != nil {
				if err := end(); err != nil {
					return err
				}
			}
			if mask, end, err = Offline(shared.Vectors("bundles/bank.pb"), shared.Vectors("bundles/test.pub"), b.TempDir(), offline.AsyncAlways); err != nil {
				return err
			}
		}
		made++
		return mask()
	}
	run(b, again, nil)
	if err := end(); err != nil {
		b.Error(err)
	}
}

// TestWhatIsMeasuredWorks holds the benchmarks to something.
func TestWhatIsMeasuredWorks(t *testing.T) {
	mask, err := Masking(40)
	if err != nil || mask() != nil {
		t.Error(err)
	}
	decide, err := Deciding(shared.Vectors("bundles/bank.pb"), shared.Vectors("bundles/test.pub"))
	if err != nil || decide() != nil {
		t.Error(err)
	}
}
