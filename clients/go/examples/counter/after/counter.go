// Package counter is a small system of a bank's counter: tellers sign in and look at customers and their transactions.
package counter

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/httpmask"
)

// Teller is who is signed in.
type Teller struct {
	ID       string `json:"id"`
	Password string `json:"-"`
	Role     string `json:"role"`
	Level    int    `json:"level"`
	Branch   string `json:"branch"`
}

// Store reads what the core banking system exports, one JSON file a message.
type Store struct{ Folder string }

// ErrNotFound says that there is no such record.
var ErrNotFound = errors.New("not found")

// Read returns a message about a customer.
func (s Store) Read(name, customer string) (map[string]any, error) {
	text, err := os.ReadFile(filepath.Join(s.Folder, "core-counter."+name+".json"))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	var message map[string]any
	if err := json.Unmarshal(text, &message); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	about, _ := message["customer"].(map[string]any)
	account, _ := message["account"].(map[string]any)
	if about["no"] != customer && account["customer_no"] != customer {
		return nil, ErrNotFound
	}
	return message, nil
}

// Server is the system.
type Server struct {
	masker   jingxi.Masker
	store    Store
	tellers  map[string]Teller
	mutex    sync.Mutex
	sessions map[string]Teller
}

// New returns the system with its tellers.
func New(store Store, masker jingxi.Masker, tellers ...Teller) *Server {
	s := &Server{masker: masker, store: store, tellers: map[string]Teller{}, sessions: map[string]Teller{}}
	for _, teller := range tellers {
		s.tellers[teller.ID] = teller
	}
	return s
}

// Handler returns the routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sessions", s.signIn)
	mux.HandleFunc("GET /customers/{no}", s.show("customer-detail"))
	mux.HandleFunc("GET /customers/{no}/transactions", s.show("transaction-list"))
	return s.signedIn(httpmask.New(s.masker, question)(mux))
}

// messages names the replies that hold customer data as the policy set does, with the menu that shows each.
var messages = map[string]struct{ name, menu string }{
	"GET /customers/{no}":              {"customer-detail", "1201"},
	"GET /customers/{no}/transactions": {"transaction-list", "1501"},
}

func question(r *http.Request) (jingxi.Question, bool) {
	message, known := messages[r.Pattern]
	teller := tellerOf(r.Context())
	return jingxi.Question{
		Message: jingxi.Message{Application: "core-counter", Name: message.name},
		Subject: jingxi.Subject{
			ID: teller.ID, Roles: []string{teller.Role},
			Attributes: map[string]any{"level": teller.Level, "branch": teller.Branch},
		},
		Options: []jingxi.CallOption{
			jingxi.WithAction(jingxi.Action{Name: "query"}),
			jingxi.WithContext(map[string]any{"channel": "counter", "scenario": "processing", "menu": message.menu}),
		},
	}, known
}

type tellerKey struct{}

func tellerOf(ctx context.Context) Teller {
	teller, _ := ctx.Value(tellerKey{}).(Teller)
	return teller
}

func (s *Server) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mutex.Lock()
		teller, known := s.sessions[r.Header.Get("X-Session")]
		s.mutex.Unlock()
		if !known && r.URL.Path != "/sessions" {
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tellerKey{}, teller)))
	})
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	id, password, _ := r.BasicAuth()
	teller, known := s.tellers[id]
	if !known || teller.Password != password {
		http.Error(w, "wrong number or password", http.StatusUnauthorized)
		return
	}
	session := rand.Text()
	s.mutex.Lock()
	s.sessions[session] = teller
	s.mutex.Unlock()
	write(w, map[string]any{"session": session, "teller": teller})
}

func (s *Server) show(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		message, err := s.store.Read(name, r.PathValue("no"))
		if errors.Is(err, ErrNotFound) {
			http.Error(w, "no such customer", http.StatusNotFound)
			return
		}
		if err != nil {
			slog.Error("message cannot be read", "message", name, "error", err)
			http.Error(w, "try again later", http.StatusInternalServerError)
			return
		}
		slog.Info("customer shown", "teller", tellerOf(r.Context()).ID, "message", name)
		write(w, message)
	}
}

func write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		slog.Error("reply cannot be written", "error", err)
	}
}
