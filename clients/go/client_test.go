package jingxi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/internal/replies"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

type doc = map[string]any

func TestDecideQuestionAndAnswer(t *testing.T) {
	f := newFake()
	f.answer = func(_ *pdpv1.Resource, _ *pdpv1.MessageRef, fields []string) (*pdpv1.DecideResponse, *pdpv1.ItemError) {
		reply := replyOf(fields, said{"mobile": keep(3, 4)})
		reply.Obligations = []*pdpv1.Obligation{{Type: "alert", Parameters: map[string]string{"severity": "high"}, Fields: []string{"name"}, Rule: "p/r"}}
		reply.Diagnostics = []*pdpv1.Diagnostic{{Code: pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_UNDECIDED_RULE, Message: "m", Subject: "p/r", Attributes: []string{"subject.x"}}}
		return reply, nil
	}
	address, _ := serve(t, f)
	client := connect(t, address)
	decision, err := client.Decide(t.Context(), []string{"mobile", "name"}, teller,
		WithAction(Action{"query", map[string]any{"amount": 5.0}}),
		WithResource(Resource{"customer", "C1", map[string]any{"vip": true}}),
		WithContext(map[string]any{"menu": "3101"}), WithGrants("G1"), WithRequestID("r1"),
		WithMinRevision(3), WithMinGrantRevision(4))
	if err != nil {
		t.Fatal(err)
	}
	expected := &pdpv1.DecideRequest{}
	if err := protojson.Unmarshal([]byte(`{"requestId": "r1",
		"subject": {"id": "T1001", "roles": ["teller"], "attributes": {"level": {"intValue": "2"}}},
		"action": {"name": "query", "attributes": {"amount": {"doubleValue": 5}}},
		"resource": {"type": "customer", "id": "C1", "attributes": {"vip": {"boolValue": true}}},
		"context": {"menu": {"stringValue": "3101"}}, "fields": ["mobile", "name"], "grantIds": ["G1"],
		"minRevision": "3", "minGrantRevision": "4"}`), expected); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(f.requests[0], expected) {
		t.Errorf("asked %s", protojson.Format(f.requests[0]))
	}
	reason := Reason{Kind: "rule", Rule: "p/r", Title: Text{"规则", "rule"}, GrantID: "G1"}
	want := &Decision{
		ID: "d1", RequestID: "r1", Revision: 7, PolicyHash: "h1",
		Verdicts: []Verdict{
			{"mobile", &Mask{"", "keep", map[string]any{"prefix": int64(3), "suffix": int64(4)}}, reason},
			{"name", nil, reason},
		},
		Obligations: []Obligation{{"alert", map[string]string{"severity": "high"}, []string{"name"}, "p/r"}},
		Diagnostics: []Diagnostic{{"undecided_rule", "m", "p/r", []string{"subject.x"}}},
	}
	if !reflect.DeepEqual(decision, want) {
		t.Errorf("answered %+v", decision)
	}
	if verdict, ok := decision.Verdict("name"); !ok || !verdict.Unmasked() {
		t.Error("the verdict of `name` is not found")
	}
	if _, ok := decision.Verdict("email"); ok {
		t.Error("a verdict of `email` is found")
	}
}

func TestAnAnswerAboutOtherFieldsIsRefused(t *testing.T) {
	f := newFake()
	f.answer = func(*pdpv1.Resource, *pdpv1.MessageRef, []string) (*pdpv1.DecideResponse, *pdpv1.ItemError) {
		return replyOf([]string{"name", "mobile"}, said{}), nil
	}
	address, _ := serve(t, f)
	_, err := connect(t, address).Decide(t.Context(), []string{"mobile", "name"}, teller)
	if !errors.Is(err, Protocol) {
		t.Errorf("the error is %v", err)
	}
}

func TestWhatCannotBeSentIsRefusedBeforeAnythingIsSent(t *testing.T) {
	f := newFake()
	address, _ := serve(t, f)
	client := connect(t, address)
	for _, options := range [][]CallOption{
		{WithContext(map[string]any{"x": make(chan int)})},
		{WithResource(Resource{ID: "\xed\xa0\x80"})},
		{WithGrants("\xff")},
		{WithContext(map[string]any{"\xff": 1})},
		{WithAction(Action{Attributes: map[string]any{"x": map[string]any{"secret": true}}})},
	} {
		_, err := client.Decide(t.Context(), []string{"a"}, teller, options...)
		if !errors.Is(err, AttributeValue) || strings.Contains(err.Error(), "secret") {
			t.Errorf("the error is %v", err)
		}
	}
	if len(f.called()) > 0 {
		t.Errorf("called %v", f.called())
	}
}

func TestAStatusBecomesItsError(t *testing.T) {
	for _, c := range []struct {
		code     codes.Code
		reason   pdpv1.ErrorReason
		expected Code
		also     Code
	}{
		{codes.InvalidArgument, pdpv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, RequestRejected, ""},
		{codes.InvalidArgument, pdpv1.ErrorReason_ERROR_REASON_UNKNOWN_MESSAGE, UnknownMessage, RequestRejected},
		{codes.NotFound, pdpv1.ErrorReason_ERROR_REASON_UNKNOWN_MESSAGE, UnknownMessage, RequestRejected},
		{codes.OutOfRange, pdpv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, RequestRejected, ""},
		{codes.FailedPrecondition, pdpv1.ErrorReason_ERROR_REASON_REVISION_TOO_OLD, RevisionTooOld, Unavailable},
		{codes.Unavailable, pdpv1.ErrorReason_ERROR_REASON_NO_POLICY, Unavailable, ""},
		{codes.Internal, pdpv1.ErrorReason_ERROR_REASON_INTERNAL, Unavailable, ""},
		{codes.ResourceExhausted, pdpv1.ErrorReason_ERROR_REASON_RATE_LIMITED, Unavailable, ""},
		{codes.Unauthenticated, pdpv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED, AccessDenied, ""},
		{codes.PermissionDenied, pdpv1.ErrorReason_ERROR_REASON_ACCESS_DENIED, AccessDenied, ""},
	} {
		t.Run(c.reason.String(), func(t *testing.T) {
			f := newFake()
			f.before = func(context.Context, string, int) error { return failure(c.code, "says why", c.reason, nil, "fields") }
			address, _ := serve(t, f)
			_, err := connect(t, address).Decide(t.Context(), []string{"a"}, teller)
			var known *Error
			if !errors.As(err, &known) || known.Code != c.expected || !strings.Contains(err.Error(), "says why") {
				t.Fatalf("the error is %#v", err)
			}
			if c.also != "" && !errors.Is(err, c.also) {
				t.Errorf("the error is no %s", c.also)
			}
			if errors.Is(err, Unavailable) && known.Status != replies.CodeNames[c.code] {
				t.Errorf("the status is %s", known.Status)
			}
			if errors.Is(err, RequestRejected) && !reflect.DeepEqual(known.Violations, []Violation{{Field: "fields", Description: "is wrong"}}) {
				t.Errorf("the violations are %v", known.Violations)
			}
		})
	}
}

func TestUnavailableIsTriedThreeTimes(t *testing.T) {
	f := newFake()
	f.before = func(_ context.Context, _ string, call int) error {
		if call < 3 {
			return status.Error(codes.Unavailable, "busy")
		}
		return nil
	}
	address, _ := serve(t, f)
	if _, err := connect(t, address).Decide(t.Context(), []string{"a"}, teller); err != nil {
		t.Fatalf("the third try did not succeed: %v", err)
	}
	f.set(func() {
		f.names = nil
		f.before = func(context.Context, string, int) error { return status.Error(codes.Unavailable, "busy") }
	})
	if _, err := connect(t, address).Decide(t.Context(), []string{"a"}, teller); !errors.Is(err, Unavailable) {
		t.Fatalf("the error is %v", err)
	}
	if calls := f.called(); len(calls) != 3 {
		t.Errorf("%d tries", len(calls))
	}
}

func TestOtherFailuresAreTriedOnce(t *testing.T) {
	f := newFake()
	f.before = func(context.Context, string, int) error { return status.Error(codes.Internal, "broken") }
	address, _ := serve(t, f)
	if _, err := connect(t, address).Decide(t.Context(), []string{"a"}, teller); !errors.Is(err, Unavailable) {
		t.Fatalf("the error is %v", err)
	}
	if calls := f.called(); len(calls) != 1 {
		t.Errorf("%d tries", len(calls))
	}
}

func hold(ctx context.Context, _ string, _ int) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestTheSmallerDeadlineCounts(t *testing.T) {
	f := newFake()
	f.before = hold
	address, _ := serve(t, f)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, c := range []struct {
		ctx      context.Context
		deadline time.Duration
	}{{t.Context(), 50 * time.Millisecond}, {short, patient}} {
		begun := time.Now()
		_, err := connect(t, address, WithDeadline(c.deadline)).Decide(c.ctx, []string{"a"}, teller)
		var known *Error
		if !errors.As(err, &known) || known.Status != "DEADLINE_EXCEEDED" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the error is %#v", err)
		}
		if took := time.Since(begun); took > patient/2 {
			t.Errorf("it took %s", took)
		}
	}
}

func TestOneDeadlineHoldsForAllCallsOfAMethod(t *testing.T) {
	f := newFake().serveMap(customerMap("mobile"))
	f.before = func(ctx context.Context, name string, call int) error {
		if name == "Decide" {
			return hold(ctx, name, call)
		}
		return nil
	}
	address, _ := serve(t, f)
	_, err := connect(t, address, WithDeadline(time.Second)).Mask(t.Context(), doc{}, customer, teller)
	if !errors.Is(err, Unavailable) || !reflect.DeepEqual(f.called(), []string{"GetMessageMap", "Decide"}) {
		t.Errorf("the error is %v after %v", err, f.called())
	}
}

func TestTheCallersOwnCancellation(t *testing.T) {
	f := newFake().serveMap(customerMap("mobile"))
	arrived := make(chan struct{}, 1)
	f.before = func(ctx context.Context, name string, call int) error {
		if name != "Decide" {
			return nil
		}
		arrived <- struct{}{}
		return hold(ctx, name, call)
	}
	address, _ := serve(t, f)
	client := connect(t, address, WithStateFolder(t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if masked, err := client.Mask(ctx, doc{}, customer, teller); !errors.Is(err, context.Canceled) {
		t.Errorf("answered %v, %v: who cancels wants no fallback", masked, err)
	}
}

func TestUseAfterClose(t *testing.T) {
	f := newFake()
	arrived := make(chan struct{}, 1)
	f.before = func(ctx context.Context, name string, call int) error {
		arrived <- struct{}{}
		return hold(ctx, name, call)
	}
	address, _ := serve(t, f)
	client := connect(t, address)
	ended := make(chan error)
	go func() {
		_, err := client.Decide(t.Context(), []string{"a"}, teller)
		ended <- err
	}()
	<-arrived
	if err := errors.Join(client.Close(), client.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ClientClosed) {
		t.Errorf("the call in flight ended with %v", err)
	}
	_, decided := client.Decide(t.Context(), []string{"a"}, teller)
	_, masked := client.Mask(t.Context(), doc{}, customer, teller)
	for _, err := range []error{decided, masked, client.WaitReady(t.Context()), client.Prepare(t.Context(), customer)} {
		if !errors.Is(err, ClientClosed) {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestNoService(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	client := connect(t, address, WithDeadline(DefaultDeadline))
	if _, err := client.Decide(t.Context(), []string{"a"}, teller); !errors.Is(err, Unavailable) {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.WaitReady(ctx); !errors.Is(err, Unavailable) {
		t.Errorf("the error is %v", err)
	}
}

func TestCallsGoRoundTheNodesAndSurviveOne(t *testing.T) {
	first, second := newFake(), newFake()
	one, stop := serve(t, first)
	two, _ := serve(t, second)
	for _, target := range []string{one + "," + two, "ipv4:" + one + "," + two} {
		client := connect(t, target)
		eventually(t, "both nodes are asked", func() bool {
			if _, err := client.Decide(t.Context(), []string{"a"}, teller); err != nil {
				t.Fatal(err)
			}
			return len(first.called()) > 0 && len(second.called()) > 0
		})
	}
	client := connect(t, one+","+two)
	stop()
	for range 50 {
		if _, err := client.Decide(t.Context(), []string{"a"}, teller); err != nil {
			t.Fatal(err)
		}
	}
}

func TestANodeThatIsNotServingGetsNoCalls(t *testing.T) {
	nodes := []*fakeService{newFake(), newFake()}
	var addresses []string
	for i, f := range nodes {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, listener.Addr().String())
		server := grpc.NewServer()
		checks := health.NewServer()
		if i == 0 {
			checks.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
		}
		healthv1.RegisterHealthServer(server, checks)
		pdpv1.RegisterDecisionServiceServer(server, f)
		go func() { _ = server.Serve(listener) }() // its only error is that it was stopped
		t.Cleanup(server.Stop)
	}
	client := connect(t, strings.Join(addresses, ","))
	for range 50 {
		if _, err := client.Decide(t.Context(), []string{"a"}, teller); err != nil {
			t.Fatal(err)
		}
	}
	if len(nodes[0].called()) != 0 || len(nodes[1].called()) != 50 {
		t.Errorf("%d and %d calls", len(nodes[0].called()), len(nodes[1].called()))
	}
}

func TestWrongConfiguration(t *testing.T) {
	for name, make := range map[string]func() (*Client, error){
		"plain text to another machine": func() (*Client, error) { return New("pdp.bank.example:7443") },
		"one of them is elsewhere":      func() (*Client, error) { return New("127.0.0.1:1,10.0.0.1:1") },
		"token in plain text":           func() (*Client, error) { return New("10.0.0.1:1", WithInsecure(), WithToken("t")) },
		"no deadline":                   func() (*Client, error) { return New("localhost:1", WithDeadline(0)) },
		"folder that cannot be":         func() (*Client, error) { return New("localhost:1", WithStateFolder("/dev/null/x")) },
	} {
		if client, err := make(); !errors.Is(err, Configuration) {
			t.Errorf("%s: %v, %v", name, client, err)
		}
	}
}

func TestMask(t *testing.T) {
	f := newFake().serveMap(withAccounts(customerMap("mobile")))
	address, _ := serve(t, f)
	client := connect(t, address)
	message := doc{"no": "C1", "mobile": "13812348000", "class": "vip", "accounts": []any{
		doc{"no": "100200300400", "balance": json.Number("12.50")}, doc{"no": "100200300401"},
	}}
	masked, err := client.Mask(t.Context(), message, customer, teller, WithRequestID("r1"))
	if err != nil {
		t.Fatal(err)
	}
	want := doc{"no": "C1", "mobile": "138****8000", "class": "vip", "accounts": []any{
		doc{"no": "100*****0400", "balance": json.Number("12.50")}, doc{"no": "100*****0401"},
	}}
	if !reflect.DeepEqual(masked.Message, want) || message["mobile"] != "13812348000" {
		t.Errorf("masked %v, the message is %v", masked.Message, message)
	}
	if len(masked.Decisions) != 3 || masked.Decisions[2].Place != "$.accounts[1]" || masked.PolicyHash != "h1" {
		t.Errorf("decided %+v", masked)
	}
	if !reflect.DeepEqual(f.called(), []string{"GetMessageMap", "DecideBatch"}) {
		t.Errorf("called %v", f.called())
	}
	batch := f.requests[1].(*pdpv1.DecideBatchRequest)
	if batch.RequestId != "r1" || batch.Items[1].Resource.Attributes["balance"].GetDoubleValue() != 12.5 {
		t.Errorf("asked %s", protojson.Format(batch))
	}
	text, _, err := client.MaskJSON(t.Context(), []byte(`{"no":"C1","mobile":13812348000,"amount":1.50,"note":"\ud800"}`), customer, teller)
	if err != nil || string(text) != `{"amount":1.50,"mobile":"138****8000","no":"C1","note":"\ud800"}` {
		t.Errorf("masked %s, %v", text, err)
	}
	type person struct {
		Mobile string `json:"mobile"`
	}
	masked, err = client.Mask(t.Context(), person{"13812348000"}, customer, teller)
	if err != nil || !reflect.DeepEqual(masked.Message, doc{"mobile": "138****8000"}) {
		t.Errorf("masked %v, %v", masked, err)
	}
}

func TestWhatIsNoMessage(t *testing.T) {
	f := newFake().serveMap(withAccounts(customerMap("mobile")))
	address, _ := serve(t, f)
	client := connect(t, address)
	for _, text := range []string{``, `{`, `{"a":01}`, `{"mobile":"13812348000`, `[1,]`, "\"\xff\"", `{"mobile":"13812348000"} x`} {
		_, _, err := client.MaskJSON(t.Context(), []byte(text), customer, teller)
		if !errors.Is(err, MessageMismatch) || strings.Contains(err.Error(), "1381234") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, message := range []any{doc{"accounts": doc{"no": "100200300400"}}, "13812348000", doc{"mobile": func() {}}} {
		_, err := client.Mask(t.Context(), message, customer, teller)
		if !errors.Is(err, MessageMismatch) || strings.Contains(err.Error(), "00200300") || strings.Contains(err.Error(), "1381234") {
			t.Errorf("%v: %v", message, err)
		}
	}
	if !reflect.DeepEqual(f.called(), []string{"GetMessageMap"}) {
		t.Errorf("called %v", f.called())
	}
}

func TestManyItemsAreAskedAboutInSeveralBatches(t *testing.T) {
	f := newFake().serveMap(withAccounts(customerMap()))
	address, _ := serve(t, f)
	var accounts []any
	for i := range 2_345 {
		accounts = append(accounts, doc{"no": fmt.Sprintf("%012d", i)})
	}
	masked, err := connect(t, address).Mask(t.Context(), doc{"accounts": accounts}, customer, teller, WithRequestID("r"))
	if err != nil {
		t.Fatal(err)
	}
	for i, account := range masked.Message.(doc)["accounts"].([]any) {
		if want := fmt.Sprintf("000*****%04d", i); account.(doc)["no"] != want {
			t.Fatalf("account %d is %v", i, account)
		}
	}
	var ids []string
	for _, request := range f.requests[1:] {
		batch := request.(*pdpv1.DecideBatchRequest)
		ids = append(ids, batch.RequestId)
		if len(batch.Items) > 1_000 || proto.Size(batch) > 256*1024 {
			t.Errorf("a batch of %d items, %d bytes", len(batch.Items), proto.Size(batch))
		}
	}
	if !reflect.DeepEqual(ids, []string{"r", "r-2", "r-3"}) {
		t.Errorf("the request ids are %v", ids)
	}
}

func TestAnotherPolicySetIsFollowed(t *testing.T) {
	f := newFake().serveMap(customerMap("mobile"))
	address, _ := serve(t, f)
	client := connect(t, address)
	message := doc{"mobile": "13812348000", "email": "zhangsan@example.com"}
	try := func(email string) {
		t.Helper()
		masked, err := client.Mask(t.Context(), message, customer, teller)
		if err != nil || masked.Message.(doc)["email"] != email {
			t.Errorf("masked %v, %v", masked, err)
		}
	}
	try("zhangsan@example.com")
	f.set(func() { f.serveMap(customerMap("mobile", "email")); f.hash = "h2"; f.names = nil })
	try("zha*************.com")
	try("zha*************.com")
	f.set(func() { f.serveMap(customerMap("mobile")); f.hash = "h1" }) // a node that has not got the new one yet
	try("zhangsan@example.com")
	if want := []string{"Decide", "GetMessageMap", "Decide", "Decide", "Decide", "Decide"}; !reflect.DeepEqual(f.called(), want) {
		t.Errorf("called %v", f.called())
	}
	f.set(func() { clear(f.maps) })
	f.set(func() {
		f.before = func(_ context.Context, name string, _ int) error {
			if name == "Decide" {
				return failure(codes.NotFound, "gone", pdpv1.ErrorReason_ERROR_REASON_UNKNOWN_MESSAGE, nil)
			}
			return nil
		}
	})
	if _, err := client.Mask(t.Context(), message, customer, teller); !errors.Is(err, UnknownMessage) {
		t.Errorf("the error is %v", err)
	}
}

func TestAPolicySetThatNeverStandsStill(t *testing.T) {
	f := newFake().serveMap(customerMap("mobile"))
	f.before = func(_ context.Context, _ string, call int) error {
		f.set(func() { f.hash = fmt.Sprintf("h%d", call) })
		return nil
	}
	address, _ := serve(t, f)
	_, err := connect(t, address).Mask(t.Context(), doc{}, customer, teller)
	if !errors.Is(err, Unavailable) || !strings.Contains(err.Error(), "policy sets changed") {
		t.Errorf("the error is %v", err)
	}
	if len(f.called()) > 1+maxRounds*(1+maxFetches) {
		t.Errorf("%d calls", len(f.called()))
	}
}

func TestProblemsAreToldWithoutValues(t *testing.T) {
	f := newFake().serveMap(withAccounts(customerMap("mobile")))
	usual := f.answer
	f.answer = func(r *pdpv1.Resource, m *pdpv1.MessageRef, fields []string) (*pdpv1.DecideResponse, *pdpv1.ItemError) {
		if r.Id == "13" {
			return nil, &pdpv1.ItemError{Code: 3, Message: "its id is too long"}
		}
		reply, _ := usual(r, m, fields)
		if m.GetPart() == "" {
			reply.Masks[0].Algorithm = "tokenize"
		}
		return reply, nil
	}
	address, _ := serve(t, f)
	var lines bytes.Buffer
	client := connect(t, address, WithLogger(slog.New(slog.NewJSONHandler(&lines, nil))))
	masked, err := client.Mask(t.Context(), doc{"mobile": "13812348000", "class": doc{"x": "secret"}, "accounts": []any{
		doc{"no": "13"}, doc{"no": "100200300400", "balance": "secret"},
	}}, customer, teller)
	if err != nil {
		t.Fatal(err)
	}
	want := doc{"class": doc{"x": "secret"}, "accounts": []any{doc{"no": "***"}, doc{"no": "100*****0400", "balance": "secret"}}}
	if !reflect.DeepEqual(masked.Message, want) {
		t.Errorf("masked %v", masked.Message)
	}
	if len(masked.Problems) != 4 {
		t.Errorf("problems: %q", masked.Problems)
	}
	said := lines.String() + strings.Join(masked.Problems, "\n")
	if strings.Contains(said, "secret") || strings.Contains(said, "13812348000") || !strings.Contains(said, "its id is too long") {
		t.Errorf("said %s", said)
	}
}

func TestObligationsOfAllPartsOnce(t *testing.T) {
	f := newFake().serveMap(withAccounts(customerMap()))
	usual := f.answer
	f.answer = func(r *pdpv1.Resource, m *pdpv1.MessageRef, fields []string) (*pdpv1.DecideResponse, *pdpv1.ItemError) {
		reply, failed := usual(r, m, fields)
		reply.Obligations = []*pdpv1.Obligation{{Type: "watermark", Fields: []string{"account_no"}, Rule: "p/r"}}
		return reply, failed
	}
	address, _ := serve(t, f)
	masked, err := connect(t, address).Mask(t.Context(), doc{"accounts": []any{doc{"no": "1"}, doc{"no": "2"}}}, customer, teller)
	if err != nil || len(masked.Obligations()) != 1 {
		t.Errorf("obligations %v, %v", masked.Obligations(), err)
	}
}

func TestAHundredGoroutinesShareAClient(t *testing.T) {
	f := newFake().serveMap(withAccounts(customerMap("mobile")))
	address, _ := serve(t, f)
	client := connect(t, address)
	var group sync.WaitGroup
	for i := range 100 {
		group.Add(1)
		go func() {
			defer group.Done()
			number := fmt.Sprintf("138%08d", i)
			message := doc{"no": fmt.Sprint("C", i), "mobile": number, "accounts": []any{}}
			for range i % 4 {
				message["accounts"] = append(message["accounts"].([]any), doc{"no": fmt.Sprintf("%012d", i)})
			}
			for range 3 {
				masked, err := client.Mask(t.Context(), message, customer, teller)
				if err != nil {
					t.Error(err)
					return
				}
				found := masked.Message.(doc)
				if found["mobile"] != "138****"+number[7:] || len(found["accounts"].([]any)) != i%4 {
					t.Errorf("masked %v", found)
				}
			}
		}()
	}
	group.Wait()
}

type counted struct {
	mutex    sync.Mutex
	calls    []string
	messages []Outcome
}

func (c *counted) Call(method, code string, _ time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.calls = append(c.calls, method+" "+code)
}

func (c *counted) Message(outcome Outcome, _ time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.messages = append(c.messages, outcome)
}

func TestMetrics(t *testing.T) {
	f := newFake().serveMap(customerMap("mobile"))
	address, stop := serve(t, f)
	metrics := &counted{}
	client := connect(t, address, WithMetrics(metrics), WithStateFolder(t.TempDir()))
	for range 2 {
		if _, err := client.Mask(t.Context(), doc{}, customer, teller); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Mask(t.Context(), "x", customer, teller); err == nil {
		t.Fatal("a text has no fields")
	}
	stop()
	if _, err := client.Mask(t.Context(), doc{}, customer, teller); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GetMessageMap OK", "Decide OK", "Decide OK", "Decide UNAVAILABLE"}; !reflect.DeepEqual(metrics.calls, want) {
		t.Errorf("calls %v", metrics.calls)
	}
	if want := []Outcome{Decided, Decided, Refused, FellBack}; !reflect.DeepEqual(metrics.messages, want) {
		t.Errorf("messages %v", metrics.messages)
	}
}
