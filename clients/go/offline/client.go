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
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/alarms"
	"jingxi.dev/client/internal/channel"
	"jingxi.dev/client/internal/engine"
	"jingxi.dev/client/internal/messagemap"
	"jingxi.dev/client/internal/replies"
	"jingxi.dev/client/internal/report"
	"jingxi.dev/client/internal/settings"
	"jingxi.dev/client/internal/spool"
	"jingxi.dev/client/internal/state"
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
