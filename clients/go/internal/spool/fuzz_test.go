package spool

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzFrames opens whatever a file may hold: it never fails, and what is appended then is read back.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 1, 0xA5, 0x05, 0xDF, 0x1B, 0})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 8, 1})
	f.Add([]byte("00000001.log"))
	f.Fuzz(func(t *testing.T, data []byte) {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "00000001.log"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, folder)
		before := s.Last()
		fill(t, s, 1, 3)
		entries, err := s.Pending(1<<20, 1<<30)
		if err != nil || int64(len(entries)) != before+1 || s.Last() != before+1 {
			t.Fatalf("%d entries after %d, %v", len(entries), before, err)
		}
		for i, entry := range entries {
			if entry.Number != int64(i)+1 {
				t.Fatalf("entry %d has number %d", i+1, entry.Number)
			}
		}
	})
}
