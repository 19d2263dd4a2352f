package jingxi

import (
	"maps"
	"slices"
	"strings"

	"jingxi.dev/client/internal/messagemap"
	"jingxi.dev/client/internal/values"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Message names a message as its map does.
type Message struct {
	// Application is the calling system.
	Application string
	// Name is the message's name in it.
	Name string
}

// Subject is who asks: the employee in front of the screen.
type Subject struct {
	// ID is the employee's number; required.
	ID string
	// Roles are those held now.
	Roles []string
	// Attributes are further facts by declared name without `subject.`.
	Attributes map[string]any
}

// Action is what the employee is about to do.
type Action struct {
	// Name is the operation, such as `query`.
	Name string
	// Attributes are further facts by declared name without `action.`.
	Attributes map[string]any
}

// Resource is what is looked at.
type Resource struct {
	// Type is the kind of thing, such as `customer`.
	Type string
	// ID is its number in the calling system.
	ID string
	// Attributes are further facts by declared name without `resource.`.
	Attributes map[string]any
}

// Text is a text for people in Chinese and English; either may be empty.
type Text struct{ ZH, EN string }

// Mask is how to mask: an algorithm with all its parameters.
type Mask struct {
	// Name is empty for a mask written inside a rule.
	Name string
	// Algorithm is such as `keep`.
	Algorithm string
	// Parameters are string, int64, bool, []string or []int64; nil for one of a kind that this client does not know.
	Parameters map[string]any
}

// Reason is why a verdict is as it is.
type Reason struct {
	// Kind is `rule`, `default` (no rule spoke), `unknown_field` or empty.
	Kind string
	// Rule is `policy/rule`.
	Rule string
	// Title is the rule's for people.
	Title Text
	// GrantID is the grant under which the rule held.
	GrantID string
	// Undecided says that the rule masks because its condition could not be decided.
	Undecided bool
}

// Verdict is the answer for one field; without a Mask it may be shown as it is.
type Verdict struct {
	Field  string
	Mask   *Mask
	Reason Reason
}

// Unmasked says whether the field may be shown as it is.
func (v Verdict) Unmasked() bool { return v.Mask == nil }

// Obligation is something the caller must do besides, such as `watermark`.
type Obligation struct {
	Type       string
	Parameters map[string]string
	// Fields are those whose verdict carries it.
	Fields []string
	// Rule asks for it.
	Rule string
}

// Diagnostic is something noteworthy about a decision; Code is such as `undecided_rule`.
type Diagnostic struct {
	Code       string
	Message    string
	Subject    string
	Attributes []string
}

// Decision is the answer for one resource, verdicts in the order of the question. Its slices and maps may be those of other
// decisions too and must not be written to.
type Decision struct {
	ID          string
	RequestID   string
	Revision    int64
	PolicyHash  string
	Verdicts    []Verdict
	Obligations []Obligation
	Diagnostics []Diagnostic
}

// Verdict returns the verdict of a field; false when it was not asked for.
func (d *Decision) Verdict(field string) (Verdict, bool) {
	for _, verdict := range d.Verdicts {
		if verdict.Field == field {
			return verdict, true
		}
	}
	return Verdict{}, false
}

// PartDecision is the decision about the message's own fields (Part empty) or about one item of a list.
type PartDecision struct {
	// Part is the list's name.
	Part string
	// Place is such as `$.accounts[2]`.
	Place string
	// Decision is nil where the service could not decide the item alone: its fields were masked in full.
	Decision *Decision
	// Problem says why there is no decision.
	Problem string
}

// Masked is a masked copy of a message, and what was decided about it.
type Masked struct {
	// Message is the copy, in the types of encoding/json.
	Message any
	// Decisions are one for each resource in the message; empty for a fallback.
	Decisions []PartDecision
	RequestID string
	// PolicyHash is that of the bundle that decided.
	PolicyHash string
	// Problems name, without any value, what did not go as the policy set wants it: attributes that could not be read
	// as their type (they count as missing, which never unmasks), masks that this client cannot perform (their fields
	// were dropped), items that could not be decided.
	Problems []string
	// Fallback is set when there was no verdict and the message was masked by the failure rule.
	Fallback *Fallback
}

// Fallback says what happened to a message without a verdict.
type Fallback struct {
	// Cause is `unavailable`, `deadline`, `bad_answer`, `breaker_open` or `overload`.
	Cause string
	// Detail is a sentence in English without a value of the message.
	Detail string
	// Passed are the fields that were shown as they are, sorted.
	Passed []string
	// Recorded says that the event is on this machine's disk. When it is not, nothing passed.
	Recorded bool
}

// Obligations returns those of all parts in order, equal ones once.
func (m *Masked) Obligations() []Obligation {
	var found []Obligation
	for _, part := range m.Decisions {
		if part.Decision == nil {
			continue
		}
		for _, own := range part.Decision.Obligations {
			if !slices.ContainsFunc(found, own.equal) {
				found = append(found, own)
			}
		}
	}
	return found
}

func (o Obligation) equal(other Obligation) bool {
	return o.Type == other.Type && o.Rule == other.Rule && slices.Equal(o.Fields, other.Fields) &&
		maps.Equal(o.Parameters, other.Parameters)
}

// DecisionOf returns the plain form of a reply of the service. A verdict that this client does not understand masks in
// full.
func DecisionOf(reply *pdpv1.DecideResponse) *Decision {
	found := &Decision{
		ID: reply.GetDecisionId(), RequestID: reply.GetRequestId(),
		Revision: reply.GetRevision(), PolicyHash: reply.GetPolicyHash(),
		Verdicts: make([]Verdict, 0, len(reply.GetVerdicts())),
	}
	known := make([]*Mask, len(reply.GetMasks()))
	for _, own := range reply.GetVerdicts() {
		verdict := Verdict{Field: own.GetField()}
		mask := messagemap.MaskOf(reply, own)
		switch {
		case mask == nil:
		case mask == messagemap.Full:
			verdict.Mask = maskOf(mask)
		default:
			if known[own.GetMask()] == nil {
				known[own.GetMask()] = maskOf(mask)
			}
			verdict.Mask = known[own.GetMask()]
		}
		if int(own.GetReason()) < len(reply.GetReasons()) {
			verdict.Reason = reasonOf(reply.GetReasons()[own.GetReason()])
		}
		found.Verdicts = append(found.Verdicts, verdict)
	}
	for _, own := range reply.GetObligations() {
		found.Obligations = append(found.Obligations, Obligation{
			own.GetType(), maps.Clone(own.GetParameters()), slices.Clone(own.GetFields()), own.GetRule(),
		})
	}
	for _, own := range reply.GetDiagnostics() {
		code := nameOf(pdpv1.DiagnosticCode_name, int32(own.GetCode()), "DIAGNOSTIC_CODE_")
		found.Diagnostics = append(found.Diagnostics, Diagnostic{
			code, own.GetMessage(), own.GetSubject(), slices.Clone(own.GetAttributes()),
		})
	}
	return found
}

func maskOf(source *pdpv1.Mask) *Mask {
	parameters := make(map[string]any, len(source.GetParameters()))
	for name, value := range source.GetParameters() {
		parameters[name] = values.Plain(value)
	}
	return &Mask{source.GetName(), source.GetAlgorithm(), parameters}
}

func reasonOf(source *pdpv1.Reason) Reason {
	return Reason{
		nameOf(pdpv1.ReasonKind_name, int32(source.GetKind()), "REASON_KIND_"), source.GetRule(),
		Text{source.GetTitle().GetZh(), source.GetTitle().GetEn()}, source.GetGrantId(), source.GetUndecided(),
	}
}

// nameOf returns an enum's value without its prefix, in lower case; empty for one that this client does not know.
func nameOf(names map[int32]string, number int32, prefix string) string {
	if number == 0 {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(names[number], prefix))
}
