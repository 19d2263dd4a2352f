// Package httpmask masks the JSON replies of a net/http handler.
//
//	mask := httpmask.New(client, func(r *http.Request) (jingxi.Question, bool) {
//		if r.Pattern != "GET /customers/{no}" {
//			return jingxi.Question{}, false // nothing to mask here
//		}
//		return jingxi.Question{Message: detail, Subject: tellerOf(r)}, true
//	})
//	http.ListenAndServe(address, mask(mux))
package httpmask

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	jingxi "jingxi.dev/client"
)

// DefaultMaxBytes bounds a reply.
const DefaultMaxBytes = 4 << 20

// About says what the reply to a request is; false for one that needs no masking. It is asked after the handler, so
// that Request.Pattern and what the handler's own middleware put into the context of this very request are there.
type About func(*http.Request) (jingxi.Question, bool)

// Option changes the middleware.
type Option func(*middleware)

// WithMaxBytes bounds a reply that is masked; a longer one is not sent.
func WithMaxBytes(most int) Option { return func(m *middleware) { m.most = most } }

// WithLogger sets where errors are logged; slog.Default unless told.
func WithLogger(logger *slog.Logger) Option { return func(m *middleware) { m.logger = logger } }

// WithErrorHandler writes the reply in the place of one that could not be masked; by default JSON with the error's code
// and the status 503 (no verdict), 403 (access denied) or 500.
func WithErrorHandler(handler func(http.ResponseWriter, *http.Request, error)) Option {
	return func(m *middleware) { m.failed = handler }
}

// WithObserver is told of each masked reply before it is sent, for obligations such as watermarks.
func WithObserver(observe func(http.ResponseWriter, *http.Request, *jingxi.Masked)) Option {
	return func(m *middleware) { m.observe = observe }
}

type middleware struct {
	masker  jingxi.Masker
	about   About
	most    int
	logger  *slog.Logger
	failed  func(http.ResponseWriter, *http.Request, error)
	observe func(http.ResponseWriter, *http.Request, *jingxi.Masked)
}

// New returns a middleware. A reply of a status 200 to 299 that About speaks for is masked; one that is not JSON, is
// compressed or too long is not sent, because it could hold what must be masked. Other statuses go through as they are.
func New(masker jingxi.Masker, about About, options ...Option) func(http.Handler) http.Handler {
	m := &middleware{masker: masker, about: about, most: DefaultMaxBytes, logger: slog.Default(), failed: writeError}
	m.observe = func(http.ResponseWriter, *http.Request, *jingxi.Masked) {}
	for _, option := range options {
		option(m)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(next, w, r) })
	}
}

func (m *middleware) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	held := &reply{header: http.Header{}, most: m.most}
	next.ServeHTTP(held, r)
	status := held.status
	if status == 0 {
		status = http.StatusOK
	}
	question, isMasked := m.about(r)
	if !isMasked || status < 200 || status > 299 || held.size == 0 {
		if held.size > held.body.Len() {
			m.fail(w, r, errTooLong)
			return
		}
		send(w, held.header, status, held.body.Bytes())
		return
	}
	text, masked, err := m.mask(r, held, question)
	if err != nil {
		m.fail(w, r, err)
		return
	}
	for _, name := range []string{"Etag", "Content-Md5", "Digest", "Content-Digest", "Accept-Ranges", "Last-Modified"} {
		held.header.Del(name) // of the reply as it was
	}
	for name, values := range held.header {
		w.Header()[name] = values
	}
	m.observe(w, r, masked)
	send(w, nil, status, text)
}

var (
	errTooLong    = errors.New("the reply is too long to be masked")
	errNotJSON    = errors.New("the reply is not JSON, so it cannot be masked")
	errCompressed = errors.New("the reply is compressed, so it cannot be masked; compress outside of this middleware")
)

func (m *middleware) mask(r *http.Request, held *reply, question jingxi.Question) ([]byte, *jingxi.Masked, error) {
	kind, _, err := mime.ParseMediaType(held.header.Get("Content-Type"))
	switch {
	case held.size > held.body.Len():
		return nil, nil, errTooLong
	case err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json"):
		return nil, nil, errNotJSON
	case held.header.Get("Content-Encoding") != "" && held.header.Get("Content-Encoding") != "identity":
		return nil, nil, errCompressed
	}
	return m.masker.MaskJSON(r.Context(), held.body.Bytes(), question.Message, question.Subject, question.Options...)
}

func (m *middleware) fail(w http.ResponseWriter, r *http.Request, err error) {
	m.logger.Error("a reply was not sent, because it could not be masked", "method", r.Method, "pattern", r.Pattern, "error", err)
	m.failed(w, r, err)
}

func writeError(w http.ResponseWriter, _ *http.Request, err error) {
	status, code := http.StatusInternalServerError, "internal"
	var known *jingxi.Error
	if errors.As(err, &known) {
		code = string(known.Code)
	}
	switch {
	case errors.Is(err, jingxi.Unavailable):
		status = http.StatusServiceUnavailable
	case errors.Is(err, jingxi.AccessDenied):
		status = http.StatusForbidden
	}
	text, _ := json.Marshal(map[string]string{"error": code}) // of texts alone: it cannot fail
	send(w, http.Header{"Content-Type": {"application/json"}}, status, text)
}

func send(w http.ResponseWriter, header http.Header, status int, body []byte) {
	for name, values := range header {
		w.Header()[name] = values
	}
	if len(body) > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // who asked may have gone
}

// reply holds what the handler writes. It is no http.Flusher: nothing may go out unmasked.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
	size   int
	most   int
}

// Header is part of http.ResponseWriter.
func (r *reply) Header() http.Header { return r.header }

// WriteHeader is part of http.ResponseWriter; the first status counts.
func (r *reply) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
}

// Write is part of http.ResponseWriter; what is beyond the bound is only counted.
func (r *reply) Write(data []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.size += len(data)
	if r.size <= r.most {
		r.body.Write(data)
	}
	return len(data), nil
}
