package jingxi_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/grpcmask"
	"jingxi.dev/client/httpmask"
	"jingxi.dev/client/masks"
	"jingxi.dev/client/offline"
)

// What the README shows, so that it compiles; TestReadme holds them together.

func readmeMask(ctx context.Context, config *tls.Config, message any, show func(any) error) error {
	client, err := jingxi.New("pdp.bank.example:7443", // one for the process, shared by all goroutines
		jingxi.WithTLS(config), jingxi.WithStateFolder("/var/lib/counter/jingxi"))
	if err != nil {
		return err
	}
	defer client.Close()
	masked, err := client.Mask(ctx, message,
		jingxi.Message{Application: "core-counter", Name: "customer-detail"},
		jingxi.Subject{ID: "T1001", Roles: []string{"teller"}, Attributes: map[string]any{"level": 2}},
		jingxi.WithContext(map[string]any{"menu": "1201"}))
	if err != nil {
		return err
	}
	return show(masked.Message)
}

func readmeErrors(err error) {
	var failed *jingxi.Error
	switch {
	case errors.Is(err, jingxi.Unavailable): // also RevisionTooOld: no verdict, show nothing
	case errors.Is(err, jingxi.RequestRejected) && errors.As(err, &failed): // a mistake to mend
		log.Print(failed.Violations)
	}
}

func readmeMiddleware(
	client *jingxi.Client, mux *http.ServeMux, detail jingxi.Message, tellerOf func(*http.Request) jingxi.Subject,
	about func(context.Context, string, proto.Message, proto.Message) (jingxi.Question, bool),
) (http.Handler, *grpc.Server) {
	mask := httpmask.New(client, func(r *http.Request) (jingxi.Question, bool) {
		return jingxi.Question{Message: detail, Subject: tellerOf(r)}, r.Pattern == "GET /customers/{no}"
	})
	handler := mask(mux)
	server := grpc.NewServer(grpc.UnaryInterceptor(grpcmask.Unary(client, about)))
	return handler, server
}

func readmeOffline(config *tls.Config) (*offline.Client, error) {
	client, err := offline.New(offline.Config{
		Nodes: "pdp1.bank.example:7443,pdp2.bank.example:7443", // or File: a bundle that `pdp bundle export` wrote
		Trust: []string{"/etc/jingxi/keys"},
	}, jingxi.WithTLS(config), jingxi.WithStateFolder("/var/lib/counter/jingxi"))
	return client, err
}

func readmeMasks() (any, bool) {
	shown, stays := masks.Apply("keep", map[string]any{"prefix": 3, "suffix": 4}, "13812348000") // 138****8000, true
	return shown, stays
}

func TestReadme(t *testing.T) {
	_, _, _, _ = readmeMask, readmeErrors, readmeMiddleware, readmeOffline
	if shown, stays := readmeMasks(); shown != "138****8000" || !stays {
		t.Errorf("shown %v, %v", shown, stays)
	}
	flat := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`\n\t*`).ReplaceAllString(string(text), "\n")
	}
	here := flat("readme_test.go")
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(flat("README.md"), -1)
	if len(blocks) < 5 {
		t.Errorf("the README has %d pieces of Go", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(here, "\n"+block[1]) {
			t.Errorf("this piece of the README is not compiled:\n%s", block[1])
		}
	}
}
