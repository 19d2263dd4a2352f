// Package state is the folder that a client keeps on its disk: docs/guides/client-contract.md, "State folder".
package state

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/fault"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

var clientID = regexp.MustCompile(`\A[0-9a-f]{32}\z`)

// Folder is a state folder that this process alone has open.
type Folder struct {
	// Path is where it is.
	Path string
	// ClientID is made once and kept.
	ClientID string

	lock *os.File
}

// Open makes the folder where it is missing, and keeps other processes out.
func Open(path string) (*Folder, error) {
	if err := os.MkdirAll(filepath.Join(path, "maps"), 0o700); err != nil {
		return nil, fault.New(fault.Configuration, "state folder `%s` cannot be made: %s", path, reason(err)).Because(err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.Configuration, "state folder `%s` cannot be written: %s", path, reason(err)).Because(err)
	}
	if err := lockFile(lock); err != nil {
		lock.Close()
		return nil, fault.New(fault.Configuration,
			"state folder `%s` is in use by another process or client; give each its own", path).Because(err)
	}
	folder := &Folder{Path: path, lock: lock}
	if folder.ClientID, err = folder.readID(); err != nil {
		lock.Close()
		return nil, fault.New(fault.Configuration, "state folder `%s` cannot be used: %s", path, reason(err)).Because(err)
	}
	return folder, nil
}

// Close lets other processes in.
func (f *Folder) Close() error { return f.lock.Close() }

func (f *Folder) readID() (string, error) {
	path := filepath.Join(f.Path, "client-id")
	text, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(text)); err == nil && clientID.MatchString(id) {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err == nil && len(text) > 0 {
		return "", errors.New("its file `client-id` does not hold 32 hexadecimal digits; restore it, or begin a new folder")
	}
	var made [16]byte
	rand.Read(made[:])
	id := hex.EncodeToString(made[:])
	return id, WriteWhole(path, []byte(id))
}

func (f *Folder) mapPath(application, name string) string {
	sum := sha256.Sum256([]byte(application + "\x00" + name))
	return filepath.Join(f.Path, "maps", hex.EncodeToString(sum[:])+".pb")
}

// Map returns the message map that was kept; nil when there is none that can be read.
func (f *Folder) Map(application, name string) *pdpv1.GetMessageMapResponse {
	data, err := os.ReadFile(f.mapPath(application, name))
	if err != nil {
		return nil
	}
	found := &pdpv1.GetMessageMapResponse{}
	if proto.Unmarshal(data, found) != nil {
		return nil
	}
	if found.GetMessageMap().GetApplication() != application || found.GetMessageMap().GetName() != name {
		return nil
	}
	return found
}

// KeepMap keeps a message map for the next start.
func (f *Folder) KeepMap(application, name string, found *pdpv1.GetMessageMapResponse) error {
	data, err := proto.Marshal(found)
	if err != nil {
		return err
	}
	return WriteWhole(f.mapPath(application, name), data)
}

// WriteWhole puts a file in place, with rights for its owner only, in full or not at all, also after the power went.
func WriteWhole(path string, data []byte) error {
	aside := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	file, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync())
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(aside, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(aside))
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

func reason(err error) string {
	var known *fs.PathError
	if errors.As(err, &known) {
		return known.Err.Error()
	}
	return err.Error()
}
