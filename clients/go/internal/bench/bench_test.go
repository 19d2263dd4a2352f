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
	mask, end, err := Offline(shared.Vectors("bundles/bank.pb"), shared.Vectors("bundles/test.pub"), b.TempDir(), offline.AsyncAlways)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := end(); err != nil {
			b.Error(err)
		}
	}()
	run(b, mask, nil)
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
