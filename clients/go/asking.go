package jingxi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/messagemap"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

const (
	maxBatchItems = 1_000
	// maxBatchBytes is below the 256 KB that the service accepts, for all that a batch holds besides its items.
	maxBatchBytes = 192 * 1024
	// maxRounds is how often a message is asked about when policy sets change or differ between nodes meanwhile.
	maxRounds = 8
	// maxFetches is how often in a row the map of one policy set is asked for; calls go round the nodes, and one has it.
	maxFetches = 4
	// mapsKept are versions of one message's map: nodes may answer by different policy sets during a rollout.
	mapsKept = 8
)

// answer is the answer to one question; without a reply the service could not decide it alone.
type answer struct {
	policyHash string
	reply      *pdpv1.DecideResponse
	problem    string
}

// nextID returns the request id of the next call: each has its own, made from the message's.
func (q *question) nextID() string {
	q.calls++
	if q.calls == 1 {
		return q.RequestID
	}
	return fmt.Sprintf("%s-%d", cutTo(q.RequestID, 100), q.calls)
}

// followed asks about a document by its map, and follows the map while policy sets change.
func (c *Client) followed(ctx context.Context, document any, q *question) (*messagemap.Plan, []answer, error) {
	current := c.maps.latest(q.message)
	if current == nil {
		var err error
		if current, err = c.fetchMap(ctx, q); err != nil {
			return nil, nil, err
		}
	}
	seen := []*messagemap.Map{current}
	caller := &q.Caller
	for range maxRounds {
		plan, err := messagemap.NewPlan(current, document, caller)
		if err != nil {
			return nil, nil, err
		}
		answers, err := c.ask(ctx, plan, q)
		if errors.Is(err, fault.UnknownMessage) {
			if current, err = c.fetchMap(ctx, q); err != nil { // the same error when there is no map at all
				return nil, nil, err
			}
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		// Answers by another policy set say nothing about where that set has the fields.
		other, err := c.disagreeingMap(ctx, current, answers, q)
		if err != nil {
			return nil, nil, err
		}
		if other == nil {
			return plan, answers, nil
		}
		// Two nodes that differ take turns: following each would never end, so each map is followed once.
		if !slices.ContainsFunc(seen, other.AgreesWith) {
			current = other
			seen = append(seen, other)
		}
	}
	return nil, nil, fault.NewUnavailable("UNAVAILABLE",
		"policy sets changed %d times while message `%s` was asked about; ask again", maxRounds, q.message.Name)
}

// ask returns an answer for each question of a plan.
func (c *Client) ask(ctx context.Context, plan *messagemap.Plan, q *question) ([]answer, error) {
	if len(plan.Questions) == 1 && len(plan.Questions[0].Place) == 0 {
		request := &pdpv1.DecideRequest{
			RequestId: q.nextID(), Subject: plan.Subject, Action: plan.Action, Context: plan.Context,
			Resource: plan.Questions[0].Resource, Message: plan.Questions[0].Reference(), GrantIds: q.GrantIDs,
			MinRevision: q.MinRevision, MinGrantRevision: q.MinGrantRevision,
		}
		reply, err := call(c, ctx, "Decide", c.service.Decide, request)
		if err != nil {
			return nil, err
		}
		if reply.RequestId == "" {
			reply.RequestId = request.RequestId
		}
		return []answer{{policyHash: reply.GetPolicyHash(), reply: reply}}, nil
	}
	var answers []answer
	for _, batch := range batches(plan) {
		found, err := c.askBatch(ctx, plan, batch, q)
		if err != nil {
			return nil, err
		}
		answers = append(answers, found...)
	}
	return answers, nil
}

// batches splits the questions so that each batch keeps within the service's bounds.
func batches(plan *messagemap.Plan) [][]*pdpv1.BatchItem {
	var found [][]*pdpv1.BatchItem
	var batch []*pdpv1.BatchItem
	size := 0
	for i := range plan.Questions {
		question := &plan.Questions[i]
		item := &pdpv1.BatchItem{Resource: question.Resource, Message: question.Reference()}
		weight := proto.Size(item) + 8
		if len(batch) > 0 && (len(batch) == maxBatchItems || size+weight > maxBatchBytes) {
			found = append(found, batch)
			batch, size = nil, 0
		}
		batch = append(batch, item)
		size += weight
	}
	if len(batch) > 0 {
		found = append(found, batch)
	}
	return found
}

func (c *Client) askBatch(
	ctx context.Context, plan *messagemap.Plan, items []*pdpv1.BatchItem, q *question,
) ([]answer, error) {
	request := &pdpv1.DecideBatchRequest{
		RequestId: q.nextID(), Subject: plan.Subject, Action: plan.Action, Context: plan.Context, Items: items,
		GrantIds: q.GrantIDs, MinRevision: q.MinRevision, MinGrantRevision: q.MinGrantRevision,
	}
	reply, err := call(c, ctx, "DecideBatch", c.service.DecideBatch, request)
	if err != nil {
		return nil, err
	}
	if len(reply.GetResults()) != len(items) {
		return nil, fault.New(fault.Protocol, "DecideBatch answered %d of %d items", len(reply.GetResults()), len(items))
	}
	answers := make([]answer, len(items))
	for i, result := range reply.GetResults() {
		answers[i] = answer{policyHash: reply.GetPolicyHash(), reply: result.GetDecision()}
		if decision := answers[i].reply; decision != nil {
			// What decided stands once, beside the items.
			decision.Revision, decision.PolicyHash = reply.GetRevision(), reply.GetPolicyHash()
			decision.RequestId = request.RequestId
			continue
		}
		answers[i].problem = result.GetError().GetMessage()
		if answers[i].problem == "" {
			answers[i].problem = "the item has no answer"
		}
	}
	return answers, nil
}

// disagreeingMap returns a map by which one of the policy sets that answered masks otherwise than by the current one;
// nil when all agree. Where nothing was asked, there is no hash to go by, and the service is asked for the map itself.
func (c *Client) disagreeingMap(
	ctx context.Context, current *messagemap.Map, answers []answer, q *question,
) (*messagemap.Map, error) {
	var hashes []string
	for _, own := range answers {
		if !slices.Contains(hashes, own.policyHash) {
			hashes = append(hashes, own.policyHash)
		}
	}
	slices.Sort(hashes)
	if len(hashes) == 0 {
		known, err := c.fetchMap(ctx, q)
		if err != nil || known.AgreesWith(current) {
			return nil, err
		}
		return known, nil
	}
	for _, hash := range hashes {
		if hash == current.PolicyHash {
			continue
		}
		known, err := c.mapOf(ctx, hash, q)
		if err != nil {
			return nil, err
		}
		if !known.AgreesWith(current) || hash != known.PolicyHash {
			return known, nil
		}
	}
	return nil, nil
}

// mapOf returns the map of a policy set; of another one when no node that answers has it.
func (c *Client) mapOf(ctx context.Context, hash string, q *question) (*messagemap.Map, error) {
	known := c.maps.get(q.message, hash)
	for range maxFetches {
		if known != nil && known.PolicyHash == hash {
			break
		}
		var err error
		if known, err = c.fetchMap(ctx, q); err != nil {
			return nil, err
		}
	}
	return known, nil
}

func (c *Client) fetchMap(ctx context.Context, q *question) (*messagemap.Map, error) {
	request := &pdpv1.GetMessageMapRequest{Application: q.message.Application, Name: q.message.Name}
	reply, err := call(c, ctx, "GetMessageMap", c.service.GetMessageMap, request)
	if err != nil {
		return nil, err
	}
	found, err := messagemap.FromResponse(reply)
	if err != nil {
		return nil, err
	}
	isNew := c.maps.keep(q.message, found)
	if c.folder != nil && isNew {
		if err := c.folder.KeepMap(q.message.Application, q.message.Name, reply); err != nil {
			c.alarms.Tell("not_recorded", "the map of message `"+q.message.Name+"` cannot be kept in the state folder: "+err.Error())
		}
	}
	return found, nil
}

// mapStore holds the message maps seen so far: of each message a few versions by policy hash, the latest last.
type mapStore struct {
	mutex sync.RWMutex
	kept  map[Message][]*messagemap.Map
}

func newMapStore() *mapStore { return &mapStore{kept: map[Message][]*messagemap.Map{}} }

func (s *mapStore) latest(message Message) *messagemap.Map {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if versions := s.kept[message]; len(versions) > 0 {
		return versions[len(versions)-1]
	}
	return nil
}

func (s *mapStore) get(message Message, hash string) *messagemap.Map {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	for _, version := range s.kept[message] {
		if version.PolicyHash == hash {
			return version
		}
	}
	return nil
}

// keep keeps a map as the latest, and says whether another one or none was it before.
func (s *mapStore) keep(message Message, found *messagemap.Map) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	versions := s.kept[message]
	isNew := len(versions) == 0 || !proto.Equal(versions[len(versions)-1].Source, found.Source)
	versions = slices.DeleteFunc(slices.Clone(versions), func(m *messagemap.Map) bool {
		return m.PolicyHash == found.PolicyHash
	})
	versions = append(versions, found)
	s.kept[message] = versions[max(len(versions)-mapsKept, 0):]
	return isNew
}
