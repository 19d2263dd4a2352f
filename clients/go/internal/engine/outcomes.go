package engine

import (
	"encoding/binary"
	"sync"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// mostOutcomes bounds what is remembered for one list of fields; few of the combinations of rules ever come up.
const mostOutcomes = 1_024

// said is what the rules that apply say about fields: the part of a reply that follows from them alone. It is shared by
// the replies of many requests and never changed.
type said struct {
	verdicts    []*pdpv1.Verdict
	masks       []*pdpv1.Mask
	reasons     []*pdpv1.Reason
	obligations []*pdpv1.Obligation
}

// outcomes remembers what was said by the rules that applied. INVARIANT: never a decision; rules are evaluated for each
// request. Safe for concurrent use.
type outcomes struct {
	mutex sync.RWMutex
	known map[string]*said
}

func newOutcomes() *outcomes { return &outcomes{known: map[string]*said{}} }

// respond fills in what the rules that apply say.
func (d *decision) respond() {
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
	var found *said
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
	d.reply.Verdicts, d.reply.Masks, d.reply.Reasons, d.reply.Obligations =
		found.verdicts, found.masks, found.reasons, found.obligations
}

func (o *outcomes) add(key string, found *said) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if len(o.known) < mostOutcomes {
		o.known[key] = found
	}
}
