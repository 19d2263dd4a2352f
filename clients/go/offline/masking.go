package offline

import (
	"context"
	"fmt"
	"slices"
	"time"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/jsontext"
	"jingxi.dev/client/internal/messagemap"
	"jingxi.dev/client/internal/replies"
	"jingxi.dev/client/internal/settings"
	"jingxi.dev/client/internal/values"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Mask returns a copy of a JSON message, masked as the bundle decides, and the decisions, as jingxi.Client.Mask does.
// Where decisions cannot be recorded nothing is unmasked: the fields are masked by their default masks, and
// Masked.Fallback says so with the cause `not_recorded`.
func (c *Client) Mask(
	ctx context.Context, message any, about jingxi.Message, subject jingxi.Subject, options ...jingxi.CallOption,
) (*jingxi.Masked, error) {
	begun := time.Now()
	document, err := messagemap.Copy(message)
	if err != nil {
		return nil, c.ended(nil, begun, err)
	}
	masked, err := c.mask(ctx, document, about, subject, options)
	return masked, c.ended(masked, begun, err)
}

// MaskJSON is Mask for the text of a message: it returns the masked text, members sorted by name.
func (c *Client) MaskJSON(
	ctx context.Context, message []byte, about jingxi.Message, subject jingxi.Subject, options ...jingxi.CallOption,
) ([]byte, *jingxi.Masked, error) {
	begun := time.Now()
	document, err := jsontext.DecodeMessage(message)
	if err != nil {
		return nil, nil, c.ended(nil, begun, err)
	}
	masked, err := c.mask(ctx, document, about, subject, options)
	if c.ended(masked, begun, err) != nil {
		return nil, nil, err
	}
	text, err := jsontext.Encode(masked.Message)
	return text, masked, err
}

func (c *Client) ended(masked *jingxi.Masked, begun time.Time, err error) error {
	outcome := jingxi.Decided
	switch {
	case err != nil:
		outcome = jingxi.Refused
	case masked.Fallback != nil:
		outcome = jingxi.FellBack
	}
	c.settings.Message(string(outcome), time.Since(begun))
	return err
}

// Decide returns the verdicts of fields of one resource, in their order.
func (c *Client) Decide(
	ctx context.Context, fields []string, subject jingxi.Subject, options ...jingxi.CallOption,
) (*jingxi.Decision, error) {
	q, current, err := c.question(ctx, subject, options)
	if err != nil {
		return nil, err
	}
	request, err := replies.DecideRequest(q, fields)
	if err != nil {
		return nil, err
	}
	answers, err := c.decide(current, []*pdpv1.DecideRequest{request})
	if err != nil {
		return nil, err
	}
	if err := c.recordAll(answers); err != nil {
		return nil, fault.NewUnavailable("UNAVAILABLE", "the decision cannot be recorded, so it is not answered").Because(err)
	}
	return answers[0].decision(answers[0].shared(nil)), nil
}

func (c *Client) question(
	ctx context.Context, subject jingxi.Subject, options []jingxi.CallOption,
) (*settings.Question, *loaded, error) {
	if c.closed.Load() {
		return nil, nil, closedError()
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, fault.NewUnavailable("CANCELLED", "the caller's time was over").Because(err)
	}
	q := &settings.Question{}
	q.Caller.SubjectID, q.Caller.Roles, q.Caller.SubjectAttributes = subject.ID, subject.Roles, subject.Attributes
	for _, option := range options {
		option(q)
	}
	if q.RequestID == "" {
		q.RequestID = replies.NewID()
	}
	if err := values.Text("request_id", q.RequestID); err != nil {
		return nil, nil, err
	}
	current := c.current.Load()
	if current == nil {
		return nil, nil, fault.NewUnavailable("UNAVAILABLE", "there is no bundle to decide by: %s", c.Status().Problem)
	}
	if current.Revision < q.MinRevision {
		return nil, nil, &fault.Error{
			Code: fault.RevisionTooOld, Status: "FAILED_PRECONDITION",
			Message: fmt.Sprintf("the bundle has revision %d, and %d is asked for", current.Revision, q.MinRevision),
		}
	}
	return q, current, nil
}

func (c *Client) mask(
	ctx context.Context, document any, about jingxi.Message, subject jingxi.Subject, options []jingxi.CallOption,
) (*jingxi.Masked, error) {
	q, current, err := c.question(ctx, subject, options)
	if err != nil {
		return nil, err
	}
	found, err := current.messageMap(about)
	if err != nil {
		return nil, err
	}
	plan, err := messagemap.NewPlan(found, document, &q.Caller)
	if err != nil {
		return nil, err
	}
	defer plan.Release()
	requests := make([]*pdpv1.DecideRequest, len(plan.Questions))
	for i := range plan.Questions {
		requests[i] = plan.Request(i)
		requests[i].RequestId, requests[i].GrantIds = q.RequestID, q.GrantIDs
	}
	answers, err := c.decide(current, requests)
	if err != nil {
		return nil, err
	}
	masked := &jingxi.Masked{RequestID: q.RequestID, PolicyHash: current.Hash, Problems: plan.Problems}
	verdicts := make([]messagemap.Answer, len(answers))
	if err := c.recordAll(answers); err != nil {
		c.alarms.Tell("not_recorded", "a decision cannot be recorded, so nothing is unmasked: "+err.Error())
		masked.Fallback = &jingxi.Fallback{Cause: "not_recorded", Detail: "the decision cannot be recorded: " + err.Error()}
		for i := range verdicts {
			verdicts[i].Verdicts = current.DefaultMask
		}
	} else {
		masked.Decisions = slices.Grow(masked.Decisions, len(answers))
		for i := range answers {
			question := &plan.Questions[i]
			shared := answers[i].shared(question.Part)
			verdicts[i].Recipe = shared.recipe
			masked.Decisions = append(masked.Decisions, jingxi.PartDecision{
				Part: question.Part.Name, Place: question.Place.String(), Decision: answers[i].decision(shared),
			})
		}
	}
	var dropped []string
	masked.Message, dropped = messagemap.Apply(document, plan, verdicts, current.maskers)
	masked.Problems = append(masked.Problems, dropped...)
	for _, problem := range masked.Problems {
		c.settings.Logger.Warn("message was not masked as meant", "request_id", q.RequestID,
			"application", about.Application, "message", about.Name, "problem", problem)
	}
	return masked, nil
}

// messageMap returns the map of a message as the service would send it.
func (l *loaded) messageMap(about jingxi.Message) (*messagemap.Map, error) {
	l.mutex.RLock()
	found := l.maps[about]
	l.mutex.RUnlock()
	if found != nil {
		return found, nil
	}
	source := l.MessageMap(about.Application, about.Name)
	if source == nil {
		return nil, fault.New(fault.UnknownMessage, "application `%s` has no message `%s`", about.Application, about.Name)
	}
	found, err := messagemap.FromResponse(&pdpv1.GetMessageMapResponse{
		MessageMap: source, AttributeTypes: l.types, Revision: l.Revision, PolicyHash: l.Hash,
	})
	if err != nil {
		return nil, err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	// The first one stays: recipes are of its parts.
	if first := l.maps[about]; first != nil {
		return first, nil
	}
	l.maps[about] = found
	return found, nil
}
