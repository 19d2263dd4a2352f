package engine

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// mostOutcomes bounds what is remembered for one list of fields; few of the combinations of rules ever come up.
const mostOutcomes = 1_024

// Said is what the rules that apply say about fields: the part of a reply that follows from them alone. It is shared by
// the replies of many requests and never changed.
type Said struct {
	// Form is for those who decide: what they make of all these replies alike.
	Form atomic.Value

	verdicts    []*pdpv1.Verdict
	masks       []*pdpv1.Mask
	reasons     []*pdpv1.Reason
	obligations []*pdpv1.Obligation

	lean  sync.Once
	wire  []byte
	wrong error
}

// Reply returns a reply that says only this.
func (s *Said) Reply() *pdpv1.DecideResponse {
	return &pdpv1.DecideResponse{Verdicts: s.verdicts, Masks: s.masks, Reasons: s.reasons, Obligations: s.obligations}
}

// Verdicts returns those of the fields; they must not be written to.
func (s *Said) Verdicts() []*pdpv1.Verdict { return s.verdicts }

// Lean returns it serialized as it is recorded: masks without parameters and reasons without titles, which the service
// knows. It must not be written to.
func (s *Said) Lean() ([]byte, error) {
	s.lean.Do(func() {
		small := &pdpv1.DecideResponse{Verdicts: s.verdicts, Obligations: s.obligations}
		for _, own := range s.masks {
			small.Masks = append(small.Masks, &pdpv1.Mask{Name: own.Name, Algorithm: own.Algorithm})
		}
		for _, own := range s.reasons {
			small.Reasons = append(small.Reasons, &pdpv1.Reason{Kind: own.Kind, Rule: own.Rule, GrantId: own.GrantId, Undecided: own.Undecided})
		}
		s.wire, s.wrong = proto.Marshal(small)
	})
	return s.wire, s.wrong
}

// outcomes remembers what was said by the rules that applied. INVARIANT: never a decision; rules are evaluated for each
// request. Safe for concurrent use.
type outcomes struct {
	mutex sync.RWMutex
	known map[string]*Said
}

func newOutcomes() *outcomes { return &outcomes{known: map[string]*Said{}} }

// answer returns what the rules that apply say.
func (d *decision) answer() *Said {
	d.key = d.key[:0]
	isKnown := d.asked.known != nil
	for i := range d.hits {
		own := &d.hits[i]
		// What is said under a grant names it.
		isKnown = isKnown && own.grant == nil
		index := uint32(own.rule.index) << 1
		if own.undecided {
			index |= 1
		}
		d.key = binary.LittleEndian.AppendUint32(d.key, index)
	}
	var found *Said
	if isKnown {
		d.asked.known.mutex.RLock()
		found = d.asked.known.known[string(d.key)]
		d.asked.known.mutex.RUnlock()
	}
	if found == nil {
		found = d.say()
		if isKnown {
			d.asked.known.add(string(d.key), found)
		}
	}
	return found
}

func (o *outcomes) add(key string, found *Said) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if len(o.known) < mostOutcomes {
		o.known[key] = found
	}
}
