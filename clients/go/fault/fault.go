// Package fault has the errors of this module: one type, with a stable code for each kind.
//
// A kind is asked for by its code, which is an error itself:
//
//	if errors.Is(err, fault.Unavailable) { … }   // true for fault.RevisionTooOld too
//
// No error holds a value of a message.
package fault

import "fmt"

// Code is a kind of error. It never changes once released.
type Code string

// The kinds of errors.
const (
	// Unavailable: no verdict could be had; Error.Status says why.
	Unavailable Code = "unavailable"
	// RevisionTooOld is an Unavailable: the node's revision is below the one that was asked for.
	RevisionTooOld Code = "stale_revision"
	// RequestRejected: the service found the question wrong; Error.Violations says where.
	RequestRejected Code = "invalid_request"
	// UnknownMessage is a RequestRejected: the application has no such message.
	UnknownMessage Code = "unknown_message"
	// AccessDenied: the service does not accept this caller.
	AccessDenied Code = "access_denied"
	// Protocol: the service's answer does not fit the question.
	Protocol Code = "protocol"
	// MessageMismatch: the message is not shaped as its map says, so that parts could slip through unmasked.
	MessageMismatch Code = "mismatch"
	// Path: a path of a message map cannot be read.
	Path Code = "path"
	// AttributeValue: an attribute's value has no form that can be sent.
	AttributeValue Code = "attribute"
	// MaskUnavailable: a mask cannot be performed as told; in a message the field is dropped.
	MaskUnavailable Code = "mask"
	// KeyUnavailable: a key is there and cannot be used; in a message the field is dropped.
	KeyUnavailable Code = "key"
	// Configuration: the client was set up wrongly.
	Configuration Code = "config"
	// ClientClosed: the client was used after Close.
	ClientClosed Code = "closed"
	// Bundle: a bundle cannot be used; the one in use stays.
	Bundle Code = "bundle"
)

var parents = map[Code]Code{RevisionTooOld: Unavailable, UnknownMessage: RequestRejected}

// Error returns the code, so that a Code can be the target of errors.Is.
func (c Code) Error() string { return string(c) }

// Violation is what is wrong at one place of a question.
type Violation struct {
	// Field is the place, such as `items[3].fields`.
	Field string
	// Description says what is wrong.
	Description string
}

// Error is every error that this module makes on purpose.
type Error struct {
	// Code is the kind.
	Code Code
	// Message is a sentence in English without a value of a message.
	Message string
	// Status is the canonical gRPC code such as `DEADLINE_EXCEEDED`; only of Unavailable.
	Status string
	// Violations are the wrong places; only of RequestRejected.
	Violations []Violation
	// Cause is the error below, if any.
	Cause error
}

// New returns an error of a kind.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// NewUnavailable returns an Unavailable with a canonical gRPC code.
func NewUnavailable(status, format string, args ...any) *Error {
	return &Error{Code: Unavailable, Status: status, Message: fmt.Sprintf(format, args...)}
}

// Because returns the error with its cause.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is says whether the error is of a kind or of one below it.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && (e.Code == code || parents[e.Code] == code)
}
