package shared

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is for a loaded machine; a start takes a second or two.
const patience = 60 * time.Second

// Server is a real `pdp serve`.
type Server struct {
	Address string
	// Data is its data folder.
	Data    string
	process *exec.Cmd
	t       testing.TB
	ended   chan struct{}
}

// StartServer starts a service as `JINGXI_SERVE` says, and ends it with the test. Options come after the usual ones and
// win over them; without policies among them it decides by the sample bank.
func StartServer(t testing.TB, options ...string) *Server {
	t.Helper()
	var command []string
	if err := json.Unmarshal([]byte(os.Getenv("JINGXI_SERVE")), &command); err != nil || len(command) == 0 {
		t.Skip("needs a service: JINGXI_SERVE is a JSON list with the command that serves")
	}
	folder := t.TempDir()
	ready := filepath.Join(folder, "ready.json")
	command = append(command, "--policies", Policies(), "--listen", "127.0.0.1:0", "--ready-file", ready,
		"--data", filepath.Join(folder, "data"), "--node", "n1", "--drain", "0", "--workers", "1",
		"--admin", "off", "--staff", "off", "--clock", "2026-03-02T10:00:00+08:00")
	command = append(command, options...)
	process := exec.Command(command[0], command[1:]...)
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	process.Stdout, process.Stderr = log, log
	// Python takes modules from where it is started, and this module has a folder `pdp` too.
	process.Dir = folder
	// Its workers end with it, also when it is killed.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	s := &Server{Data: filepath.Join(folder, "data"), process: process, t: t, ended: make(chan struct{})}
	go func() { defer close(s.ended); _ = process.Wait() }() // that it was killed is its only error
	t.Cleanup(s.Kill)
	for end := time.Now().Add(patience); ; {
		text, err := os.ReadFile(ready)
		facts := struct{ Address string }{}
		if err == nil && json.Unmarshal(text, &facts) == nil {
			s.Address = facts.Address
			return s
		}
		select {
		case <-time.After(10 * time.Millisecond): // between looks
			if time.Now().Before(end) {
				continue
			}
		case <-s.ended:
		}
		said, _ := os.ReadFile(log.Name())
		t.Fatalf("the service did not start within %s, or ended:\n%s", patience, said)
	}
}

// Kill takes the service away at once. It may be called again.
func (s *Server) Kill() {
	select {
	case <-s.ended:
	default:
		s.signal(syscall.SIGKILL)
		<-s.ended
	}
}

// Pause makes the service hang; Resume lets it go on. It returns once all its processes stand still: until then, another
// thread of one may go on to answer.
func (s *Server) Pause() {
	s.signal(syscall.SIGSTOP)
	for end := time.Now().Add(patience); !s.standsStill(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("the service goes on although it was stopped")
		}
	}
}

// standsStill tells whether each thread of the service's processes is stopped or at its end.
func (s *Server) standsStill() bool {
	threads, _ := filepath.Glob("/proc/[0-9]*/task/*/stat")
	group := strconv.Itoa(s.process.Process.Pid)
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended meanwhile
		}
		// The name before it may hold anything, also brackets: then state, parent and group.
		facts := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if facts[2] == group && !strings.Contains("TtZX", facts[0]) {
			return false
		}
	}
	return true
}

// Resume lets a paused service go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	if err := syscall.Kill(-s.process.Process.Pid, signal); err != nil && err != syscall.ESRCH {
		s.t.Errorf("the service cannot be sent %s: %v", signal, err)
	}
}
