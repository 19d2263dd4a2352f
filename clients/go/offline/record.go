package offline

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/internal/engine"
	"jingxi.dev/client/internal/messagemap"
	"jingxi.dev/client/internal/spool"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// answer is a request and what was decided about it.
type answer struct {
	by          *loaded
	request     *pdpv1.DecideRequest
	said        *engine.Said
	diagnostics []*pdpv1.Diagnostic
	time        time.Time
	// id is there when it is recorded.
	id string
}

// own returns the part of the reply that it does not share.
func (a *answer) own() *pdpv1.DecideResponse {
	return &pdpv1.DecideResponse{
		DecisionId: a.id, RequestId: a.request.GetRequestId(), Revision: a.by.Revision, PolicyHash: a.by.Hash,
		Diagnostics: a.diagnostics,
	}
}

// shared is what answers by the same rules have in common: the decision as callers see it, and how to mask by it.
type shared struct {
	decision *jingxi.Decision
	recipe   *messagemap.Recipe
}

// shared returns what it shares, with the recipe for a part where one is given.
func (a *answer) shared(part *messagemap.Part) *shared {
	if kept, ok := a.said.Form.Load().(*shared); ok && (part == nil || kept.recipe.IsFor(part)) {
		return kept
	}
	reply := a.said.Reply()
	made := &shared{decision: jingxi.DecisionOf(reply)}
	if part != nil {
		made.recipe = a.by.maskers.Recipe(part, messagemap.VerdictsOf(reply))
		a.said.Form.Store(made)
	}
	return made
}

// decision returns it as callers see it.
func (a *answer) decision(shared *shared) *jingxi.Decision {
	own := jingxi.DecisionOf(a.own())
	own.Verdicts, own.Obligations = shared.decision.Verdicts, shared.decision.Obligations
	return own
}

// record returns what is recorded of it, an OfflineDecision; what answers share was serialized once.
func (a *answer) record(number int64) ([]byte, error) {
	shared, err := a.said.Lean()
	if err != nil {
		return nil, err
	}
	record := make([]byte, 0, usualRequest+len(shared))
	record, err = proto.MarshalOptions{}.MarshalAppend(record, &pdpv1.OfflineDecision{Sequence: number, TimeNanos: a.time.UnixNano()})
	if err != nil {
		return nil, err
	}
	record, err = appendMessage(record, recordedRequest, func(b []byte) ([]byte, error) { return appendRequest(b, a.request) })
	if err != nil {
		return nil, err
	}
	own := a.own()
	record = protowire.AppendTag(record, recordedResponse, protowire.BytesType)
	record = protowire.AppendVarint(record, uint64(proto.Size(own)+len(shared)))
	record, err = proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(record, own)
	return append(record, shared...), err
}

// usualRequest is room for most requests and what else a record holds besides what answers share, in bytes.
const usualRequest = 1_024

func (c *Client) decide(current *loaded, requests []*pdpv1.DecideRequest) ([]answer, error) {
	now := c.now()
	answers := make([]answer, len(requests))
	stale := c.isStale(now)
	for i, request := range requests {
		said, diagnostics, err := current.Answer(request, now, engine.NoGrants)
		if err != nil {
			return nil, err
		}
		if stale > 0 && len(diagnostics) < 32 {
			diagnostics = append(diagnostics, &pdpv1.Diagnostic{
				Code:    pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_STALE_POLICIES,
				Message: fmt.Sprintf("for %d seconds nobody said that the bundle is in force", int64(stale.Seconds())),
			})
		}
		answers[i] = answer{by: current, request: request, said: said, diagnostics: diagnostics, time: now}
	}
	return answers, nil
}

func (c *Client) isStale(now time.Time) time.Duration {
	if c.config.MaxAge == 0 {
		return 0
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if age := now.Sub(c.status.Confirmed); age > c.config.MaxAge {
		return age
	}
	return 0
}

// recordAll writes the record of decisions and gives them their ids.
func (c *Client) recordAll(answers []answer) error {
	durable := c.config.Record == Sync
	for i := range answers {
		own := &answers[i]
		if c.config.Record == Async && own.unmasksSensitive() {
			durable = true
		}
		_, err := c.log.Append(false, func(number int64) ([]byte, error) {
			own.id = c.folder.ClientID + "-" + strconv.FormatInt(number, 10)
			return own.record(number)
		})
		if err != nil {
			return err
		}
	}
	if len(answers) == 0 {
		return nil
	}
	if durable {
		if err := c.log.Sync(); err != nil {
			return err
		}
	}
	c.tellFilling()
	if c.reporter != nil {
		c.reporter.Wake()
	}
	return nil
}

func (a *answer) unmasksSensitive() bool {
	for _, verdict := range a.said.Verdicts() {
		if verdict.GetEffect() == pdpv1.Effect_EFFECT_UNMASK && a.by.Level(verdict.GetField()) != "C1" {
			return true
		}
	}
	return false
}

func (c *Client) tellFilling() {
	full := c.log.Filling() > 0.5
	c.mutex.Lock()
	before := c.filling
	c.filling = full
	c.mutex.Unlock()
	if full && !before {
		c.alarms.Tell("spool_filling", "the record of decisions is more than half full and waits for the service")
	}
}

func (c *Client) syncOften() {
	ticker := time.NewTicker(asyncPause)
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
			if err := c.log.Sync(); err != nil {
				c.alarms.Tell("not_recorded", "decisions of the last moment could not be recorded: "+err.Error())
			}
		}
	}
}

func (c *Client) reportDecisions(ctx context.Context, entries []spool.Entry) (int64, error) {
	request := &pdpv1.ReportDecisionsRequest{ClientId: c.folder.ClientID}
	for _, entry := range entries {
		made := &pdpv1.OfflineDecision{}
		if entry.Payload == nil || proto.Unmarshal(entry.Payload, made) != nil {
			made = &pdpv1.OfflineDecision{} // lost: its number alone
		}
		made.Sequence = entry.Number
		request.Decisions = append(request.Decisions, made)
	}
	reply, err := pdpv1.NewBundleServiceClient(c.connection).ReportDecisions(ctx, request)
	return reply.GetRecordedThrough(), err
}
