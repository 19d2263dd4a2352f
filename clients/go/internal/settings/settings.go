// Package settings is what the options of the client and of its calls set; the online and the offline client share it.
package settings

import (
	"crypto/tls"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"jingxi.dev/client/internal/messagemap"
	"jingxi.dev/client/internal/spool"
	"jingxi.dev/client/masks"
)

// Settings is how a client is set up; the fields are those of the options in package jingxi.
type Settings struct {
	TLS       *tls.Config
	Insecure  bool
	Token     string
	TokenFile string
	Deadline  time.Duration
	Keys      masks.KeyProvider
	Folder    string
	Logger    *slog.Logger
	Dial      []grpc.DialOption

	Alarm   func(kind, message string, when time.Time)
	Call    func(method, code string, took time.Duration)
	Message func(outcome string, took time.Duration)

	// Opener is of tests, whose disks fail.
	Opener spool.Opener
}

// New returns the defaults.
func New(deadline time.Duration) *Settings {
	return &Settings{
		Deadline: deadline, Keys: masks.NoKeys, Logger: slog.Default(),
		Alarm:   func(string, string, time.Time) {},
		Call:    func(string, string, time.Duration) {},
		Message: func(string, time.Duration) {},
	}
}

// Question is what the options of one call set.
type Question struct {
	Caller           messagemap.Caller
	GrantIDs         []string
	RequestID        string
	MinRevision      int64
	MinGrantRevision int64
}
