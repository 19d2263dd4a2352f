// Package offline decides by a signed bundle in this process, with the official CEL runtime for Go: for systems in
// another network zone, or that cannot ask each time. It needs no service to mask; it gets bundles from one, or from a
// file, and reports what it decided when it can.
//
//	client, err := offline.New(offline.Config{
//		Nodes: "pdp1.bank.example:7443,pdp2.bank.example:7443", Trust: []string{"/etc/jingxi/keys"},
//	}, jingxi.WithTLS(config), jingxi.WithStateFolder("/var/lib/counter/jingxi"))
//	…
//	masked, err := client.Mask(ctx, message, about, subject)
package offline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/alarms"
	"jingxi.dev/client/internal/channel"
	"jingxi.dev/client/internal/engine"
	"jingxi.dev/client/internal/jsontext"
	"jingxi.dev/client/internal/messagemap"
	"jingxi.dev/client/internal/replies"
	"jingxi.dev/client/internal/report"
	"jingxi.dev/client/internal/settings"
	"jingxi.dev/client/internal/spool"
	"jingxi.dev/client/internal/state"
	"jingxi.dev/client/internal/values"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Record is when a decision is on this machine's disk.
type Record string

const (
	// Sync: before the message is returned. The default.
	Sync Record = "sync"
	// Async: within 100 ms, for decisions that unmask nothing of C2 or C3; the others as Sync.
	Async Record = "async"
	// AsyncAlways: within 100 ms, for all; a power failure may lose the record of what was shown.
	AsyncAlways Record = "async-always"
)

// asyncPause is how long a decision may wait for the disk.
const asyncPause = 100 * time.Millisecond

// Config is what an offline client needs besides the options of package jingxi.
type Config struct {
	// Nodes is a gRPC target as jingxi.New takes it: where bundles come from and decisions are reported to.
	Nodes string
	// File is a bundle that `pdp bundle export` wrote; it is looked at every 5 s. Then Nodes may be empty, and only
	// takes reports.
	File string
	// Trust are PEM files, or folders of them, with the public keys that may sign bundles.
	Trust []string
	// MaxAge adds the diagnostic `stale_policies` to decisions when for longer nobody said that the bundle is in force;
	// 0 for never.
	MaxAge time.Duration
	// Record is when decisions are on the disk; Sync when empty.
	Record Record
}

// Status tells by what an offline client decides.
type Status struct {
	// Revision and Hash are those of the bundle in use; 0 and empty for none.
	Revision int64
	Hash     string
	// Confirmed is when the bundle was last known to be in force.
	Confirmed time.Time
	// Problem says why what came last was not taken into use, or why nothing comes; empty when all is well.
	Problem string
	// Waiting is how many decisions the service does not have yet.
	Waiting int64
}

// Client decides offline. It is safe for concurrent use.
type Client struct {
	config     Config
	settings   *settings.Settings
	trust      engine.Trust
	maskers    *messagemap.Maskers
	alarms     *alarms.Teller
	folder     *state.Folder
	log        *spool.Spool
	connection *grpc.ClientConn
	reporter   *report.Reporter
	now        func() time.Time

	current atomic.Pointer[loaded]
	mutex   sync.Mutex
	status  Status
	changed chan struct{}
	filling bool

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	closed atomic.Bool
	once   sync.Once
	endBy  error
}

// loaded is a bundle in use.
type loaded struct {
	*engine.Engine
	maskers *messagemap.Maskers
	types   map[string]pdpv1.AttributeType

	mutex sync.RWMutex
	maps  map[jingxi.Message]*messagemap.Map
}

// New returns an offline client. It takes the options of package jingxi, of which WithStateFolder is required. A bundle
// that was kept there, or the file's, is in use at once; WaitReady waits for the first one.
func New(config Config, options ...jingxi.Option) (*Client, error) {
	s := settings.New(jingxi.DefaultDeadline)
	for _, option := range options {
		option(s)
	}
	switch {
	case s.Folder == "":
		return nil, fault.New(fault.Configuration, "an offline client records what it decides; give WithStateFolder")
	case config.Nodes == "" && config.File == "":
		return nil, fault.New(fault.Configuration, "there is nowhere to get bundles from; give Nodes or File")
	case config.Record == "":
		config.Record = Sync
	case config.Record != Sync && config.Record != Async && config.Record != AsyncAlways:
		return nil, fault.New(fault.Configuration, "Record is `%s`; give Sync, Async or AsyncAlways", config.Record)
	}
	trust, err := engine.LoadTrust(config.Trust)
	if err != nil {
		return nil, err
	}
	c := &Client{
		config: config, settings: s, trust: trust, maskers: messagemap.NewMaskers(s.Keys), now: time.Now,
		changed: make(chan struct{}),
	}
	if config.Nodes != "" {
		if c.connection, err = channel.Dial(config.Nodes, s); err != nil {
			return nil, err
		}
	}
	if err := c.openFolder(); err != nil {
		if c.connection != nil {
			err = errors.Join(err, c.connection.Close())
		}
		return nil, err
	}
	c.begin()
	return c, nil
}

func (c *Client) openFolder() error {
	folder, err := state.Open(c.settings.Folder)
	if err != nil {
		return err
	}
	log, err := spool.Open(filepath.Join(folder.Path, "decisions"), 0, c.settings.Opener)
	if err != nil {
		return errors.Join(fault.New(fault.Configuration,
			"the log in state folder `%s` cannot be opened: %s", folder.Path, err).Because(err), folder.Close())
	}
	c.folder, c.log = folder, log
	return nil
}

func (c *Client) begin() {
	c.alarms = alarms.New(c.settings.Logger, c.settings.Alarm)
	for _, damage := range c.log.Damage {
		c.alarms.Tell("state_damaged", "state folder `"+c.folder.Path+"`: "+damage)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.useKept()
	if c.config.File != "" {
		c.lookAtFile()
		c.work.Go(c.followFile)
	} else {
		c.work.Go(c.followNodes)
	}
	if c.connection != nil {
		c.reporter = report.New(c.log, c.reportDecisions, replies.ExpectedNumber, c.alarms)
	}
	if c.config.Record != Sync {
		c.work.Go(c.syncOften)
	}
}

// Close reports what waits for the service for at most a second, and ends the client. It may be called again.
func (c *Client) Close() error {
	c.once.Do(func() {
		c.closed.Store(true)
		c.cancel()
		c.work.Wait()
		if c.reporter != nil {
			c.reporter.Stop()
		}
		if c.connection != nil {
			c.endBy = c.connection.Close()
		}
		c.endBy = errors.Join(c.endBy, c.log.Close(), c.folder.Close())
		c.alarms.Close()
	})
	return c.endBy
}

// Status tells by what the client decides.
func (c *Client) Status() Status {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	found := c.status
	found.Waiting = c.log.Waiting()
	return found
}

// WaitReady waits until a bundle is in use, or the context ends.
func (c *Client) WaitReady(ctx context.Context) error {
	return c.WaitRevision(ctx, 0)
}

// WaitRevision waits until a bundle of at least this revision is in use, or the context ends.
func (c *Client) WaitRevision(ctx context.Context, revision int64) error {
	for {
		c.mutex.Lock()
		changed, problem := c.changed, c.status.Problem
		c.mutex.Unlock()
		if current := c.current.Load(); current != nil && current.Revision >= revision {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fault.NewUnavailable("UNAVAILABLE", "there is no such bundle: %s", problem).Because(ctx.Err())
		case <-c.ctx.Done():
			return closedError()
		}
	}
}

func closedError() error {
	return fault.New(fault.ClientClosed, "the client is closed; make a new one")
}

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
	if err := c.recordAll(current, answers); err != nil {
		return nil, fault.NewUnavailable("UNAVAILABLE", "the decision cannot be recorded, so it is not answered").Because(err)
	}
	return jingxi.DecisionOf(answers[0].response), nil
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
	requests := make([]*pdpv1.DecideRequest, len(plan.Questions))
	for i := range plan.Questions {
		requests[i] = &pdpv1.DecideRequest{
			RequestId: q.RequestID, Subject: plan.Subject, Action: plan.Action, Context: plan.Context,
			Resource: plan.Questions[i].Resource, Message: found.Reference(&plan.Questions[i]), GrantIds: q.GrantIDs,
		}
	}
	answers, err := c.decide(current, requests)
	if err != nil {
		return nil, err
	}
	masked := &jingxi.Masked{RequestID: q.RequestID, PolicyHash: current.Hash, Problems: plan.Problems}
	verdicts := make([]messagemap.Verdicts, len(answers))
	if err := c.recordAll(current, answers); err != nil {
		c.alarms.Tell("not_recorded", "a decision cannot be recorded, so nothing is unmasked: "+err.Error())
		masked.Fallback = &jingxi.Fallback{Cause: "not_recorded", Detail: "the decision cannot be recorded: " + err.Error()}
		for i := range verdicts {
			verdicts[i] = current.DefaultMask
		}
	} else {
		for i, own := range answers {
			verdicts[i] = messagemap.VerdictsOf(own.response)
			masked.Decisions = append(masked.Decisions, jingxi.PartDecision{
				Part: plan.Questions[i].Part.Name, Place: plan.Questions[i].Place.String(),
				Decision: jingxi.DecisionOf(own.response),
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

// answer is a request and what was decided about it.
type answer struct {
	request  *pdpv1.DecideRequest
	response *pdpv1.DecideResponse
	time     time.Time
}

func (c *Client) decide(current *loaded, requests []*pdpv1.DecideRequest) ([]answer, error) {
	now := c.now()
	answers := make([]answer, len(requests))
	stale := c.isStale(now)
	for i, request := range requests {
		response, err := current.Decide(request, now, engine.NoGrants)
		if err != nil {
			return nil, err
		}
		if stale > 0 && len(response.Diagnostics) < 32 {
			response.Diagnostics = append(response.Diagnostics, &pdpv1.Diagnostic{
				Code:    pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_STALE_POLICIES,
				Message: fmt.Sprintf("for %d seconds nobody said that the bundle is in force", int64(stale.Seconds())),
			})
		}
		answers[i] = answer{request, response, now}
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
func (c *Client) recordAll(current *loaded, answers []answer) error {
	durable := c.config.Record == Sync
	for _, own := range answers {
		if c.config.Record == Async && unmasksSensitive(current, own.response) {
			durable = true
		}
		_, err := c.log.Append(false, func(number int64) ([]byte, error) {
			own.response.DecisionId = fmt.Sprintf("%s-%d", c.folder.ClientID, number)
			return proto.Marshal(&pdpv1.OfflineDecision{
				Sequence: number, TimeNanos: own.time.UnixNano(), Request: own.request, Response: lean(own.response),
			})
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

// lean returns what is recorded of a response: masks without parameters and reasons without titles, which the service
// knows.
func lean(response *pdpv1.DecideResponse) *pdpv1.DecideResponse {
	small := &pdpv1.DecideResponse{
		DecisionId: response.DecisionId, RequestId: response.RequestId, Revision: response.Revision,
		PolicyHash: response.PolicyHash, Verdicts: response.Verdicts, Obligations: response.Obligations,
		Diagnostics: response.Diagnostics,
		Masks:       make([]*pdpv1.Mask, len(response.Masks)), Reasons: make([]*pdpv1.Reason, len(response.Reasons)),
	}
	for i, own := range response.Masks {
		small.Masks[i] = &pdpv1.Mask{Name: own.Name, Algorithm: own.Algorithm}
	}
	for i, own := range response.Reasons {
		small.Reasons[i] = &pdpv1.Reason{Kind: own.Kind, Rule: own.Rule, GrantId: own.GrantId, Undecided: own.Undecided}
	}
	return small
}

func unmasksSensitive(current *loaded, response *pdpv1.DecideResponse) bool {
	for _, verdict := range response.GetVerdicts() {
		if verdict.GetEffect() == pdpv1.Effect_EFFECT_UNMASK && current.Level(verdict.GetField()) != "C1" {
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
	l.maps[about] = found
	l.mutex.Unlock()
	return found, nil
}
