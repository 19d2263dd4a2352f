package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func open(t *testing.T, folder string) *Spool {
	t.Helper()
	s, err := Open(folder, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// payload begins as every entry does: with its number.
func payload(number int64, size int) []byte {
	return append([]byte{0x08, byte(number)}, bytes.Repeat([]byte{'x'}, size)...)
}

func fill(t *testing.T, s *Spool, count, size int) {
	t.Helper()
	for range count {
		if _, err := s.Append(true, func(number int64) ([]byte, error) { return payload(number, size), nil }); err != nil {
			t.Fatal(err)
		}
	}
}

func numbers(t *testing.T, s *Spool) (found, lost []int64) {
	t.Helper()
	entries, err := s.Pending(1_000, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Payload == nil {
			lost = append(lost, entry.Number)
		} else if found = append(found, entry.Number); entry.Payload[1] != byte(entry.Number) {
			t.Errorf("entry %d is another one", entry.Number)
		}
	}
	return found, lost
}

func expect(t *testing.T, s *Spool, found, lost string) {
	t.Helper()
	a, b := numbers(t, s)
	if fmt.Sprint(a) != found || fmt.Sprint(b) != lost {
		t.Errorf("entries %v and lost %v, expected %s and %s", a, b, found, lost)
	}
}

func TestEntriesOutliveTheProcess(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	fill(t, s, 3, 10)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, folder)
	fill(t, s, 1, 10)
	expect(t, s, "[1 2 3 4]", "[]")
	if err := s.Mark(3); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "[4]", "[]")
	s = open(t, folder)
	expect(t, s, "[4]", "[]")
	if err := s.Mark(4); err != nil {
		t.Fatal(err)
	}
	s = open(t, folder)
	fill(t, s, 1, 10)
	expect(t, s, "[5]", "[]")
}

func TestFilesBeginAnewAndGoWhenReported(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	fill(t, s, 9, 1<<20)
	files, _ := filepath.Glob(filepath.Join(folder, "*.log"))
	if len(files) != 3 || filepath.Base(files[1]) != "00000005.log" {
		t.Errorf("the files are %v", files)
	}
	if err := s.Mark(5); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "[6 7 8 9]", "[]")
	if files, _ = filepath.Glob(filepath.Join(folder, "*.log")); len(files) != 2 {
		t.Errorf("the files are %v", files)
	}
}

func TestATornEndIsCutOff(t *testing.T) {
	for cut := 1; cut < 8+12; cut++ {
		folder := t.TempDir()
		s := open(t, folder)
		fill(t, s, 3, 10)
		path := filepath.Join(folder, "00000001.log")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data[:len(data)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s = open(t, folder)
		if len(s.Damage) > 0 {
			t.Errorf("a torn end of %d bytes is damage: %v", cut, s.Damage)
		}
		fill(t, s, 1, 10)
		expect(t, s, "[1 2 3]", "[]")
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	fill(t, s, 4, 4)
	path := filepath.Join(folder, "00000001.log")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	frame := len(whole) / 4
	for bit := range len(whole) * 8 {
		data := bytes.Clone(whole)
		data[bit/8] ^= 1 << (bit % 8)
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "00000001.log"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, folder)
		found, lost := numbers(t, s)
		if len(found) > 3 || len(found)+len(lost) > 4 {
			t.Fatalf("bit %d: entries %v, lost %v", bit, found, lost)
		}
		if place := bit / 8 / frame; place < 3 && len(s.Damage) == 0 {
			t.Errorf("bit %d of entry %d: nothing is told; entries %v", bit, place+1, found)
		}
		fill(t, s, 1, 4)
		if after, lost := numbers(t, s); int64(len(after)+len(lost)) != s.Last() {
			t.Errorf("bit %d: the numbers %v and %v have a gap", bit, after, lost)
		}
	}
}

func TestADamagedEntryInTheMiddleKeepsItsNumber(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	fill(t, s, 9, 1<<20)
	path := filepath.Join(folder, "00000001.log")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[(1<<20)+100] ^= 1
	if err := os.WriteFile(path, data[:len(data)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, folder)
	expect(t, s, "[1 3 5 6 7 8 9]", "[2 4]")
	if len(s.Damage) != 2 {
		t.Errorf("told %v", s.Damage)
	}
}

func TestItIsBounded(t *testing.T) {
	s, err := Open(t.TempDir(), 100, nil)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 1, 50)
	if s.Filling() < 0.5 {
		t.Errorf("it is full by %v", s.Filling())
	}
	if _, err := s.Append(true, func(n int64) ([]byte, error) { return payload(n, 50), nil }); !errors.Is(err, ErrFull) {
		t.Errorf("the error is %v", err)
	}
	if err := s.Mark(1); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 1, 50)
	expect(t, s, "[2]", "[]")
}

type countedFile struct {
	*os.File
	syncs *atomic.Int64
	fail  *atomic.Bool
}

func (c countedFile) Sync() error {
	c.syncs.Add(1)
	if c.fail.Load() {
		return errors.New("lost")
	}
	return c.File.Sync()
}

func TestThoseAtTheSameTimeShareAnFsync(t *testing.T) {
	var syncs atomic.Int64
	var fail atomic.Bool
	s, err := Open(t.TempDir(), 0, func(path string) (File, error) {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		return countedFile{file, &syncs, &fail}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var failed atomic.Int64
	work := func() {
		for range 50 {
			group.Add(1)
			go func() {
				defer group.Done()
				if _, err := s.Append(true, func(n int64) ([]byte, error) { return payload(n, 10), nil }); err != nil {
					failed.Add(1)
				}
			}()
		}
		group.Wait()
	}
	work()
	if failed.Load() > 0 || syncs.Load() > 50 {
		t.Errorf("%d failed, %d fsyncs", failed.Load(), syncs.Load())
	}
	fail.Store(true)
	work()
	if failed.Load() != 50 || s.Last() != 50 {
		t.Errorf("%d failed, the last is %d", failed.Load(), s.Last())
	}
	fail.Store(false)
	work()
	if found, lost := numbers(t, s); len(found) != 100 || len(lost) > 0 {
		t.Errorf("%d entries, %d lost", len(found), len(lost))
	}
}
