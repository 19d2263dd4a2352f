package jingxi

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// patient is for calls that are not about time.
const patient = 30 * time.Second

var (
	teller   = Subject{ID: "T1001", Roles: []string{"teller"}, Attributes: map[string]any{"level": 2}}
	customer = Message{Application: "core-counter", Name: "customer"}
)

// said is what the service answers about a field: a mask, nil for unmask.
type said map[string]*pdpv1.Mask

func keep(prefix, suffix int64) *pdpv1.Mask {
	return &pdpv1.Mask{Algorithm: "keep", Parameters: map[string]*pdpv1.Value{
		"prefix": {Kind: &pdpv1.Value_IntValue{IntValue: prefix}},
		"suffix": {Kind: &pdpv1.Value_IntValue{IntValue: suffix}},
	}}
}

func replyOf(order []string, what said) *pdpv1.DecideResponse {
	reply := &pdpv1.DecideResponse{DecisionId: "d1", Revision: 7}
	reply.Reasons = []*pdpv1.Reason{{
		Kind: pdpv1.ReasonKind_REASON_KIND_RULE, Rule: "p/r", GrantId: "G1",
		Title: &pdpv1.LocalizedText{Zh: "规则", En: "rule"},
	}}
	for _, field := range order {
		verdict := &pdpv1.Verdict{Field: field, Effect: pdpv1.Effect_EFFECT_UNMASK}
		if mask := what[field]; mask != nil {
			verdict.Effect, verdict.Mask = pdpv1.Effect_EFFECT_MASK, uint32(len(reply.Masks))
			reply.Masks = append(reply.Masks, mask)
		}
		reply.Verdicts = append(reply.Verdicts, verdict)
	}
	return reply
}

// fakeService answers on a real socket as told, and keeps what it was asked.
type fakeService struct {
	pdpv1.UnimplementedDecisionServiceServer
	pdpv1.UnimplementedFallbackServiceServer

	mutex    sync.Mutex
	names    []string
	requests []proto.Message
	events   []*pdpv1.FallbackEvent
	maps     map[Message]*pdpv1.GetMessageMapResponse
	hash     string
	before   func(ctx context.Context, name string, call int) error
	answer   func(resource *pdpv1.Resource, reference *pdpv1.MessageRef, fields []string) (*pdpv1.DecideResponse, *pdpv1.ItemError)
	report   func(*pdpv1.ReportFallbacksRequest) (*pdpv1.ReportFallbacksResponse, error)
}

func newFake() *fakeService {
	f := &fakeService{maps: map[Message]*pdpv1.GetMessageMapResponse{}, hash: "h1"}
	f.before = func(context.Context, string, int) error { return nil }
	f.answer = func(_ *pdpv1.Resource, _ *pdpv1.MessageRef, fields []string) (*pdpv1.DecideResponse, *pdpv1.ItemError) {
		return replyOf(fields, said{}), nil
	}
	return f
}

// customerMap is a map of `$.<field>` for each field.
func customerMap(fields ...string) *pdpv1.MessageMap {
	part := &pdpv1.MessagePart{Path: "$", ResourceType: "customer", ResourceId: "$.no"}
	for _, field := range fields {
		part.Fields = append(part.Fields, &pdpv1.FieldPaths{Field: field, Paths: []string{"$." + field}})
	}
	part.Attributes = []*pdpv1.AttributePath{{Attribute: "resource.customer_class", Path: "$.class"}}
	return &pdpv1.MessageMap{Application: customer.Application, Name: customer.Name, Parts: []*pdpv1.MessagePart{part}}
}

func withAccounts(source *pdpv1.MessageMap) *pdpv1.MessageMap {
	source.Parts = append(source.Parts, &pdpv1.MessagePart{
		Name: "accounts", Path: "$.accounts", ResourceType: "account", ResourceId: "$.no",
		Fields:     []*pdpv1.FieldPaths{{Field: "account_no", Paths: []string{"$.no"}}},
		Attributes: []*pdpv1.AttributePath{{Attribute: "resource.balance", Path: "$.balance"}},
	})
	return source
}

// serveMap answers about the message by a keep mask for every field.
func (f *fakeService) serveMap(source *pdpv1.MessageMap) *fakeService {
	f.maps[Message{source.Application, source.Name}] = &pdpv1.GetMessageMapResponse{
		MessageMap: source, Revision: 7, AttributeTypes: map[string]pdpv1.AttributeType{
			"resource.customer_class": pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING,
			"resource.balance":        pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE,
		},
	}
	f.answer = func(_ *pdpv1.Resource, reference *pdpv1.MessageRef, fields []string) (*pdpv1.DecideResponse, *pdpv1.ItemError) {
		what := said{}
		for _, part := range source.Parts {
			if part.Name == reference.GetPart() {
				for _, field := range part.Fields {
					fields = append(fields, field.Field)
					what[field.Field] = keep(3, 4)
				}
			}
		}
		return replyOf(fields, what), nil
	}
	return f
}

func (f *fakeService) note(ctx context.Context, name string, request proto.Message) error {
	f.mutex.Lock()
	f.names = append(f.names, name)
	f.requests = append(f.requests, request)
	before, call := f.before, len(f.names)
	f.mutex.Unlock()
	return before(ctx, name, call)
}

func (f *fakeService) called() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return append([]string{}, f.names...)
}

func (f *fakeService) set(change func()) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	change()
}

func (f *fakeService) Decide(ctx context.Context, request *pdpv1.DecideRequest) (*pdpv1.DecideResponse, error) {
	if err := f.note(ctx, "Decide", request); err != nil {
		return nil, err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	reply, _ := f.answer(request.Resource, request.Message, request.Fields)
	reply.RequestId, reply.PolicyHash = request.RequestId, f.hash
	return reply, nil
}

func (f *fakeService) DecideBatch(ctx context.Context, request *pdpv1.DecideBatchRequest) (*pdpv1.DecideBatchResponse, error) {
	if err := f.note(ctx, "DecideBatch", request); err != nil {
		return nil, err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	reply := &pdpv1.DecideBatchResponse{RequestId: request.RequestId, Revision: 7, PolicyHash: f.hash}
	for _, item := range request.Items {
		decision, failed := f.answer(item.Resource, item.Message, item.Fields)
		result := &pdpv1.BatchResult{Result: &pdpv1.BatchResult_Error{Error: failed}}
		if failed == nil {
			decision.Revision, decision.PolicyHash = 0, ""
			result.Result = &pdpv1.BatchResult_Decision{Decision: decision}
		}
		reply.Results = append(reply.Results, result)
	}
	return reply, nil
}

func (f *fakeService) GetMessageMap(ctx context.Context, request *pdpv1.GetMessageMapRequest) (*pdpv1.GetMessageMapResponse, error) {
	if err := f.note(ctx, "GetMessageMap", request); err != nil {
		return nil, err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	found := f.maps[Message{request.Application, request.Name}]
	if found == nil {
		return nil, failure(codes.NotFound, "no such message", pdpv1.ErrorReason_ERROR_REASON_UNKNOWN_MESSAGE, nil)
	}
	found = proto.Clone(found).(*pdpv1.GetMessageMapResponse)
	found.PolicyHash = f.hash
	return found, nil
}

func (f *fakeService) ReportFallbacks(ctx context.Context, request *pdpv1.ReportFallbacksRequest) (*pdpv1.ReportFallbacksResponse, error) {
	if err := f.note(ctx, "ReportFallbacks", request); err != nil {
		return nil, err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.report != nil {
		return f.report(request)
	}
	for _, event := range request.Events {
		if event.Sequence == int64(len(f.events))+1 {
			f.events = append(f.events, event)
		} else if event.Sequence > int64(len(f.events)) {
			return nil, failure(codes.FailedPrecondition, "a gap", pdpv1.ErrorReason_ERROR_REASON_OUT_OF_SEQUENCE,
				map[string]string{"expected": "1"})
		}
	}
	return &pdpv1.ReportFallbacksResponse{RecordedThrough: int64(len(f.events))}, nil
}

func (f *fakeService) reported() []*pdpv1.FallbackEvent {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return append([]*pdpv1.FallbackEvent{}, f.events...)
}

// failure is a status as the service makes it.
func failure(
	code codes.Code, message string, reason pdpv1.ErrorReason, metadata map[string]string, fields ...string,
) error {
	state := status.New(code, message)
	bad := &errdetails.BadRequest{}
	for _, field := range fields {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: field, Description: "is wrong"})
	}
	state, err := state.WithDetails(&errdetails.ErrorInfo{Reason: reason.String(), Domain: "jingxi.dev", Metadata: metadata}, bad)
	if err != nil {
		panic(err)
	}
	return state.Err()
}

// serve serves on a free port of the loopback until the test ends, or stop is called.
func serve(t testing.TB, f *fakeService, options ...grpc.ServerOption) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String(), serveOn(t, f, listener, options...)
}

func serveOn(t testing.TB, f *fakeService, listener net.Listener, options ...grpc.ServerOption) func() {
	server := grpc.NewServer(options...)
	pdpv1.RegisterDecisionServiceServer(server, f)
	pdpv1.RegisterFallbackServiceServer(server, f)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }() // its only error is that it was stopped
	stop := sync.OnceFunc(func() { server.Stop(); <-done })
	t.Cleanup(stop)
	return stop
}

func connect(t testing.TB, target string, options ...Option) *Client {
	t.Helper()
	client, err := New(target, append([]Option{WithDeadline(patient)}, options...)...)
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

// eventually waits for a condition, for long enough on a busy machine.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); time.Now().Before(end); {
		if holds() {
			return
		}
		// Not a wait for a time but between looks.
		<-time.After(2 * time.Millisecond)
	}
	t.Fatalf("in %s it did not come to pass: %s", patient, what)
}
