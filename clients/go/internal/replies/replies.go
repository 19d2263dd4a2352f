// Package replies goes between requests, replies and errors of the service and this module's own.
package replies

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/settings"
	"jingxi.dev/client/internal/values"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// NewID returns a random request id.
func NewID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// CodeNames are the canonical names of gRPC's codes.
var CodeNames = map[codes.Code]string{
	codes.OK: "OK", codes.Canceled: "CANCELLED", codes.Unknown: "UNKNOWN", codes.InvalidArgument: "INVALID_ARGUMENT",
	codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.NotFound: "NOT_FOUND", codes.AlreadyExists: "ALREADY_EXISTS",
	codes.PermissionDenied: "PERMISSION_DENIED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Aborted: "ABORTED", codes.OutOfRange: "OUT_OF_RANGE",
	codes.Unimplemented: "UNIMPLEMENTED", codes.Internal: "INTERNAL", codes.Unavailable: "UNAVAILABLE",
	codes.DataLoss: "DATA_LOSS", codes.Unauthenticated: "UNAUTHENTICATED",
}

// details returns the ErrorInfo and the BadRequest's violations of a status.
func details(state *status.Status) (*errdetails.ErrorInfo, []fault.Violation) {
	var info *errdetails.ErrorInfo
	var violations []fault.Violation
	for _, detail := range state.Details() {
		switch found := detail.(type) {
		case *errdetails.ErrorInfo:
			info = found
		case *errdetails.BadRequest:
			for _, own := range found.GetFieldViolations() {
				violations = append(violations, fault.Violation{Field: own.GetField(), Description: own.GetDescription()})
			}
		}
	}
	return info, violations
}

// ErrorOf returns the error that a failed call stands for.
func ErrorOf(ctx context.Context, err error, method string) *fault.Error {
	state := status.Convert(err)
	code := CodeNames[state.Code()]
	info, violations := details(state)
	says := state.Message()
	if says == "" {
		says = code
	}
	reason := info.GetReason()
	made := &fault.Error{Code: fault.Unavailable, Message: method + " failed: " + says, Cause: err}
	switch state.Code() {
	case codes.InvalidArgument, codes.NotFound, codes.OutOfRange:
		made.Code, made.Violations = fault.RequestRejected, violations
		if reason == pdpv1.ErrorReason_ERROR_REASON_UNKNOWN_MESSAGE.String() {
			made.Code = fault.UnknownMessage
		}
	case codes.Unauthenticated, codes.PermissionDenied:
		made.Code = fault.AccessDenied
	default:
		made.Status = code
		switch {
		case state.Code() == codes.FailedPrecondition && reason == pdpv1.ErrorReason_ERROR_REASON_REVISION_TOO_OLD.String():
			made.Code = fault.RevisionTooOld
		case state.Code() == codes.DeadlineExceeded:
			made.Message = method + " took longer than its deadline"
			// The service may have noticed before this process's own clock did.
			made.Cause = context.DeadlineExceeded
		default:
			made.Message += " (" + code + ")"
		}
		if cause := ctx.Err(); cause != nil {
			made.Cause = cause
		}
	}
	return made
}

// ExpectedNumber returns the number that the service expects next, where that is why it refused a report.
func ExpectedNumber(err error) (int64, bool) {
	info, _ := details(status.Convert(err))
	if info.GetReason() != pdpv1.ErrorReason_ERROR_REASON_OUT_OF_SEQUENCE.String() {
		return 0, false
	}
	number, err := strconv.ParseInt(strings.TrimSpace(info.GetMetadata()["expected"]), 10, 64)
	return number, err == nil && number >= 1
}

// DecideRequest returns a question about fields, attributes as the types that Go has for them.
func DecideRequest(q *settings.Question, fields []string) (*pdpv1.DecideRequest, error) {
	caller := &q.Caller
	if err := caller.Check(); err != nil {
		return nil, err
	}
	for _, field := range fields {
		if err := values.Text("fields", field); err != nil {
			return nil, err
		}
	}
	sent := map[string]map[string]*pdpv1.Value{}
	given := map[string]map[string]any{
		"subject": caller.SubjectAttributes, "action": caller.ActionAttributes,
		"resource": caller.ResourceAttributes, "context": caller.Context,
	}
	for namespace, attributes := range given {
		sent[namespace] = make(map[string]*pdpv1.Value, len(attributes))
		for name, value := range attributes {
			found, err := values.Natural(value)
			if err != nil {
				return nil, fault.New(fault.AttributeValue, "attribute `%s.%s`: %s", namespace, name, err)
			}
			sent[namespace][name] = found
		}
	}
	return &pdpv1.DecideRequest{
		RequestId: q.RequestID,
		Subject:   &pdpv1.Subject{Id: caller.SubjectID, Roles: caller.Roles, Attributes: sent["subject"]},
		Action:    &pdpv1.Action{Name: caller.Action, Attributes: sent["action"]},
		Resource:  &pdpv1.Resource{Type: caller.ResourceType, Id: caller.ResourceID, Attributes: sent["resource"]},
		Context:   sent["context"], Fields: fields, GrantIds: q.GrantIDs,
		MinRevision: q.MinRevision, MinGrantRevision: q.MinGrantRevision,
	}, nil
}
