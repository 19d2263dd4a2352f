package jingxi

import (
	"crypto/tls"
	"log/slog"
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc"

	"jingxi.dev/client/internal/replies"
	"jingxi.dev/client/internal/settings"
	"jingxi.dev/client/internal/values"
	"jingxi.dev/client/masks"
)

// DefaultDeadline bounds a call of Mask or Decide unless WithDeadline says otherwise.
const DefaultDeadline = 500 * time.Millisecond

// Option sets up a Client.
type Option func(*settings.Settings)

// WithTLS connects by TLS; with certificates in the configuration mutually. Give a configuration with RootCAs for the
// bank's own authority. A server name that is not set is the target's.
func WithTLS(config *tls.Config) Option {
	return func(s *settings.Settings) { s.TLS = config }
}

// WithInsecure allows plain text to other machines. Without it, and without WithTLS, only this machine is spoken to.
func WithInsecure() Option { return func(s *settings.Settings) { s.Insecure = true } }

// WithToken sends a bearer token with each call; only over TLS or to this machine.
func WithToken(token string) Option { return func(s *settings.Settings) { s.Token = token } }

// WithTokenFile sends the bearer token in a file, which is read again when it changes.
func WithTokenFile(path string) Option { return func(s *settings.Settings) { s.TokenFile = path } }

// WithDeadline bounds each call of Mask and Decide, all its calls, retries and waiting together. The deadline of the
// context counts where it is earlier.
func WithDeadline(deadline time.Duration) Option {
	return func(s *settings.Settings) { s.Deadline = deadline }
}

// WithKeys gives the keys of `hash`, `encrypt` and `fpe` masks.
func WithKeys(keys masks.KeyProvider) Option {
	return func(s *settings.Settings) {
		if keys != nil {
			s.Keys = keys
		}
	}
}

// WithStateFolder keeps message maps and the record of what was shown without a verdict in a folder of this process
// alone. It puts the failure rule into force: see Client.Mask.
func WithStateFolder(path string) Option { return func(s *settings.Settings) { s.Folder = path } }

// WithAlarm is told when something needs a person. It is called in a goroutine of its own, one call at a time.
func WithAlarm(alarm func(Alarm)) Option {
	return func(s *settings.Settings) {
		if alarm != nil {
			s.Alarm = func(kind, message string, when time.Time) { alarm(Alarm{kind, message, when}) }
		}
	}
}

// WithMetrics is told of each call and each message.
func WithMetrics(metrics Metrics) Option {
	return func(s *settings.Settings) {
		if metrics != nil {
			s.Call = metrics.Call
			s.Message = func(outcome string, took time.Duration) { metrics.Message(Outcome(outcome), took) }
		}
	}
}

// WithLogger sets where problems are logged; slog.Default unless told. No line holds a value of a message.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings.Settings) {
		if logger != nil {
			s.Logger = logger
		}
	}
}

// WithDialOptions adds gRPC's own options, such as interceptors; they win over the client's.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings.Settings) { s.Dial = append(s.Dial, options...) }
}

// Metrics is told what the client does. It must be quick and safe for concurrent use.
type Metrics interface {
	// Call is told of each gRPC call with the canonical code of its end, such as `OK` or `UNAVAILABLE`.
	Call(method, code string, took time.Duration)
	// Message is told of each call of Mask.
	Message(outcome Outcome, took time.Duration)
}

// Outcome is how a message was answered.
type Outcome string

// The outcomes of a message.
const (
	// Decided: by verdicts of the service or of a bundle.
	Decided Outcome = "decided"
	// FellBack: by the failure rule.
	FellBack Outcome = "fallback"
	// Refused: an error was returned.
	Refused Outcome = "refused"
)

// Alarm is something that needs a person.
type Alarm struct {
	// Kind is such as `breaker_opened`, `breaker_closed`, `many_fallbacks`, `not_recorded`, `spool_filling`, `state_damaged`,
	// `reporting` or `bundle_refused`.
	Kind string
	// Message is a sentence in English without a value of a message.
	Message string
	// Time is when.
	Time time.Time
}

// CallOption says more about one question.
type CallOption func(*settings.Question)

// WithContext says where and how: facts by declared name without `context.`, such as `menu`.
func WithContext(context map[string]any) CallOption {
	return func(q *settings.Question) {
		if q.Caller.Context == nil {
			q.Caller.Context = map[string]any{}
		}
		maps.Copy(q.Caller.Context, context)
	}
}

// WithAction says what the employee is about to do.
func WithAction(action Action) CallOption {
	return func(q *settings.Question) {
		q.Caller.Action, q.Caller.ActionAttributes = action.Name, action.Attributes
	}
}

// WithResource says what is looked at; for a message it wins over what the message holds.
func WithResource(resource Resource) CallOption {
	return func(q *settings.Question) {
		q.Caller.ResourceType, q.Caller.ResourceID = resource.Type, resource.ID
		q.Caller.ResourceAttributes = resource.Attributes
	}
}

// WithGrants names authorisations given for this view, at most 8.
func WithGrants(ids ...string) CallOption {
	return func(q *settings.Question) { q.GrantIDs = append(slices.Clone(q.GrantIDs), ids...) }
}

// WithRequestID sets the correlation, at most 100 bytes; by default a random one is made.
func WithRequestID(id string) CallOption { return func(q *settings.Question) { q.RequestID = id } }

// WithMinRevision asks for an answer by at least this revision of the policy set.
func WithMinRevision(revision int64) CallOption {
	return func(q *settings.Question) { q.MinRevision = revision }
}

// WithMinGrantRevision asks for an answer that knows at least this state of grants.
func WithMinGrantRevision(revision int64) CallOption {
	return func(q *settings.Question) { q.MinGrantRevision = revision }
}

// question is one call of Mask or Decide.
type question struct {
	settings.Question
	message Message
	calls   int
}

func newQuestion(message Message, subject Subject, options []CallOption) (*question, error) {
	q := &question{message: message}
	q.Caller.SubjectID, q.Caller.Roles, q.Caller.SubjectAttributes = subject.ID, subject.Roles, subject.Attributes
	for _, option := range options {
		option(&q.Question)
	}
	if q.RequestID == "" {
		q.RequestID = replies.NewID()
	}
	texts := map[string]string{
		"application": message.Application, "name": message.Name, "request_id": q.RequestID,
	}
	for name, text := range texts {
		if err := values.Text(name, text); err != nil {
			return nil, err
		}
	}
	for _, id := range q.GrantIDs {
		if err := values.Text("grant_ids", id); err != nil {
			return nil, err
		}
	}
	return q, nil
}
