package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// frameAt returns the payload of the frame at a place and where it ends; end -1 when it is cut off or no frame.
func frameAt(data []byte, start int64) (payload []byte, end int64, sound bool) {
	if start+headBytes > int64(len(data)) {
		return nil, -1, false
	}
	size := int64(binary.BigEndian.Uint32(data[start:]))
	end = start + headBytes + size
	if size == 0 || size > mostPayload || end > int64(len(data)) {
		return nil, -1, false
	}
	payload = data[start+headBytes : end]
	if crc32.ChecksumIEEE(payload) != binary.BigEndian.Uint32(data[start+4:]) {
		return nil, end, false
	}
	return payload, end, true
}

func (s *Spool) load() error {
	text, err := os.ReadFile(filepath.Join(s.folder, "reported"))
	if err == nil {
		if s.reported, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err != nil || s.reported < 0 {
			s.reported = 0
			s.Damage = append(s.Damage, "`reported` holds no number")
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return err
	}
	var found []*segment
	for _, entry := range entries {
		digits, ok := strings.CutSuffix(entry.Name(), suffix)
		first, err := strconv.ParseInt(digits, 10, 64)
		if ok && err == nil && first > 0 {
			found = append(found, &segment{first: first, path: filepath.Join(s.folder, entry.Name())})
		}
	}
	slices.SortFunc(found, func(a, b *segment) int { return int(a.first - b.first) })
	for i, own := range found {
		isLast := i == len(found)-1
		if err := s.loadSegment(own, isLast); err != nil {
			return err
		}
		if !isLast {
			s.trim(own, found[i+1].first-1) // what was taken back and could not be cut off
		}
		if own.last() <= s.reported {
			if err := os.Remove(own.path); err != nil {
				return err
			}
			continue
		}
		s.segments = append(s.segments, own)
	}
	s.synced = s.last()
	return nil
}

// loadSegment reads a file as it is found: a torn end is cut off the last one, damaged entries count.
func (s *Spool) loadSegment(own *segment, isLast bool) error {
	data, err := os.ReadFile(own.path)
	if err != nil {
		return err
	}
	name := filepath.Base(own.path)
	for own.size < int64(len(data)) {
		_, end, sound := frameAt(data, own.size)
		// A torn write looks like a damaged entry at the very end; nobody was told that it is on the disk.
		if end < 0 || isLast && !sound && end == int64(len(data)) {
			break
		}
		start := own.size
		if !sound {
			start = -1
			s.Damage = append(s.Damage, fmt.Sprintf("entry %d in `%s` is damaged", own.first+int64(len(own.starts)), name))
		}
		own.starts = append(own.starts, start)
		own.size = end
	}
	if own.size == int64(len(data)) {
		return nil
	}
	if !isLast {
		s.Damage = append(s.Damage, fmt.Sprintf("`%s` is damaged after entry %d", name, own.last()))
		return nil
	}
	if holdsFrame(data[own.size:]) {
		s.Damage = append(s.Damage, fmt.Sprintf("`%s` is damaged after entry %d, and what follows is lost", name, own.last()))
	}
	file, err := os.OpenFile(own.path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(own.size), file.Sync(), file.Close())
}

// holdsFrame says whether a sound frame stands somewhere behind the start of what looks like a torn one.
func holdsFrame(data []byte) bool {
	const firstField = 0x08 // every payload begins with its number
	for start := 1; start+headBytes < len(data); start++ {
		if data[start+headBytes] == firstField {
			if _, _, sound := frameAt(data, int64(start)); sound {
				return true
			}
		}
	}
	return false
}
