package jingxi

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jingxi.dev/client/internal/shared"
)

// TestAgainstTheService masks a message of the sample bank while the real service answers, hangs, and is gone.
func TestAgainstTheService(t *testing.T) {
	server := shared.StartServer(t)
	folder := t.TempDir()
	client := connect(t, server.Address, WithStateFolder(folder))
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	if err := client.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(shared.Policies(), "samples", "core-counter.customer-detail.json"))
	if err != nil {
		t.Fatal(err)
	}
	detail := Message{Application: "core-counter", Name: "customer-detail"}
	subject := Subject{ID: "T1001", Roles: []string{"teller"}, Attributes: map[string]any{"level": 2, "branch": "320400001"}}
	try := func(deadline time.Duration) (string, *Masked) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		shown, masked, err := client.MaskJSON(ctx, text, detail, subject, WithAction(Action{Name: "query"}),
			WithContext(map[string]any{"menu": "1201", "channel": "counter", "scenario": "processing", "region": "320400"}))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(shown), "998877") {
			t.Error("a password is shown, which no rule of any kind may show")
		}
		return string(shown), masked
	}
	shown, masked := try(patient)
	if masked.Fallback != nil || len(masked.Decisions) != 4 || !strings.Contains(shown, "138****8000") || strings.Contains(shown, "11010519491231002X") {
		t.Errorf("masked %s, %+v", shown, masked.Fallback)
	}
	server.Pause()
	if _, masked := try(100 * time.Millisecond); masked.Fallback == nil || masked.Fallback.Cause != "deadline" {
		t.Errorf("the fallback is %+v", masked.Fallback)
	}
	server.Resume()
	eventually(t, "it decides again", func() bool { _, masked := try(patient); return masked.Fallback == nil })
	eventually(t, "the events are reported", func() bool { return client.log.Waiting() == 0 })
	server.Kill()
	if _, masked := try(patient); masked.Fallback == nil || !masked.Fallback.Recorded {
		t.Errorf("the fallback is %+v", masked.Fallback)
	}
}
