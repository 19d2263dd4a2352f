package grpcmask_test

import (
	"context"
	"encoding/json"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/fault"
	"jingxi.dev/client/grpcmask"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// masker masks by its function.
type masker func(document map[string]any) (any, error)

func (m masker) Mask(_ context.Context, message any, _ jingxi.Message, _ jingxi.Subject, _ ...jingxi.CallOption) (*jingxi.Masked, error) {
	found, err := m(message.(map[string]any))
	return &jingxi.Masked{Message: found}, err
}

func (m masker) MaskJSON(context.Context, []byte, jingxi.Message, jingxi.Subject, ...jingxi.CallOption) ([]byte, *jingxi.Masked, error) {
	panic("not used here")
}

// service stands for a bank's own: its reply is a grant, which has texts, numbers and lists.
type service struct {
	pdpv1.UnimplementedDecisionServiceServer
}

func (service) Explain(_ context.Context, request *pdpv1.ExplainRequest) (*pdpv1.ExplainResponse, error) {
	if request.Field == "wrong" {
		return nil, status.Error(codes.NotFound, "no such customer")
	}
	return &pdpv1.ExplainResponse{
		Decision:  &pdpv1.DecideResponse{DecisionId: "secret", Revision: 12345, Verdicts: []*pdpv1.Verdict{{Field: "a", Mask: 7}}},
		Rules:     []*pdpv1.RuleTrace{{Rule: "secret", Priority: 5, Fields: []string{"x", "y"}}},
		Sentences: map[string]*pdpv1.LocalizedText{"a": {En: "secret"}, "b": {En: "b"}},
	}, nil
}

func TestUnary(t *testing.T) {
	var mask masker
	about := func(_ context.Context, method string, request, _ proto.Message) (jingxi.Question, bool) {
		return jingxi.Question{Subject: jingxi.Subject{ID: "T1"}},
			method == pdpv1.DecisionService_Explain_FullMethodName && request.(*pdpv1.ExplainRequest).Field != "plain"
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(grpcmask.Unary(
		masker(func(document map[string]any) (any, error) { return mask(document) }), about,
	)))
	pdpv1.RegisterDecisionServiceServer(server, service{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }() // its only error is that it was stopped
	defer server.Stop()
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	client := pdpv1.NewDecisionServiceClient(connection)
	whole, _ := service{}.Explain(t.Context(), &pdpv1.ExplainRequest{})

	for name, c := range map[string]struct {
		field    string
		mask     masker
		code     codes.Code
		expected string
	}{
		"texts, numbers, items": {"", func(d map[string]any) (any, error) {
			decision := d["decision"].(map[string]any)
			decision["decisionId"], decision["revision"] = "***", "***"
			decision["verdicts"] = []any{map[string]any{"field": "*", "mask": "***"}}
			rule := d["rules"].([]any)[0].(map[string]any)
			rule["rule"], rule["priority"], rule["fields"] = "***", json.Number("1"), []any{"x", nil}
			d["sentences"] = map[string]any{"a": map[string]any{"en": "***"}, "b": "***"}
			return d, nil
		}, codes.OK, `{"decision": {"decisionId": "***", "verdicts": [{"field": "*"}]},
			"rules": [{"rule": "***", "priority": 1, "fields": ["x"]}], "sentences": {"a": {"en": "***"}}}`},
		"masked whole": {"", func(map[string]any) (any, error) { return "***", nil }, codes.OK, `{}`},
		"not asked":    {"plain", nil, codes.OK, protojson.Format(whole)},
		"an error":     {"wrong", nil, codes.NotFound, ""},
		"no verdict": {"", func(map[string]any) (any, error) {
			return nil, fault.NewUnavailable("UNAVAILABLE", "away")
		}, codes.Unavailable, ""},
		"no access": {"", func(map[string]any) (any, error) { return nil, fault.New(fault.AccessDenied, "no") }, codes.PermissionDenied, ""},
		"a mistake": {"", func(map[string]any) (any, error) { return nil, fault.New(fault.MessageMismatch, "no") }, codes.Internal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			mask = c.mask
			reply, err := client.Explain(t.Context(), &pdpv1.ExplainRequest{Field: c.field})
			if status.Code(err) != c.code {
				t.Fatalf("the error is %v", err)
			}
			if err != nil {
				return
			}
			expected := &pdpv1.ExplainResponse{}
			if err := protojson.Unmarshal([]byte(c.expected), expected); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(reply, expected) {
				t.Errorf("answered %s", protojson.Format(reply))
			}
		})
	}
}
