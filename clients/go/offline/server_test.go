package offline_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/internal/shared"
	"jingxi.dev/client/offline"
)

// TestByTheServicesBundle decides by the bundle of the real service as the service itself does, and reports it there.
func TestByTheServicesBundle(t *testing.T) {
	server := shared.StartServer(t, "--clock", time.Now().Format(time.RFC3339))
	stranger := start(t, offline.Config{Nodes: server.Address}, jingxi.WithStateFolder(t.TempDir()))
	client, err := offline.New(offline.Config{
		Nodes: server.Address, Trust: []string{filepath.Join(server.Data, "keys", "control")},
	}, jingxi.WithStateFolder(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ready(t, client)
	online, err := jingxi.New(server.Address, jingxi.WithDeadline(patient))
	if err != nil {
		t.Fatal(err)
	}
	defer online.Close()
	action := jingxi.WithAction(jingxi.Action{Name: "query"})
	decided, err := client.Mask(t.Context(), sample(t), detail, teller, menu, action)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := online.Mask(t.Context(), sample(t), detail, teller, menu, action)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(decided.Message, asked.Message) || decided.PolicyHash != asked.PolicyHash {
		t.Errorf("offline %v, and online %v", decided.Message, asked.Message)
	}
	eventually(t, "a bundle that a stranger signed is refused", func() bool {
		return strings.Contains(stranger.Status().Problem, "not trusted here")
	})
	eventually(t, "the service has recorded all", func() bool { return client.Status().Waiting == 0 })
}
