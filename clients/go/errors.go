package jingxi

import "jingxi.dev/client/fault"

// Error is every error that this module makes on purpose; it never holds a value of a message. Ask for its kind with
// errors.Is and a Code, for its details with errors.As.
type Error = fault.Error

// Code is a stable kind of error, and the target for errors.Is.
type Code = fault.Code

// Violation is what is wrong at one place of a question.
type Violation = fault.Violation

// The kinds of errors; package fault says what each means.
const (
	Unavailable     = fault.Unavailable
	RevisionTooOld  = fault.RevisionTooOld
	RequestRejected = fault.RequestRejected
	UnknownMessage  = fault.UnknownMessage
	AccessDenied    = fault.AccessDenied
	Protocol        = fault.Protocol
	MessageMismatch = fault.MessageMismatch
	Path            = fault.Path
	AttributeValue  = fault.AttributeValue
	MaskUnavailable = fault.MaskUnavailable
	KeyUnavailable  = fault.KeyUnavailable
	Configuration   = fault.Configuration
	ClientClosed    = fault.ClientClosed
	BundleRefused   = fault.Bundle
)
