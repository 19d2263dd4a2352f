package offline_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/internal/settings"
	"jingxi.dev/client/internal/shared"
	"jingxi.dev/client/internal/spool"
	"jingxi.dev/client/offline"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

const patient = 30 * time.Second

var (
	detail = jingxi.Message{Application: "core-counter", Name: "customer-detail"}
	teller = jingxi.Subject{ID: "T1001", Roles: []string{"teller"}, Attributes: map[string]any{"level": 2, "branch": "320400001"}}
	menu   = jingxi.WithContext(map[string]any{"menu": "1201", "channel": "counter", "scenario": "processing", "region": "320400"})
)

func trust() []string { return []string{shared.Vectors("bundles/test.pub")} }

func bundle(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(shared.Vectors("bundles/" + name + ".pb"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func start(t testing.TB, config offline.Config, options ...jingxi.Option) *offline.Client {
	t.Helper()
	config.Trust = trust()
	client, err := offline.New(config, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return client
}

func sample(t testing.TB) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shared.Policies(), "samples", "core-counter.customer-detail.json"))
	if err != nil {
		t.Fatal(err)
	}
	message := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&message); err != nil {
		t.Fatal(err)
	}
	return message
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); time.Now().Before(end); {
		if holds() {
			return
		}
		<-time.After(2 * time.Millisecond) // between looks
	}
	t.Fatalf("in %s it did not come to pass: %s", patient, what)
}

// nodes is a service that sends bundles and takes reports.
type nodes struct {
	pdpv1.UnimplementedBundleServiceServer
	mutex    sync.Mutex
	signed   *pdpv1.SignedBundle
	changed  chan struct{}
	cut      int
	recorded []*pdpv1.OfflineDecision
}

func (n *nodes) publish(t testing.TB, data []byte) {
	t.Helper()
	signed := &pdpv1.SignedBundle{}
	if err := proto.Unmarshal(data, signed); err != nil {
		t.Fatal(err)
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.signed = signed
	if n.changed != nil {
		close(n.changed)
	}
	n.changed = make(chan struct{})
}

func (n *nodes) WatchBundle(request *pdpv1.WatchBundleRequest, stream grpc.ServerStreamingServer[pdpv1.WatchBundleResponse]) error {
	known, revision := request.KnownHash, request.KnownRevision
	for {
		n.mutex.Lock()
		signed, changed, cut := n.signed, n.changed, n.cut
		n.cut = 0
		n.mutex.Unlock()
		if signed.Hash == known && signed.Revision == revision {
			if err := stream.Send(&pdpv1.WatchBundleResponse{Part: &pdpv1.WatchBundleResponse_Current{
				Current: &pdpv1.BundleCurrent{Revision: signed.Revision, Hash: signed.Hash},
			}}); err != nil {
				return err
			}
		} else {
			known, revision = signed.Hash, signed.Revision
			header := &pdpv1.BundleHeader{Revision: signed.Revision, Hash: signed.Hash, KeyId: signed.KeyId,
				Signature: signed.Signature, Size: int64(len(signed.Bundle))}
			if err := stream.Send(&pdpv1.WatchBundleResponse{Part: &pdpv1.WatchBundleResponse_Header{Header: header}}); err != nil {
				return err
			}
			for data := signed.Bundle[:len(signed.Bundle)-cut]; len(data) > 0; {
				size := min(len(data), 1000)
				chunk := &pdpv1.WatchBundleResponse_Chunk{Chunk: data[:size]}
				if err := stream.Send(&pdpv1.WatchBundleResponse{Part: chunk}); err != nil {
					return err
				}
				data = data[size:]
			}
			if cut > 0 {
				return errors.New("the node stops in the middle")
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return nil
		}
	}
}

func (n *nodes) ReportDecisions(_ context.Context, request *pdpv1.ReportDecisionsRequest) (*pdpv1.ReportDecisionsResponse, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, own := range request.Decisions {
		if own.Sequence == int64(len(n.recorded))+1 {
			n.recorded = append(n.recorded, own)
		}
	}
	return &pdpv1.ReportDecisionsResponse{RecordedThrough: int64(len(n.recorded))}, nil
}

func (n *nodes) reported() []*pdpv1.OfflineDecision {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return append([]*pdpv1.OfflineDecision{}, n.recorded...)
}

func serve(t testing.TB, n *nodes) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pdpv1.RegisterBundleServiceServer(server, n)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }() // its only error is that it was stopped
	stop = sync.OnceFunc(func() { server.Stop(); <-done })
	t.Cleanup(stop)
	return listener.Addr().String(), stop
}

func ready(t testing.TB, client *offline.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	if err := client.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestMaskByAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bundle.pb")
	if err := os.WriteFile(file, bundle(t, "bank"), 0o600); err != nil {
		t.Fatal(err)
	}
	client := start(t, offline.Config{File: file}, jingxi.WithStateFolder(t.TempDir()))
	message := sample(t)
	masked, err := client.Mask(t.Context(), message, detail, teller, menu, jingxi.WithAction(jingxi.Action{Name: "query"}))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(message, sample(t)) {
		t.Error("the message was changed")
	}
	found := masked.Message.(map[string]any)
	customer := found["customer"].(map[string]any)
	if customer["id_no"] != "1****************X" || masked.Fallback != nil || len(masked.Decisions) != 4 {
		t.Errorf("masked %v by %d decisions", customer, len(masked.Decisions))
	}
	if id := masked.Decisions[1].Decision.ID; !strings.HasSuffix(id, "-2") || len(id) != 34 {
		t.Errorf("the decision id is %q", id)
	}
	text, _, err := client.MaskJSON(t.Context(), []byte(`{"security":{"query_password":"998877"}}`), detail, teller, menu)
	if err != nil || strings.Contains(string(text), "998877") {
		t.Errorf("masked %s, %v", text, err)
	}
	decision, err := client.Decide(t.Context(), []string{"card_cvv", "nonsense"}, teller, jingxi.WithGrants("G1"))
	if err != nil || decision.Verdicts[0].Unmasked() || decision.Verdicts[1].Mask.Algorithm != "full" {
		t.Errorf("decided %+v, %v", decision, err)
	}
	if codes := []string{decision.Diagnostics[0].Code, decision.Diagnostics[1].Code}; !reflect.DeepEqual(codes, []string{"unknown_field", "grant_not_found"}) {
		t.Errorf("diagnostics %v", codes)
	}
	for _, c := range []struct {
		code  jingxi.Code
		about jingxi.Message
		more  jingxi.CallOption
	}{
		{jingxi.UnknownMessage, jingxi.Message{Application: "core-counter", Name: "nonsense"}, menu},
		{jingxi.RevisionTooOld, detail, jingxi.WithMinRevision(8)},
	} {
		if _, err := client.Mask(t.Context(), message, c.about, teller, c.more); !errors.Is(err, c.code) {
			t.Errorf("the error is %v, expected %s", err, c.code)
		}
	}
}

func TestItDecidesByWhatItKeptWhileTheSourceIsAway(t *testing.T) {
	folder := t.TempDir()
	n := &nodes{}
	n.publish(t, bundle(t, "bank"))
	address, stop := serve(t, n)
	client := start(t, offline.Config{Nodes: address}, jingxi.WithStateFolder(folder))
	ready(t, client)
	if _, err := client.Mask(t.Context(), sample(t), detail, teller, menu); err != nil {
		t.Fatal(err)
	}
	n.publish(t, bundle(t, "bank")) // the node says that it is still in force, so it answers
	eventually(t, "the decisions are reported", func() bool { return client.Status().Waiting == 0 })
	stop()
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	client = start(t, offline.Config{Nodes: address, MaxAge: time.Nanosecond}, jingxi.WithStateFolder(folder))
	masked, err := client.Mask(t.Context(), sample(t), detail, teller, menu)
	if err != nil {
		t.Fatal(err)
	}
	diagnostics := masked.Decisions[0].Decision.Diagnostics
	if len(diagnostics) == 0 || diagnostics[len(diagnostics)-1].Code != "stale_policies" {
		t.Errorf("diagnostics %v", diagnostics)
	}
	if _, err := client.Mask(t.Context(), sample(t), detail, jingxi.Subject{}, menu); !errors.Is(err, jingxi.RequestRejected) {
		t.Errorf("the error is %v", err)
	}
	recorded := n.reported()
	if len(recorded) != 4 || recorded[0].Request.Subject.Id != "T1001" || len(recorded[0].Response.Verdicts) == 0 {
		t.Errorf("%d decisions are recorded", len(recorded))
	}
	for _, own := range recorded {
		for _, mask := range own.Response.Masks {
			if len(mask.Parameters) > 0 {
				t.Error("the record repeats the parameters of masks")
			}
		}
	}
}

func TestBundlesThatMayNotComeIntoUse(t *testing.T) {
	n := &nodes{cut: 500}
	n.publish(t, bundle(t, "verdicts"))
	address, _ := serve(t, n)
	var mutex sync.Mutex
	var alarms []string
	client := start(t, offline.Config{Nodes: address}, jingxi.WithStateFolder(t.TempDir()), jingxi.WithAlarm(func(a jingxi.Alarm) {
		mutex.Lock()
		defer mutex.Unlock()
		alarms = append(alarms, a.Kind)
	}))
	ready(t, client) // the first stream ended in the middle
	hash := client.Status().Hash
	for _, name := range []string{"refused-older", "refused-golden-case", "refused-later-form"} {
		n.publish(t, bundle(t, name))
		eventually(t, name+" is refused", func() bool { return strings.Contains(client.Status().Problem, "not taken into use") })
		if status := client.Status(); status.Hash != hash {
			t.Errorf("%s is in use", name)
		}
		n.publish(t, bundle(t, "verdicts"))
		eventually(t, "all is well", func() bool { return client.Status().Problem == "" })
	}
	mutex.Lock()
	defer mutex.Unlock()
	if len(alarms) != 3 || alarms[0] != "bundle_refused" {
		t.Errorf("alarms %v", alarms)
	}
}

func TestWithoutABundle(t *testing.T) {
	client := start(t, offline.Config{File: filepath.Join(t.TempDir(), "none.pb")}, jingxi.WithStateFolder(t.TempDir()))
	if _, err := client.Mask(t.Context(), sample(t), detail, teller); !errors.Is(err, jingxi.Unavailable) {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := client.WaitReady(ctx); !errors.Is(err, jingxi.Unavailable) {
		t.Errorf("the error is %v", err)
	}
}

type fullDisk struct {
	*os.File
	full *bool
}

func (f fullDisk) Write(data []byte) (int, error) {
	if *f.full {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(data)
}

func TestWhatCannotBeRecordedUnmasksNothing(t *testing.T) {
	full := false
	opener := func(path string) (spool.File, error) {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		return fullDisk{file, &full}, err
	}
	client := start(t, offline.Config{File: shared.Vectors("bundles/bank.pb")}, jingxi.WithStateFolder(t.TempDir()),
		func(s *settings.Settings) { s.Opener = opener })
	decided, err := client.Mask(t.Context(), sample(t), detail, teller, menu, jingxi.WithAction(jingxi.Action{Name: "query"}))
	if err != nil || decided.Fallback != nil {
		t.Fatalf("%+v, %v", decided, err)
	}
	full = true
	masked, err := client.Mask(t.Context(), sample(t), detail, teller, menu, jingxi.WithAction(jingxi.Action{Name: "query"}))
	if err != nil {
		t.Fatal(err)
	}
	if masked.Fallback == nil || masked.Fallback.Recorded || masked.Fallback.Cause != "not_recorded" {
		t.Errorf("the fallback is %+v", masked.Fallback)
	}
	shown := func(m *jingxi.Masked) any {
		return m.Message.(map[string]any)["accounts"].([]any)[0].(map[string]any)["opened_on"]
	}
	if shown(masked) == shown(decided) {
		t.Errorf("a field that was unmasked is shown as %v", shown(masked))
	}
	if _, err := client.Decide(t.Context(), []string{"name"}, teller); !errors.Is(err, jingxi.Unavailable) {
		t.Errorf("the error is %v", err)
	}
}

func TestAsync(t *testing.T) {
	folder := t.TempDir()
	client := start(t, offline.Config{File: shared.Vectors("bundles/bank.pb"), Record: offline.AsyncAlways}, jingxi.WithStateFolder(folder))
	var group sync.WaitGroup
	for range 100 {
		group.Add(1)
		go func() {
			defer group.Done()
			if _, err := client.Mask(t.Context(), sample(t), detail, teller, menu); err != nil {
				t.Error(err)
			}
		}()
	}
	group.Wait()
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	client = start(t, offline.Config{File: shared.Vectors("bundles/bank.pb")}, jingxi.WithStateFolder(folder))
	if waiting := client.Status().Waiting; waiting != 400 {
		t.Errorf("%d decisions wait", waiting)
	}
}

func TestWrongConfiguration(t *testing.T) {
	folder := jingxi.WithStateFolder(t.TempDir())
	for name, c := range map[string]struct {
		config  offline.Config
		options []jingxi.Option
	}{
		"no folder":    {offline.Config{File: "x", Trust: trust()}, nil},
		"no source":    {offline.Config{Trust: trust()}, []jingxi.Option{folder}},
		"no trust":     {offline.Config{File: "x"}, []jingxi.Option{folder}},
		"no such key":  {offline.Config{File: "x", Trust: []string{"/nowhere.pub"}}, []jingxi.Option{folder}},
		"no such mode": {offline.Config{File: "x", Trust: trust(), Record: "later"}, []jingxi.Option{folder}},
		"plain nodes":  {offline.Config{Nodes: "10.0.0.1:1", Trust: trust()}, []jingxi.Option{folder}},
		"a wrong PEM":  {offline.Config{File: "x", Trust: []string{shared.Vectors("masking.json")}}, []jingxi.Option{folder}},
	} {
		if client, err := offline.New(c.config, c.options...); !errors.Is(err, jingxi.Configuration) {
			t.Errorf("%s: %v, %v", name, client, err)
		}
	}
}
