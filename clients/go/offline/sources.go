package offline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/engine"
	"jingxi.dev/client/internal/messagemap"
	"jingxi.dev/client/internal/state"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

const (
	lookEvery    = 5 * time.Second
	silence      = 60 * time.Second // a node sends something every 20 s
	firstRetry   = 100 * time.Millisecond
	longestRetry = 5 * time.Second
)

func (c *Client) kept() string { return filepath.Join(c.folder.Path, "bundle.pb") }

// take brings a bundle into use when it may; else the one in use stays.
func (c *Client) take(data []byte, confirmed time.Time, keep bool) error {
	var inUse int64
	if current := c.current.Load(); current != nil {
		inUse = current.Revision
	}
	opened, err := engine.Open(data, c.trust, inUse)
	if err != nil {
		return err
	}
	if keep {
		if err := state.WriteWhole(c.kept(), data); err != nil {
			c.alarms.Tell("not_recorded", "the bundle cannot be kept in the state folder: "+err.Error())
		}
	}
	types := make(map[string]pdpv1.AttributeType, len(opened.Bundle.GetAttributes()))
	for _, own := range opened.Bundle.GetAttributes() {
		types[own.GetName()] = own.GetType()
	}
	c.current.Store(&loaded{
		Engine: opened, maskers: c.maskers.Pinned(opened.Masks()), types: types, maps: map[jingxi.Message]*messagemap.Map{},
	})
	c.update(func(s *Status) {
		s.Revision, s.Hash, s.Confirmed, s.Problem = opened.Revision, opened.Hash, confirmed, ""
	})
	return nil
}

func (c *Client) update(change func(*Status)) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	change(&c.status)
	close(c.changed)
	c.changed = make(chan struct{})
}

// refused tells why something did not come into use, each reason once until another one.
func (c *Client) refused(kind, problem string) {
	c.mutex.Lock()
	isNew := c.status.Problem != problem
	c.mutex.Unlock()
	c.update(func(s *Status) { s.Problem = problem })
	if isNew {
		c.alarms.Tell(kind, problem)
	}
}

// useKept takes the bundle of the last time while the source is away, verified again.
func (c *Client) useKept() {
	about, err := os.Stat(c.kept())
	if err != nil {
		c.update(func(s *Status) { s.Problem = "none has come yet" })
		return
	}
	data, err := os.ReadFile(c.kept())
	if err == nil {
		err = c.take(data, about.ModTime(), false)
	}
	if err != nil {
		c.refused("bundle_refused", "the bundle that was kept in the state folder cannot be used: "+err.Error())
	}
}

func (c *Client) followFile() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
			c.lookAtFile()
		}
	}
}

func (c *Client) lookAtFile() {
	about, err := os.Stat(c.config.File)
	if err == nil && about.Size() > engine.MostBytes {
		err = fmt.Errorf("it has more than %d bytes", engine.MostBytes)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(c.config.File)
	}
	if err != nil {
		c.refused("bundle_refused", "the bundle file cannot be read: "+err.Error())
		return
	}
	if c.isInUse(data) {
		c.update(func(s *Status) { s.Confirmed, s.Problem = c.now(), "" })
		return
	}
	if err := c.take(data, c.now(), true); err != nil {
		c.refused("bundle_refused", "the bundle file is not taken into use: "+err.Error())
	}
}

// isInUse says whether a file holds the bundle in use, so that it need not be planned again. What it says of itself is
// enough: another one would be verified.
func (c *Client) isInUse(data []byte) bool {
	signed := &pdpv1.SignedBundle{}
	current := c.current.Load()
	return current != nil && proto.Unmarshal(data, signed) == nil &&
		signed.GetHash() == current.Hash && signed.GetRevision() == current.Revision
}

func (c *Client) followNodes() {
	pause := firstRetry
	for c.ctx.Err() == nil {
		heard, err := c.watch()
		if c.ctx.Err() != nil {
			return
		}
		if heard {
			pause = firstRetry
		}
		var bad *fault.Error
		if errors.As(err, &bad) && bad.Code == fault.Bundle {
			c.refused("bundle_refused", "the bundle of a node is not taken into use: "+bad.Message)
		} else if err != nil {
			c.update(func(s *Status) { s.Problem = "no node sends bundles: " + err.Error() })
		}
		timer := time.NewTimer(pause + time.Duration(rand.Int64N(int64(pause/10)+1)))
		select {
		case <-c.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, longestRetry)
	}
}

// watch follows one node until its stream ends, and says whether anything good came.
func (c *Client) watch() (heard bool, err error) {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	known := &pdpv1.WatchBundleRequest{}
	if current := c.current.Load(); current != nil {
		known.KnownRevision, known.KnownHash = current.Revision, current.Hash
	}
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	stream, err := pdpv1.NewBundleServiceClient(c.connection).WatchBundle(ctx, known)
	if err != nil {
		return false, err
	}
	var header *pdpv1.BundleHeader
	var data []byte
	for {
		part, err := stream.Recv()
		if err != nil {
			return heard, err
		}
		quiet.Reset(silence)
		switch own := part.GetPart().(type) {
		case *pdpv1.WatchBundleResponse_Current:
			heard = true
			c.confirm(own.Current)
			continue
		case *pdpv1.WatchBundleResponse_Header:
			header, data = own.Header, nil
			if header.GetSize() <= 0 || header.GetSize() > engine.MostBytes {
				return heard, fault.New(fault.Bundle, "it says that it has %d bytes", header.GetSize())
			}
		case *pdpv1.WatchBundleResponse_Chunk:
			data = append(data, own.Chunk...)
		}
		if header == nil || int64(len(data)) > header.GetSize() {
			return heard, fault.New(fault.Bundle, "its bytes do not fit its header")
		}
		if int64(len(data)) == header.GetSize() {
			if err := c.takeFrom(header, data); err != nil {
				return heard, err
			}
			heard, header, data = true, nil, nil
			if c.reporter != nil {
				c.reporter.Kick()
			}
		}
	}
}

func (c *Client) takeFrom(header *pdpv1.BundleHeader, data []byte) error {
	whole, err := proto.Marshal(&pdpv1.SignedBundle{
		Bundle: data, Hash: header.GetHash(), Revision: header.GetRevision(),
		KeyId: header.GetKeyId(), Signature: header.GetSignature(),
	})
	if err != nil {
		return err
	}
	return c.take(whole, c.now(), true)
}

// confirm notes that the bundle in use is in force, as far as the node knows.
func (c *Client) confirm(said *pdpv1.BundleCurrent) {
	current := c.current.Load()
	if current == nil || said.GetHash() != current.Hash || said.GetRevision() != current.Revision {
		return
	}
	since := c.now().Add(-time.Duration(said.GetStaleSeconds()) * time.Second)
	c.update(func(s *Status) { s.Confirmed, s.Problem = since, "" })
	if c.reporter != nil {
		c.reporter.Kick()
	}
}
