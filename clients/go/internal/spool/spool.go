// Package spool is a log on the client's disk: what was done without the service, numbered from 1 without a gap until
// the service has it. The form of the files is in docs/guides/client-contract.md, "State folder".
package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"jingxi.dev/client/internal/state"
)

const (
	segmentBytes = 4 << 20
	mostBytes    = 64 << 20
	mostPayload  = 4 << 20
	headBytes    = 8
	suffix       = ".log"
)

// ErrFull says that the files together have reached their bound.
var ErrFull = errors.New("the log is full: all of it waits for the service")

// errLost says that what was written is not on the disk.
var errLost = errors.New("the entry could not be written to the disk")

// File is the part of os.File that the log writes by, so that tests can let it fail.
type File interface {
	io.Writer
	io.Seeker
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// Opener makes the file of a segment.
type Opener func(path string) (File, error)

// segment is a file of the log: where each of its entries begins. Damaged and lost entries have -1.
type segment struct {
	first  int64
	path   string
	starts []int64
	size   int64
}

func (s *segment) last() int64 { return s.first + int64(len(s.starts)) - 1 }

// Entry is an entry with its number; Payload is nil for one that is lost.
type Entry struct {
	Number  int64
	Payload []byte
}

// Spool is the log in one folder. It is safe for concurrent use; only one process may have it open.
type Spool struct {
	// Damage tells what was found damaged when the log was opened.
	Damage []string

	folder string
	most   int64
	open   Opener

	// syncing is held during an fsync and always taken before mutex.
	syncing sync.Mutex
	mutex   sync.Mutex
	// segments are never empty but for the one that is written.
	segments []*segment
	file     File
	reported int64
	synced   int64
	// losses counts how often entries were taken back, so that those who wait for them are told.
	losses int
}

// Open opens or makes the log. most bounds the bytes of all files, 0 for 64 MiB; opener may be nil.
func Open(folder string, most int64, opener Opener) (*Spool, error) {
	if most == 0 {
		most = mostBytes
	}
	if opener == nil {
		opener = func(path string) (File, error) {
			// What stands there was never told to anybody: no entry of this number was ever on the disk.
			return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	s := &Spool{folder: folder, most: most, open: opener}
	return s, s.load()
}

// Append writes an entry made from its number; it returns when that is on the disk, and those who come at the same time
// share an fsync. Without durable it returns earlier, and Sync must follow. When it fails the entry is not there.
func (s *Spool) Append(durable bool, make func(number int64) ([]byte, error)) (int64, error) {
	s.mutex.Lock()
	number, err := s.write(make)
	losses := s.losses
	s.mutex.Unlock()
	if err != nil || !durable {
		return number, err
	}
	return number, s.wait(number, losses)
}

// Sync returns when all entries are on the disk.
func (s *Spool) Sync() error {
	s.mutex.Lock()
	number, losses := s.last(), s.losses
	s.mutex.Unlock()
	return s.wait(number, losses)
}

// Waiting returns how many entries the service does not have.
func (s *Spool) Waiting() int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.last() - s.reported
}

// Last returns the number of the last entry.
func (s *Spool) Last() int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.last()
}

// Filling returns how full the files are: 1 for at their bound.
func (s *Spool) Filling() float64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return float64(s.total()) / float64(s.most)
}

// Pending returns the first entries on the disk that the service does not have, at least one when there is any.
func (s *Spool) Pending(mostEntries, mostSize int) ([]Entry, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var found []Entry
	size := 0
	number := s.reported + 1
	for _, own := range s.segments {
		for number < own.first && number <= s.synced && len(found) < mostEntries {
			found = append(found, Entry{Number: number})
			number++
		}
		if own.last() < number || number > s.synced {
			continue
		}
		data, err := os.ReadFile(own.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
		for ; number <= min(own.last(), s.synced); number++ {
			var payload []byte
			if start := own.starts[number-own.first]; start >= 0 {
				payload, _, _ = frameAt(data, start)
			}
			if len(found) == mostEntries || len(found) > 0 && size+len(payload) > mostSize {
				return found, nil
			}
			size += len(payload)
			found = append(found, Entry{number, payload})
		}
	}
	return found, nil
}

// Mark notes that the service has all up to a number, and forgets those.
func (s *Spool) Mark(number int64) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	number = min(number, s.last())
	if number == s.reported {
		return nil
	}
	if err := state.WriteWhole(filepath.Join(s.folder, "reported"), []byte(strconv.FormatInt(number, 10))); err != nil {
		return err
	}
	s.reported = number
	for len(s.segments) > 0 && s.segments[0].last() <= min(number, s.synced) {
		if len(s.segments) == 1 {
			s.closeFile()
		}
		if err := os.Remove(s.segments[0].path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		s.segments = s.segments[1:]
	}
	return nil
}

// Close closes the files; what was not synced is.
func (s *Spool) Close() error {
	err := s.Sync()
	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closeFile()
	return err
}

func (s *Spool) last() int64 {
	if len(s.segments) == 0 {
		return s.reported
	}
	return s.segments[len(s.segments)-1].last()
}

func (s *Spool) total() int64 {
	var total int64
	for _, own := range s.segments {
		total += own.size
	}
	return total
}

func (s *Spool) write(entry func(int64) ([]byte, error)) (int64, error) {
	number := s.last() + 1
	payload, err := entry(number)
	if err != nil {
		return 0, err
	}
	if len(payload) == 0 || len(payload) > mostPayload {
		return 0, fmt.Errorf("an entry has %d bytes, not 1 to %d", len(payload), mostPayload)
	}
	frame := make([]byte, 0, headBytes+len(payload))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(payload)))
	frame = binary.BigEndian.AppendUint32(frame, crc32.ChecksumIEEE(payload))
	frame = append(frame, payload...)
	if s.total()+int64(len(frame)) > s.most {
		return 0, ErrFull
	}
	if err := s.fileFor(number); err != nil {
		return 0, err
	}
	own := s.segments[len(s.segments)-1]
	if _, err := s.file.Write(frame); err != nil {
		s.cut(own)
		return 0, err
	}
	own.starts = append(own.starts, own.size)
	own.size += int64(len(frame))
	return number, nil
}

// fileFor makes a new file when there is none to write to or it is full.
func (s *Spool) fileFor(number int64) error {
	if s.file != nil && s.segments[len(s.segments)-1].size < segmentBytes {
		return nil
	}
	if s.file != nil {
		if err := s.file.Sync(); err != nil {
			s.lose()
			return err
		}
		s.synced = s.last()
		s.closeFile()
	}
	path := filepath.Join(s.folder, fmt.Sprintf("%08d%s", number, suffix))
	file, err := s.open(path)
	if err != nil {
		return err
	}
	if err := state.SyncFolder(s.folder); err != nil {
		file.Close()
		return err
	}
	s.file = file
	s.segments = append(s.segments, &segment{first: number, path: path})
	return nil
}

func (s *Spool) wait(number int64, losses int) error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.mutex.Lock()
	if s.losses != losses {
		s.mutex.Unlock()
		return errLost
	}
	if s.synced >= number || s.file == nil {
		s.mutex.Unlock()
		return nil
	}
	target, file := s.last(), s.file
	s.mutex.Unlock()
	err := file.Sync()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err != nil && s.file == file {
		s.lose()
		return err
	}
	s.synced = max(s.synced, target)
	return nil
}

// lose takes back what may or may not be on the disk; all who wait for it are told. A second fsync would say that all
// is well although the first one lost it.
func (s *Spool) lose() {
	s.losses++
	own := s.segments[len(s.segments)-1]
	s.trim(own, s.synced)
	s.cut(own)
}

// trim forgets the entries of a segment behind a number.
func (s *Spool) trim(own *segment, last int64) {
	if keep := max(last-own.first+1, 0); keep < int64(len(own.starts)) {
		own.size = max(own.starts[keep], 0)
		own.starts = own.starts[:keep]
	}
}

// cut takes off what stands behind the sound entries of the file that is written; where that fails the file is left, and
// what was not on the disk yet with it.
func (s *Spool) cut(own *segment) {
	_, err := s.file.Seek(own.size, io.SeekStart)
	if err = errors.Join(err, s.file.Truncate(own.size)); err != nil {
		s.closeFile()
		if s.synced < own.last() {
			s.losses++
			s.trim(own, s.synced)
		}
	}
	if len(own.starts) == 0 {
		s.closeFile()
		s.segments = s.segments[:len(s.segments)-1]
		os.Remove(own.path)
	}
}

func (s *Spool) closeFile() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}
