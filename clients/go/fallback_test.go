package jingxi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"jingxi.dev/client/internal/settings"
	"jingxi.dev/client/internal/spool"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

var suffix4 = keep(0, 4)

// withRule lets `name` pass for an hour; `mobile` and `secret` are masked, and `unlisted` is not spoken about.
func withRule(f *fakeService) *fakeService {
	f.serveMap(customerMap("name", "mobile", "secret", "unlisted"))
	found := f.maps[customer]
	found.PassUntilNanos = time.Now().Add(time.Hour).UnixNano()
	found.AlarmEvents, found.AlarmSeconds = 2, 3600
	found.Fallbacks = []*pdpv1.FieldFallback{
		{Field: "mobile", Level: "C2", Mask: suffix4},
		{Field: "name", Level: "C1", Pass: true, Mask: suffix4},
		{Field: "secret", Level: "C3", Mask: suffix4},
	}
	return f
}

var (
	person   = doc{"no": "C1", "name": "zhangsan", "mobile": "13812348000", "secret": "99887766", "unlisted": "x", "other": 1}
	fallen   = doc{"no": "C1", "name": "zhangsan", "mobile": "*******8000", "secret": "****7766", "unlisted": "***", "other": 1}
	nonePass = doc{"no": "C1", "name": "****gsan", "mobile": "*******8000", "secret": "****7766", "unlisted": "***", "other": 1}
)

type heard struct {
	mutex sync.Mutex
	kinds []string
}

func (h *heard) hear(a Alarm) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.kinds = append(h.kinds, a.Kind)
}

func (h *heard) count(kind string) int {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	found := 0
	for _, own := range h.kinds {
		if own == kind {
			found++
		}
	}
	return found
}

func fails(code codes.Code) func(context.Context, string, int) error {
	return func(_ context.Context, name string, _ int) error {
		if name == "ReportFallbacks" {
			return nil
		}
		return status.Error(code, "broken")
	}
}

func mustMask(t *testing.T, client *Client, want doc) *Masked {
	t.Helper()
	masked, err := client.Mask(t.Context(), person, customer, teller, WithContext(map[string]any{"menu": "1201"}), WithGrants("G1"))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(masked.Message, want) {
		t.Errorf("masked %v, expected %v", masked.Message, want)
	}
	return masked
}

func prepared(t *testing.T, client *Client) {
	t.Helper()
	if err := client.Prepare(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
}

func TestTheFailureRuleHoldsByTheStatus(t *testing.T) {
	for code, cause := range map[codes.Code]string{
		codes.Unavailable: "unavailable", codes.DeadlineExceeded: "deadline", codes.Internal: "bad_answer",
		codes.Unknown: "bad_answer", codes.Aborted: "bad_answer", codes.Canceled: "bad_answer", codes.DataLoss: "bad_answer",
		codes.Unimplemented: "bad_answer", codes.ResourceExhausted: "overload", codes.FailedPrecondition: "unavailable",
		codes.InvalidArgument: "", codes.NotFound: "", codes.OutOfRange: "", codes.Unauthenticated: "", codes.PermissionDenied: "",
	} {
		t.Run(code.String(), func(t *testing.T) {
			f := withRule(newFake())
			address, _ := serve(t, f)
			client := connect(t, address, WithStateFolder(t.TempDir()))
			prepared(t, client)
			f.set(func() { f.before = fails(code) })
			if cause == "" {
				if masked, err := client.Mask(t.Context(), person, customer, teller); err == nil {
					t.Errorf("answered %v: what the service refuses is an error", masked)
				}
				return
			}
			fallback := mustMask(t, client, fallen).Fallback
			if fallback == nil || fallback.Cause != cause || !fallback.Recorded || !reflect.DeepEqual(fallback.Passed, []string{"name"}) {
				t.Errorf("the fallback is %+v", fallback)
			}
		})
	}
}

func TestWhatPassesIsRecordedAndReportedOnce(t *testing.T) {
	f := withRule(newFake())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	stop := serveOn(t, f, listener)
	folder := t.TempDir()
	client := connect(t, address, WithStateFolder(folder))
	prepared(t, client)
	stop()
	for range 3 {
		mustMask(t, client, fallen)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	// A new process, the service still away: the map is on the disk.
	client = connect(t, address, WithStateFolder(folder))
	mustMask(t, client, fallen)
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	serveOn(t, f, listener)
	ready, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	if err := client.WaitReady(ready); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a message is decided", func() bool {
		masked, err := client.Mask(t.Context(), person, customer, teller)
		return err == nil && masked.Fallback == nil
	})
	eventually(t, "the events are reported", func() bool { return client.log.Waiting() == 0 })
	events := f.reported()
	for i, event := range events {
		if event.Sequence != int64(i)+1 || event.Subject.Id != "T1001" || event.PolicyHash != "h1" || event.Revision != 7 {
			t.Errorf("event %d is %v", i, event)
		}
		item := event.Items[0]
		if len(event.Items) != 1 || item.Resource.Id != "C1" || !reflect.DeepEqual(item.Passed, []string{"name"}) ||
			!reflect.DeepEqual(item.Masked, []string{"mobile", "secret", "unlisted"}) {
			t.Errorf("event %d has items %v", i, event.Items)
		}
	}
	if first := events[0]; first.Context["menu"].GetStringValue() != "1201" || first.GrantIds[0] != "G1" {
		t.Errorf("the first event is %v", first)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "fallbacks", "*.log")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	client = connect(t, address, WithStateFolder(folder))
	mustDecide(t, client)
	if again := f.reported(); len(again) != len(events) {
		t.Errorf("%d events after a new start, %d before", len(again), len(events))
	}
}

func mustDecide(t *testing.T, client *Client) {
	t.Helper()
	if _, err := client.Mask(t.Context(), person, customer, teller); err != nil {
		t.Fatal(err)
	}
}

func TestNothingPassesAfterItsTime(t *testing.T) {
	f := withRule(newFake())
	f.maps[customer].PassUntilNanos = time.Now().Add(-time.Second).UnixNano()
	address, _ := serve(t, f)
	client := connect(t, address, WithStateFolder(t.TempDir()))
	prepared(t, client)
	f.set(func() { f.before = fails(codes.Unavailable) })
	if fallback := mustMask(t, client, nonePass).Fallback; !fallback.Recorded || len(fallback.Passed) > 0 {
		t.Errorf("the fallback is %+v", fallback)
	}
}

func TestWithoutAFolderOrAMapItIsAnError(t *testing.T) {
	f := withRule(newFake())
	f.before = fails(codes.Unavailable)
	address, _ := serve(t, f)
	for _, options := range [][]Option{{}, {WithStateFolder(t.TempDir())}} {
		_, err := connect(t, address, options...).Mask(t.Context(), person, customer, teller)
		if !errors.Is(err, Unavailable) {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestAMessageThatDoesNotFitIsRefusedInAFallbackToo(t *testing.T) {
	f := withRule(newFake())
	address, _ := serve(t, f)
	client := connect(t, address, WithStateFolder(t.TempDir()))
	prepared(t, client)
	f.set(func() { f.before = fails(codes.Unavailable) })
	if _, err := client.Mask(t.Context(), []any{person}, customer, teller); !errors.Is(err, MessageMismatch) {
		t.Errorf("the error is %v", err)
	}
}

func TestGarbageAndSilence(t *testing.T) {
	f := withRule(newFake())
	address, _ := serve(t, f)
	client := connect(t, address, WithStateFolder(t.TempDir()))
	prepared(t, client)
	f.set(func() {
		f.answer = func(*pdpv1.Resource, *pdpv1.MessageRef, []string) (*pdpv1.DecideResponse, *pdpv1.ItemError) {
			return replyOf([]string{"name", "\xff"}, said{}), nil // cannot be marshalled: the service fails
		}
	})
	if fallback := mustMask(t, client, fallen).Fallback; fallback == nil || fallback.Cause != "bad_answer" {
		t.Errorf("the fallback is %+v", fallback)
	}
	f.set(func() { f.before = hold })
	client.settings.Deadline = 50 * time.Millisecond
	if fallback := mustMask(t, client, fallen).Fallback; fallback == nil || fallback.Cause != "deadline" {
		t.Errorf("the fallback is %+v", fallback)
	}
	// An answer that says nothing about the fields masks them all.
	f.set(func() {
		f.before = func(context.Context, string, int) error { return nil }
		f.answer = func(*pdpv1.Resource, *pdpv1.MessageRef, []string) (*pdpv1.DecideResponse, *pdpv1.ItemError) {
			return &pdpv1.DecideResponse{}, nil
		}
	})
	client.settings.Deadline = patient
	all := doc{"no": "C1", "name": "***", "mobile": "***", "secret": "***", "unlisted": "***", "other": 1}
	if masked := mustMask(t, client, all); masked.Fallback != nil {
		t.Errorf("the fallback is %+v", masked.Fallback)
	}
}

// failingFile is a disk that is full, or loses what it was given.
type failingFile struct {
	*os.File
	full, lost *error
}

func (f failingFile) Write(data []byte) (int, error) {
	if *f.full != nil {
		count, _ := f.File.Write(data[:len(data)/2])
		return count, *f.full
	}
	return f.File.Write(data)
}

func (f failingFile) Sync() error { return errors.Join(*f.lost, f.File.Sync()) }

func TestWhatCannotBeRecordedDoesNotPass(t *testing.T) {
	var full, lost error
	opener := func(path string) (spool.File, error) {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		return failingFile{file, &full, &lost}, err
	}
	f := withRule(newFake())
	address, _ := serve(t, f)
	alarms := &heard{}
	client := connect(t, address, WithStateFolder(t.TempDir()), WithAlarm(alarms.hear),
		func(s *settings.Settings) { s.Opener = opener })
	prepared(t, client)
	f.set(func() {
		f.before = func(context.Context, string, int) error { return status.Error(codes.Internal, "broken") }
	})
	for i, disk := range []*error{&full, &lost} {
		*disk = syscall.ENOSPC
		fallback := mustMask(t, client, nonePass).Fallback
		if fallback.Recorded || len(fallback.Passed) > 0 {
			t.Errorf("the fallback is %+v", fallback)
		}
		*disk = nil
		if fallback := mustMask(t, client, fallen).Fallback; !fallback.Recorded {
			t.Errorf("the fallback is %+v", fallback)
		}
		eventually(t, "the alarm is told", func() bool { return alarms.count("not_recorded") == i+1 })
	}
	f.set(func() { f.before = func(context.Context, string, int) error { return nil } })
	client.reporter.Kick()
	eventually(t, "the events are reported", func() bool { return len(f.reported()) == 2 })
	for i, event := range f.reported() {
		if event.Sequence != int64(i)+1 || len(event.Items) != 1 {
			t.Errorf("event %d is %v", i, event)
		}
	}
}

func TestTheAlarmForManyFallbacksIsToldOnce(t *testing.T) {
	f := withRule(newFake())
	address, _ := serve(t, f)
	alarms := &heard{}
	client := connect(t, address, WithStateFolder(t.TempDir()), WithAlarm(alarms.hear))
	prepared(t, client)
	f.set(func() { f.before = fails(codes.Internal) })
	for i := range 9 {
		mustMask(t, client, fallen)
		if i == 1 && alarms.count("many_fallbacks") > 0 {
			t.Error("two messages raised the alarm, which is for more than two")
		}
	}
	eventually(t, "the breaker's alarm is told", func() bool { return alarms.count("breaker_opened") == 1 })
	eventually(t, "the alarm is told", func() bool { return alarms.count("many_fallbacks") == 1 })
	if calls := f.called(); len(calls) != 1+5 {
		t.Errorf("the service was asked %d times after it had failed 5 times: %v", len(calls)-1, calls)
	}
	if cause := mustMask(t, client, fallen).Fallback.Cause; cause != "breaker_open" {
		t.Errorf("the cause is %s", cause)
	}
	f.set(func() { f.before = func(context.Context, string, int) error { return nil } })
	eventually(t, "the breaker closes", func() bool {
		masked, err := client.Mask(t.Context(), person, customer, teller)
		return err == nil && masked.Fallback == nil
	})
	eventually(t, "that is told", func() bool { return alarms.count("breaker_closed") == 1 })
	eventually(t, "the events are reported", func() bool { return client.log.Waiting() == 0 })
}

func TestDecideDoesNotFallBack(t *testing.T) {
	f := newFake()
	f.before = fails(codes.Internal)
	address, _ := serve(t, f)
	client := connect(t, address, WithStateFolder(t.TempDir()))
	for range 7 {
		if _, err := client.Decide(t.Context(), []string{"a"}, teller); !errors.Is(err, Unavailable) {
			t.Errorf("the error is %v", err)
		}
	}
	if calls := f.called(); len(calls) != 5 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestAFolderIsOfOneClient(t *testing.T) {
	folder := t.TempDir()
	first := connect(t, "127.0.0.1:1", WithStateFolder(folder))
	if _, err := New("127.0.0.1:1", WithStateFolder(folder)); !errors.Is(err, Configuration) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the error is %v", err)
	}
	id := first.folder.ClientID
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := connect(t, "127.0.0.1:1", WithStateFolder(folder))
	if second.folder.ClientID != id || len(id) != 32 {
		t.Errorf("the client id is %q, then %q", id, second.folder.ClientID)
	}
	about, err := os.Stat(filepath.Join(folder, "client-id"))
	if err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("its rights are %v, %v", about.Mode(), err)
	}
}

func TestTheServiceExpectsAnotherNumber(t *testing.T) {
	f := withRule(newFake())
	address, _ := serve(t, f)
	client := connect(t, address, WithStateFolder(t.TempDir()))
	prepared(t, client)
	f.set(func() { f.before = fails(codes.Internal) })
	for range 3 {
		mustMask(t, client, fallen)
	}
	var sent [][]int64
	f.set(func() {
		f.report = func(request *pdpv1.ReportFallbacksRequest) (*pdpv1.ReportFallbacksResponse, error) {
			var numbers []int64
			for _, event := range request.Events {
				numbers = append(numbers, event.Sequence)
			}
			sent = append(sent, numbers)
			if numbers[0] == 1 {
				// The answer to an earlier report was lost: two of them are recorded.
				return nil, failure(codes.FailedPrecondition, "not the next", pdpv1.ErrorReason_ERROR_REASON_OUT_OF_SEQUENCE,
					map[string]string{"expected": "3"})
			}
			return &pdpv1.ReportFallbacksResponse{RecordedThrough: numbers[len(numbers)-1]}, nil
		}
	})
	client.reporter.Kick()
	eventually(t, "all is reported", func() bool { return client.log.Waiting() == 0 })
	if want := [][]int64{{1, 2, 3}, {3}}; !reflect.DeepEqual(sent, want) {
		t.Errorf("sent %v", sent)
	}
	mustMask(t, client, fallen)
	f.set(func() {
		sent = nil
		answer := f.report
		f.report = func(request *pdpv1.ReportFallbacksRequest) (*pdpv1.ReportFallbacksResponse, error) {
			if request.Events[0].Sequence == 4 && len(sent) == 0 {
				sent = append(sent, []int64{4})
				// The service lost what it had.
				return nil, failure(codes.FailedPrecondition, "not the next", pdpv1.ErrorReason_ERROR_REASON_OUT_OF_SEQUENCE,
					map[string]string{"expected": "2"})
			}
			return answer(request)
		}
	})
	client.reporter.Kick()
	eventually(t, "all is reported", func() bool { return client.log.Waiting() == 0 })
	if want := [][]int64{{4}, {2, 3}, {4}}; !reflect.DeepEqual(sent, want) {
		t.Errorf("sent %v", sent)
	}
}

func TestAMessageOfVeryManyItemsIsSeveralEvents(t *testing.T) {
	f := newFake().serveMap(withAccounts(customerMap()))
	address, _ := serve(t, f, grpc.MaxRecvMsgSize(256*1024))
	client := connect(t, address, WithStateFolder(t.TempDir()))
	prepared(t, client)
	f.set(func() { f.before = fails(codes.Internal) })
	var accounts []any
	for i := range 2_500 {
		accounts = append(accounts, doc{"no": fmt.Sprintf("%0100d", i)})
	}
	if _, err := client.Mask(t.Context(), doc{"accounts": accounts}, customer, teller); err != nil {
		t.Fatal(err)
	}
	client.reporter.Kick()
	eventually(t, "all is reported", func() bool { return client.log.Waiting() == 0 })
	items := 0
	for _, event := range f.reported() {
		items += len(event.Items)
		if len(event.Items) > 1_000 {
			t.Errorf("an event of %d items", len(event.Items))
		}
	}
	if items != 2_500 {
		t.Errorf("%d items", items)
	}
}

func TestNoValueInLogsOrRecords(t *testing.T) {
	var lines bytes.Buffer
	f := withRule(newFake())
	address, _ := serve(t, f)
	folder := t.TempDir()
	client := connect(t, address, WithStateFolder(folder), WithLogger(slog.New(slog.NewJSONHandler(&lines, nil))))
	prepared(t, client)
	f.set(func() {
		f.before = func(context.Context, string, int) error { return status.Error(codes.Internal, "broken") }
	})
	mustMask(t, client, fallen)
	record, err := os.ReadFile(filepath.Join(folder, "fallbacks", "00000001.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"13812348000", "zhangsan", "99887766"} {
		if strings.Contains(lines.String(), value) || bytes.Contains(record, []byte(value)) {
			t.Errorf("`%s` is in the log or the record", value)
		}
	}
	if !strings.Contains(lines.String(), "without a verdict") {
		t.Errorf("the log is %s", lines.String())
	}
}
