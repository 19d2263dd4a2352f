package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	jingxi "jingxi.dev/client"
	after "jingxi.dev/client/examples/counter/after"
	before "jingxi.dev/client/examples/counter/before"
	"jingxi.dev/client/internal/shared"
)

const mostLines = 50

// changed counts the lines that a diff of two texts shows, removed and added.
func changed(a, b []string) int {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := range a {
		for j := range b {
			common[i+1][j+1] = max(common[i][j+1], common[i+1][j])
			if a[i] == b[j] {
				common[i+1][j+1] = common[i][j] + 1
			}
		}
	}
	return len(a) + len(b) - 2*common[len(a)][len(b)]
}

func TestConnectingASystemTakesFewLines(t *testing.T) {
	var texts [][]string
	for _, folder := range []string{"before", "after"} {
		text, err := os.ReadFile(filepath.Join(folder, "counter.go"))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.Split(string(text), "\n"))
	}
	if count := changed(texts[0], texts[1]); count < 5 || count > mostLines {
		t.Errorf("%d lines changed, not at most %d", count, mostLines)
	} else {
		t.Logf("%d lines of %d changed", count, len(texts[0]))
	}
}

func get(t *testing.T, server *httptest.Server, path string) (int, string) {
	t.Helper()
	ask := func(method, path, session string) (int, string) {
		request, err := http.NewRequest(method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("T1001", "demo")
		request.Header.Set("X-Session", session)
		reply, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		body, err := io.ReadAll(reply.Body)
		if err != nil {
			t.Fatal(err)
		}
		return reply.StatusCode, string(body)
	}
	_, text := ask("POST", "/sessions", "")
	signedIn := struct{ Session string }{}
	if err := json.Unmarshal([]byte(text), &signedIn); err != nil {
		t.Fatal(err)
	}
	return ask("GET", path, signedIn.Session)
}

func TestTheCounterMasks(t *testing.T) {
	service := shared.StartServer(t)
	client, err := jingxi.New(service.Address, jingxi.WithStateFolder(t.TempDir()), jingxi.WithDeadline(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	folder := filepath.Join(shared.Policies(), "samples")
	plain := httptest.NewServer(before.New(before.Store{Folder: folder}, before.Teller{ID: "T1001", Password: "demo"}).Handler())
	defer plain.Close()
	masking := httptest.NewServer(after.New(after.Store{Folder: folder}, client,
		after.Teller{ID: "T1001", Password: "demo", Role: "teller", Level: 2, Branch: "320400001"}).Handler())
	defer masking.Close()
	for path, secrets := range map[string][]string{
		"/customers/C2001":              {"13800138000", "11010519491231002X", "998877"},
		"/customers/C2001/transactions": {"320400010000000010", "示例便利店"},
	} {
		_, raw := get(t, plain, path)
		status, shown := get(t, masking, path)
		for _, secret := range secrets {
			if status != 200 || !strings.Contains(raw, secret) || strings.Contains(shown, secret) {
				t.Errorf("%s: %d, `%s` before: %v, after: %v", path, status, secret,
					strings.Contains(raw, secret), strings.Contains(shown, secret))
			}
		}
	}
	if status, body := get(t, masking, "/customers/C9999"); status != 404 || body != "no such customer\n" {
		t.Errorf("%d %s", status, body)
	}
	service.Kill()
	status, shown := get(t, masking, "/customers/C2001")
	if status != 200 || strings.Contains(shown, "998877") || !strings.Contains(shown, "张三") {
		t.Errorf("while the service is away: %d %s", status, fmt.Sprintf("%.300s", shown))
	}
}
