package jingxi

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/messagemap"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

const (
	maxEventItems = 1_000
	maxEventBytes = 128 * 1024
	maxDetail     = 500
)

// The gRPC codes after which the failure rule holds; those that refuse are not here.
var causes = map[string]pdpv1.FallbackCause{
	"UNAVAILABLE":         pdpv1.FallbackCause_FALLBACK_CAUSE_UNAVAILABLE,
	"FAILED_PRECONDITION": pdpv1.FallbackCause_FALLBACK_CAUSE_UNAVAILABLE,
	"DEADLINE_EXCEEDED":   pdpv1.FallbackCause_FALLBACK_CAUSE_DEADLINE,
	"RESOURCE_EXHAUSTED":  pdpv1.FallbackCause_FALLBACK_CAUSE_OVERLOAD,
	"INTERNAL":            pdpv1.FallbackCause_FALLBACK_CAUSE_BAD_ANSWER,
	"UNKNOWN":             pdpv1.FallbackCause_FALLBACK_CAUSE_BAD_ANSWER,
	"ABORTED":             pdpv1.FallbackCause_FALLBACK_CAUSE_BAD_ANSWER,
	"CANCELLED":           pdpv1.FallbackCause_FALLBACK_CAUSE_BAD_ANSWER,
	"DATA_LOSS":           pdpv1.FallbackCause_FALLBACK_CAUSE_BAD_ANSWER,
	"UNIMPLEMENTED":       pdpv1.FallbackCause_FALLBACK_CAUSE_BAD_ANSWER,
}

func causeOf(err error) (pdpv1.FallbackCause, bool) {
	var known *Error
	switch {
	case !errors.As(err, &known):
		return 0, false
	case errors.Is(err, errNotAsked):
		return pdpv1.FallbackCause_FALLBACK_CAUSE_BREAKER_OPEN, true
	case known.Code == fault.Protocol:
		return pdpv1.FallbackCause_FALLBACK_CAUSE_BAD_ANSWER, true
	case errors.Is(known, fault.Unavailable):
		cause, ok := causes[known.Status]
		return cause, ok
	}
	return 0, false
}

// fallBack masks a document by the failure rule, or returns the error where that does not hold.
func (c *Client) fallBack(document any, q *question, failure error) (*Masked, error) {
	cause, ok := causeOf(failure)
	if c.folder == nil || !ok {
		return nil, failure
	}
	current := c.maps.latest(q.message)
	if current == nil {
		kept := c.folder.Map(q.message.Application, q.message.Name)
		if kept == nil {
			return nil, failure
		}
		var err error
		if current, err = messagemap.FromResponse(kept); err != nil {
			return nil, err
		}
	}
	plan, err := messagemap.NewPlan(current, document, &q.Caller)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	rule := newFailureRule(current.Source, now)
	result := &Fallback{
		Cause: nameOf(pdpv1.FallbackCause_name, int32(cause), "FALLBACK_CAUSE_"), Detail: failure.Error(), Recorded: true,
	}
	for _, event := range rule.events(plan, q, cause, result.Detail, now) {
		if err := c.record(event); err != nil {
			result.Recorded = false
			c.alarms.Tell("not_recorded", "a message was masked without a verdict and cannot be recorded, so nothing passes: "+err.Error())
			rule.nothingPasses()
			break
		}
	}
	result.Passed = rule.passed(plan)
	verdicts := make([]messagemap.Answer, len(plan.Questions))
	for i := range verdicts {
		verdicts[i].Verdicts = rule.mask
	}
	found := &Masked{RequestID: q.RequestID, PolicyHash: current.PolicyHash, Problems: plan.Problems, Fallback: result}
	var dropped []string
	found.Message, dropped = messagemap.Apply(document, plan, verdicts, c.maskers)
	found.Problems = append(found.Problems, dropped...)
	c.logProblems(q, found.Problems)
	c.settings.Logger.Warn("message was masked without a verdict", "request_id", q.RequestID, "cause", result.Cause,
		"application", q.message.Application, "message", q.message.Name, "recorded", result.Recorded)
	if c.fallbacks.count(current.Source.GetAlarmEvents(), current.Source.GetAlarmSeconds()) {
		c.alarms.Tell("many_fallbacks", "more messages than the policy set allows were masked without a verdict; the last cause is: "+result.Detail)
	}
	c.reporter.Wake()
	return found, nil
}

func (c *Client) record(event *pdpv1.FallbackEvent) error {
	_, err := c.log.Append(true, func(number int64) ([]byte, error) {
		event.Sequence = number
		return proto.Marshal(event)
	})
	c.fallbacks.filling(c.log.Filling(), func() {
		c.alarms.Tell("spool_filling", "the record of messages without a verdict is more than half full and waits for the service")
	})
	return err
}

// failureRule is what the message's map says may be shown now.
type failureRule struct {
	passes map[string]bool
	masks  map[string]*pdpv1.Mask
}

func newFailureRule(source *pdpv1.GetMessageMapResponse, now time.Time) *failureRule {
	rule := &failureRule{passes: map[string]bool{}, masks: map[string]*pdpv1.Mask{}}
	inForce := now.UnixNano() < source.GetPassUntilNanos()
	for _, own := range source.GetFallbacks() {
		rule.passes[own.GetField()] = own.GetPass() && inForce
		rule.masks[own.GetField()] = own.GetMask()
	}
	return rule
}

func (r *failureRule) nothingPasses() { clear(r.passes) }

// mask returns how a field is shown, nil for as it is. One that the service did not speak about is masked in full.
func (r *failureRule) mask(field string) *pdpv1.Mask {
	if r.passes[field] {
		return nil
	}
	if mask := r.masks[field]; mask != nil {
		return mask
	}
	return messagemap.Full
}

func (r *failureRule) passed(plan *messagemap.Plan) []string {
	found := map[string]bool{}
	for i := range plan.Questions {
		for field, places := range plan.Questions[i].Fields() {
			if len(places) > 0 && r.passes[field] {
				found[field] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// events returns the record of a message, in several where it has very many resources.
func (r *failureRule) events(
	plan *messagemap.Plan, q *question, cause pdpv1.FallbackCause, detail string, now time.Time,
) []*pdpv1.FallbackEvent {
	begin := func() *pdpv1.FallbackEvent {
		return &pdpv1.FallbackEvent{
			TimeNanos: now.UnixNano(), Cause: cause, Detail: cutTo(detail, maxDetail), RequestId: cutTo(q.RequestID, 128),
			Message: &pdpv1.MessageRef{Application: q.message.Application, Name: q.message.Name},
			Subject: plan.Subject, Action: plan.Action, Context: plan.Context, GrantIds: q.GrantIDs,
			Revision: plan.Map.Revision, PolicyHash: plan.Map.PolicyHash,
		}
	}
	event := begin()
	found := []*pdpv1.FallbackEvent{event}
	size := 0
	for i := range plan.Questions {
		question := &plan.Questions[i]
		item := &pdpv1.FallbackItem{Resource: question.Resource, Part: question.Part.Name}
		for field, places := range question.Fields() {
			switch {
			case len(places) == 0:
			case r.passes[field]:
				item.Passed = append(item.Passed, field)
			default:
				item.Masked = append(item.Masked, field)
			}
		}
		weight := proto.Size(item)
		if len(event.Items) > 0 && (len(event.Items) == maxEventItems || size+weight > maxEventBytes) {
			event, size = begin(), 0
			found = append(found, event)
		}
		event.Items = append(event.Items, item)
		size += weight
	}
	return found
}

// cutTo returns the start of a text, never half a character.
func cutTo(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xC0 == 0x80 {
		most--
	}
	return text[:most]
}

// fallbackCounter says when there are too many fallbacks, or too much waits for the service.
type fallbackCounter struct {
	now func() time.Time

	mutex  sync.Mutex
	recent []time.Time
	told   time.Time
	isFull bool
}

// count counts a message and says whether more than so many fell back within so many seconds; once in that time.
func (f *fallbackCounter) count(events, seconds int32) bool {
	window := time.Duration(max(seconds, 1)) * time.Second
	f.mutex.Lock()
	defer f.mutex.Unlock()
	now := f.now()
	f.recent = append(slices.DeleteFunc(f.recent, func(t time.Time) bool { return now.Sub(t) >= window }), now)
	if most := int(max(events, 0)) + 1; len(f.recent) > most {
		f.recent = f.recent[len(f.recent)-most:]
	}
	if len(f.recent) <= int(max(events, 0)) || !f.told.IsZero() && now.Sub(f.told) < window {
		return false
	}
	f.told = now
	return true
}

// filling calls tell when the log has become more than half full.
func (f *fallbackCounter) filling(part float64, tell func()) {
	f.mutex.Lock()
	before := f.isFull
	f.isFull = part > 0.5
	after := f.isFull
	f.mutex.Unlock()
	if after && !before {
		tell()
	}
}
