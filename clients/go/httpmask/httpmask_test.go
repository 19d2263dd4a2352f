package httpmask_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/fault"
	"jingxi.dev/client/httpmask"
)

// masker replaces every message, or fails.
type masker struct {
	err  error
	seen []jingxi.Question
}

func (m *masker) Mask(context.Context, any, jingxi.Message, jingxi.Subject, ...jingxi.CallOption) (*jingxi.Masked, error) {
	return nil, errors.New("not used here")
}

func (m *masker) MaskJSON(
	_ context.Context, message []byte, about jingxi.Message, subject jingxi.Subject, options ...jingxi.CallOption,
) ([]byte, *jingxi.Masked, error) {
	m.seen = append(m.seen, jingxi.Question{Message: about, Subject: subject, Options: options})
	if m.err != nil {
		return nil, nil, m.err
	}
	return []byte(strings.ReplaceAll(string(message), "secret", "***")), &jingxi.Masked{RequestID: "r1"}, nil
}

func TestMiddleware(t *testing.T) {
	detail := jingxi.Message{Application: "counter", Name: "detail"}
	for _, c := range []struct {
		name, path     string
		write          func(http.ResponseWriter)
		err            error
		status         int
		body, observed string
	}{
		{"json is masked", "/masked", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("ETag", "x")
			w.WriteHeader(201)
			io.WriteString(w, `{"a":"sec`)
			io.WriteString(w, `ret"}`)
		}, nil, 201, `{"a":"***"}`, "r1"},
		{"problem+json too", "/masked", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/vnd.bank+json")
			io.WriteString(w, `"secret"`)
		}, nil, 200, `"***"`, "r1"},
		{"what needs no masking", "/plain", func(w http.ResponseWriter) { io.WriteString(w, "secret of nobody") }, nil, 200, "secret of nobody", ""},
		{"an error goes through", "/masked", func(w http.ResponseWriter) { http.Error(w, "no such customer", 404) }, nil, 404, "no such customer\n", ""},
		{"nothing", "/masked", func(w http.ResponseWriter) { w.WriteHeader(204) }, nil, 204, "", ""},
		{"what is not JSON is not sent", "/masked", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/csv")
			io.WriteString(w, "secret")
		}, nil, 500, `{"error":"internal"}`, ""},
		{"what has no type is not sent", "/masked", func(w http.ResponseWriter) { io.WriteString(w, `{"a":"secret"}`) }, nil, 500, `{"error":"internal"}`, ""},
		{"what is compressed is not sent", "/masked", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "secret")
		}, nil, 500, `{"error":"internal"}`, ""},
		{"what is too long is not sent", "/masked", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `"`+strings.Repeat("secret", 100)+`"`)
		}, nil, 500, `{"error":"internal"}`, ""},
		{"no verdict", "/masked", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `"secret"`)
		}, fault.NewUnavailable("UNAVAILABLE", "away"), 503, `{"error":"unavailable"}`, ""},
		{"no access", "/masked", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `"secret"`)
		}, fault.New(fault.AccessDenied, "no"), 403, `{"error":"access_denied"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &masker{err: c.err}
			mask := httpmask.New(m, func(r *http.Request) (jingxi.Question, bool) {
				return jingxi.Question{Message: detail, Subject: jingxi.Subject{ID: r.Header.Get("Teller")}}, r.Pattern == "/masked"
			}, httpmask.WithMaxBytes(300), httpmask.WithObserver(func(w http.ResponseWriter, _ *http.Request, masked *jingxi.Masked) {
				w.Header().Set("Observed", masked.RequestID)
			}))
			mux := http.NewServeMux()
			for _, path := range []string{"/masked", "/plain"} {
				mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { c.write(w) })
			}
			server := httptest.NewServer(mask(mux))
			defer server.Close()
			request, err := http.NewRequest("GET", server.URL+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Teller", "T1001")
			reply, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer reply.Body.Close()
			body, err := io.ReadAll(reply.Body)
			if err != nil || reply.StatusCode != c.status || string(body) != c.body || reply.Header.Get("Observed") != c.observed {
				t.Errorf("%d %s %v, %v", reply.StatusCode, body, reply.Header, err)
			}
			if reply.Header.Get("ETag") != "" {
				t.Error("the ETag of the unmasked reply was sent")
			}
			if len(m.seen) > 0 && (m.seen[0].Subject.ID != "T1001" || m.seen[0].Message != detail) {
				t.Errorf("asked %v", m.seen)
			}
		})
	}
}
