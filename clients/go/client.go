package jingxi

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/alarms"
	"jingxi.dev/client/internal/breaker"
	"jingxi.dev/client/internal/channel"
	"jingxi.dev/client/internal/jsontext"
	"jingxi.dev/client/internal/messagemap"
	"jingxi.dev/client/internal/replies"
	"jingxi.dev/client/internal/report"
	"jingxi.dev/client/internal/settings"
	"jingxi.dev/client/internal/spool"
	"jingxi.dev/client/internal/state"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Client is a connection to the decision service. It is safe for concurrent use.
type Client struct {
	settings   *settings.Settings
	connection *grpc.ClientConn
	service    pdpv1.DecisionServiceClient
	maskers    *messagemap.Maskers
	maps       *mapStore
	breaker    *breaker.Breaker
	alarms     *alarms.Teller
	closed     atomic.Bool

	// Of a client with a state folder.
	folder    *state.Folder
	log       *spool.Spool
	fallbacks *fallbackCounter
	reporter  *report.Reporter

	closing sync.Once
	closeBy error
}

// New returns a client of the service at a gRPC target: a name such as `pdp.bank.example:7443`, or several addresses
// such as `10.0.0.1:7443,10.0.0.2:7443`; calls go round all healthy nodes behind it. It does not wait for a connection.
func New(target string, options ...Option) (*Client, error) {
	s := settings.New(DefaultDeadline)
	for _, option := range options {
		option(s)
	}
	if s.Deadline <= 0 {
		return nil, fault.New(fault.Configuration, "the deadline is `%s`; give one above 0", s.Deadline)
	}
	connection, err := channel.Dial(target, s)
	if err != nil {
		return nil, err
	}
	c := &Client{
		settings: s, connection: connection, service: pdpv1.NewDecisionServiceClient(connection),
		maskers: messagemap.NewMaskers(s.Keys), maps: newMapStore(),
	}
	c.alarms = alarms.New(s.Logger, s.Alarm)
	c.breaker = breaker.New(time.Now, c.breakerChanged)
	if s.Folder != "" {
		if err := c.openFolder(); err != nil {
			return nil, errors.Join(err, connection.Close())
		}
	}
	connection.Connect()
	return c, nil
}

func (c *Client) openFolder() error {
	folder, err := state.Open(c.settings.Folder)
	if err != nil {
		return err
	}
	log, err := spool.Open(filepath.Join(folder.Path, "fallbacks"), 0, c.settings.Opener)
	if err != nil {
		folder.Close()
		return fault.New(fault.Configuration, "the log in state folder `%s` cannot be opened: %s", folder.Path, err).Because(err)
	}
	for _, damage := range log.Damage {
		c.alarms.Tell("state_damaged", "state folder `"+folder.Path+"`: "+damage)
	}
	c.folder, c.log, c.fallbacks = folder, log, &fallbackCounter{now: time.Now}
	c.reporter = report.New(c.log, c.reportFallbacks, replies.ExpectedNumber, c.alarms)
	return nil
}

func (c *Client) breakerChanged(open bool) {
	if open {
		c.alarms.Tell("breaker_opened", "the decision service failed several times in a row; it is not asked for a while")
	} else {
		c.alarms.Tell("breaker_closed", "the decision service answers again")
	}
}

// Close reports what waits for the service for at most a second, and ends all calls and the connection. It may be
// called again.
func (c *Client) Close() error {
	c.closing.Do(func() {
		c.closed.Store(true)
		if c.reporter != nil {
			c.reporter.Stop()
		}
		c.closeBy = c.connection.Close()
		if c.log != nil {
			c.closeBy = errors.Join(c.closeBy, c.log.Close(), c.folder.Close())
		}
		c.alarms.Close()
	})
	return c.closeBy
}

// WaitReady waits until a healthy node is connected, or the context ends.
func (c *Client) WaitReady(ctx context.Context) error {
	for {
		if err := c.checkOpen(); err != nil {
			return err
		}
		c.connection.Connect()
		current := c.connection.GetState()
		if current == connectivity.Ready {
			return nil
		}
		if !c.connection.WaitForStateChange(ctx, current) {
			return fault.NewUnavailable("UNAVAILABLE", "no node could be reached in time").Because(ctx.Err())
		}
	}
}

// Prepare fetches a message's map, so that the failure rule can mask the message even if the service is away from then
// on.
func (c *Client) Prepare(ctx context.Context, message Message) error {
	q, err := newQuestion(message, Subject{}, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.settings.Deadline)
	defer cancel()
	_, err = c.fetchMap(ctx, q)
	return err
}

// Decide returns the verdicts of fields of one resource, in their order. Attributes are sent as the types that Go has
// for them: a float64 for a double, time.Time for a timestamp, time.Duration for a duration. The failure rule does not
// hold for it.
func (c *Client) Decide(ctx context.Context, fields []string, subject Subject, options ...CallOption) (*Decision, error) {
	q, err := newQuestion(Message{}, subject, options)
	if err != nil {
		return nil, err
	}
	request, err := replies.DecideRequest(&q.Question, fields)
	if err != nil {
		return nil, err
	}
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, c.settings.Deadline)
	defer cancel()
	permit, ok := c.breaker.Ask()
	if !ok {
		return nil, errBreakerOpen()
	}
	reply, err := call(c, ctx, "Decide", c.service.Decide, request)
	if err == nil && !slices.EqualFunc(reply.GetVerdicts(), fields, func(v *pdpv1.Verdict, field string) bool {
		return v.GetField() == field
	}) {
		err = fault.New(fault.Protocol, "Decide answered about %d fields, not the %d asked for in order",
			len(reply.GetVerdicts()), len(fields))
	}
	settle(permit, caller, err)
	if err != nil {
		return nil, err
	}
	if reply.RequestId == "" {
		reply.RequestId = request.RequestId
	}
	return DecisionOf(reply), nil
}

// Mask returns a copy of a JSON message, masked as the service decides, and the decisions. The message is nil, bool,
// string, numbers, []any and map[string]any as encoding/json gives them, best with json.Number, so that amounts keep
// their digits; a struct is masked in its JSON form. It is never changed.
//
// The message's map says where fields and attributes are; of the message only those attributes and the ids of
// resources leave the process. What the caller gives wins over what the message holds; `context.application` is the
// message's application unless given. A part that the service cannot decide alone is masked in full.
//
// When no verdict can be had, a client with a state folder masks by the failure rule of the policy set, and
// Masked.Fallback says so; one without it returns an Unavailable. Mistakes that the service refuses (RequestRejected,
// UnknownMessage, AccessDenied) and messages that do not fit their map (MessageMismatch) are always errors.
func (c *Client) Mask(
	ctx context.Context, message any, about Message, subject Subject, options ...CallOption,
) (*Masked, error) {
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
	ctx context.Context, message []byte, about Message, subject Subject, options ...CallOption,
) ([]byte, *Masked, error) {
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

// ended tells the metrics hook about a message and returns the error as it is.
func (c *Client) ended(masked *Masked, begun time.Time, err error) error {
	outcome := Decided
	switch {
	case err != nil:
		outcome = Refused
	case masked.Fallback != nil:
		outcome = FellBack
	}
	c.settings.Message(string(outcome), time.Since(begun))
	return err
}

// mask masks the document itself.
func (c *Client) mask(
	ctx context.Context, document any, about Message, subject Subject, options []CallOption,
) (*Masked, error) {
	if err := c.checkOpen(); err != nil {
		return nil, err
	}
	q, err := newQuestion(about, subject, options)
	if err != nil {
		return nil, err
	}
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, c.settings.Deadline)
	defer cancel()
	permit, ok := c.breaker.Ask()
	if !ok {
		return c.fallBack(document, q, errBreakerOpen())
	}
	plan, answers, err := c.followed(ctx, document, q)
	settle(permit, caller, err)
	if err != nil {
		if closed := c.checkOpen(); closed != nil {
			return nil, closed
		}
		if errors.Is(caller.Err(), context.Canceled) {
			return nil, err
		}
		return c.fallBack(document, q, err)
	}
	if c.reporter != nil {
		c.reporter.Kick()
	}
	return c.masked(document, plan, answers, q), nil
}

func (c *Client) masked(document any, plan *messagemap.Plan, answers []answer, q *question) *Masked {
	verdicts := make([]messagemap.Answer, len(answers))
	found := &Masked{RequestID: q.RequestID, PolicyHash: plan.Map.PolicyHash, Problems: plan.Problems}
	for i, own := range answers {
		verdicts[i].Verdicts = messagemap.VerdictsOf(own.reply)
		part := PartDecision{Part: plan.Questions[i].Part.Name, Place: plan.Questions[i].Place.String(), Problem: own.problem}
		if own.reply != nil {
			part.Decision = DecisionOf(own.reply)
		} else {
			found.Problems = append(found.Problems, part.Place+" was masked in full: "+own.problem)
		}
		found.Decisions = append(found.Decisions, part)
	}
	if len(answers) > 0 {
		found.PolicyHash = answers[0].policyHash
	}
	var dropped []string
	found.Message, dropped = messagemap.Apply(document, plan, verdicts, c.maskers)
	found.Problems = append(found.Problems, dropped...)
	c.logProblems(q, found.Problems)
	return found
}

func (c *Client) logProblems(q *question, problems []string) {
	for _, problem := range problems {
		c.settings.Logger.Warn("message was not masked as meant", "request_id", q.RequestID,
			"application", q.message.Application, "message", q.message.Name, "problem", problem)
	}
}

func (c *Client) checkOpen() error {
	if c.closed.Load() {
		return fault.New(fault.ClientClosed, "the client is closed; make a new one")
	}
	return nil
}

func errBreakerOpen() *Error {
	return fault.NewUnavailable("UNAVAILABLE", "the decision service is not asked now, because many calls before failed").
		Because(errNotAsked)
}

var errNotAsked = errors.New("breaker open")

// settle tells the breaker how a question ended.
func settle(permit breaker.Permit, caller context.Context, err error) {
	var known *Error
	switch {
	case err == nil:
		permit.Success()
	case errors.Is(caller.Err(), context.Canceled):
		permit.Abandon()
	case !errors.As(err, &known):
		permit.Abandon()
	case known.Code == fault.Unavailable || known.Code == fault.Protocol:
		permit.Failure()
	case known.Code == fault.RequestRejected || known.Code == fault.UnknownMessage ||
		known.Code == fault.AccessDenied || known.Code == fault.RevisionTooOld:
		permit.Success()
	default:
		permit.Abandon()
	}
}

// call makes one gRPC call within the context's time.
func call[Q, R any](
	c *Client, ctx context.Context, method string, do func(context.Context, Q, ...grpc.CallOption) (R, error), request Q,
) (R, error) {
	var none R
	if err := c.checkOpen(); err != nil {
		return none, err
	}
	begun := time.Now()
	reply, err := do(ctx, request)
	c.settings.Call(method, replies.CodeNames[status.Code(err)], time.Since(begun))
	if err == nil {
		return reply, nil
	}
	if closed := c.checkOpen(); closed != nil && status.Code(err) == codes.Canceled {
		return none, closed
	}
	return none, replies.ErrorOf(ctx, err, method)
}
