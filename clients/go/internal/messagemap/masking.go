package messagemap

import (
	"encoding/json"
	"maps"
	"sync"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/jsontext"
	"jingxi.dev/client/internal/paths"
	"jingxi.dev/client/internal/values"
	"jingxi.dev/client/masks"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Full is what holds where no verdict says otherwise.
var Full = &pdpv1.Mask{Algorithm: "full"}

// Copy returns a deep copy of a message in plain maps and lists, so that every place can be written. Values that
// encoding/json knows and masks do not, such as structs, become what their JSON form is.
func Copy(message any) (any, error) {
	if isPlain(message) {
		return message, nil
	}
	switch given := message.(type) {
	case map[string]any:
		if given == nil {
			return nil, nil
		}
		members := maps.Clone(given)
		for name, value := range given {
			if isPlain(value) {
				continue
			}
			found, err := Copy(value)
			if err != nil {
				return nil, err
			}
			members[name] = found
		}
		return members, nil
	case []any:
		if given == nil {
			return nil, nil
		}
		items := make([]any, len(given))
		for i, value := range given {
			found, err := Copy(value)
			if err != nil {
				return nil, err
			}
			items[i] = found
		}
		return items, nil
	}
	found, err := jsontext.Normal(message)
	if err != nil {
		return nil, fault.New(fault.MessageMismatch, "the message is not JSON: %s", err)
	}
	return found, nil
}

// isPlain says whether a value is its own copy.
func isPlain(value any) bool {
	switch value.(type) {
	case nil, bool, string, json.Number, float64, int, int64:
		return true
	}
	return false
}

// mostMaskers bounds what is kept; a bank has some hundred masks.
const mostMaskers = 1_000

// keyed are the algorithms whose maskers are not kept, so that a key that is replaced counts at once.
var keyed = map[string]bool{"hash": true, "encrypt": true, "fpe": true}

// Maskers makes masks as verdicts tell them, and keeps those that need no key. Safe for concurrent use.
type Maskers struct {
	options []masks.Option
	mutex   sync.RWMutex
	known   map[string]*masks.Masker
	pinned  map[*pdpv1.Mask]*masks.Masker
}

// NewMaskers returns a source of masks with these keys.
func NewMaskers(keys masks.KeyProvider) *Maskers {
	return &Maskers{options: []masks.Option{masks.WithKeys(keys)}, known: map[string]*masks.Masker{}}
}

// Pinned returns a source that finds these very messages without looking into them.
func (m *Maskers) Pinned(own []*pdpv1.Mask) *Maskers {
	pinned := make(map[*pdpv1.Mask]*masks.Masker, len(own))
	for _, mask := range own {
		if made, err := m.of(mask); err == nil && !keyed[mask.GetAlgorithm()] {
			pinned[mask] = made
		}
	}
	return &Maskers{options: m.options, known: map[string]*masks.Masker{}, pinned: pinned}
}

func (m *Maskers) of(mask *pdpv1.Mask) (*masks.Masker, error) {
	if found := m.pinned[mask]; found != nil {
		return found, nil
	}
	var key string
	if !keyed[mask.GetAlgorithm()] {
		wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(mask)
		if err != nil {
			return nil, err
		}
		key = string(wire)
		m.mutex.RLock()
		found := m.known[key]
		m.mutex.RUnlock()
		if found != nil {
			return found, nil
		}
	}
	parameters := make(map[string]any, len(mask.GetParameters()))
	for name, value := range mask.GetParameters() {
		// A parameter of a kind that this client does not know becomes nil, which no mask accepts.
		parameters[name] = values.Plain(value)
	}
	made, err := masks.New(mask.GetAlgorithm(), parameters, m.options...)
	if err != nil {
		return nil, err
	}
	if key != "" {
		m.mutex.Lock()
		if len(m.known) < mostMaskers {
			m.known[key] = made
		}
		m.mutex.Unlock()
	}
	return made, nil
}

// Verdicts tells how a field is shown: nil for as it is.
type Verdicts func(field string) *pdpv1.Mask

// MaskOf returns the mask of a verdict, nil when the field may be shown. One that this client does not understand masks
// in full.
func MaskOf(reply *pdpv1.DecideResponse, verdict *pdpv1.Verdict) *pdpv1.Mask {
	switch {
	case verdict.GetEffect() == pdpv1.Effect_EFFECT_UNMASK:
		return nil
	case verdict.GetEffect() != pdpv1.Effect_EFFECT_MASK || int(verdict.GetMask()) >= len(reply.GetMasks()):
		return Full
	}
	return reply.GetMasks()[verdict.GetMask()]
}

// VerdictsOf returns what a reply says; a field that it does not speak about, and every one without a reply, is masked
// in full. It is for one message and not safe for concurrent use.
func VerdictsOf(reply *pdpv1.DecideResponse) Verdicts {
	verdicts := reply.GetVerdicts()
	next := 0
	return func(field string) *pdpv1.Mask {
		// They stand in the order of the map, and so does what is asked for; the first of a field counts.
		if next < len(verdicts) && verdicts[next].GetField() == field {
			next++
			return MaskOf(reply, verdicts[next-1])
		}
		for _, verdict := range verdicts {
			if verdict.GetField() == field {
				return MaskOf(reply, verdict)
			}
		}
		return Full
	}
}

// Apply masks the document itself as the verdicts of each question say; it returns the document and the problems that
// arose.
func Apply(document any, plan *Plan, verdicts []Verdicts, maskers *Maskers) (any, []string) {
	work := masking{document: document, maskers: maskers, known: make([]knownMask, 0, 8)}
	for i := range plan.Questions {
		for field, places := range plan.Questions[i].Fields() {
			if mask := verdicts[i](field); mask != nil && len(places) > 0 {
				work.mask(places, mask)
			}
		}
	}
	if len(work.dropped) > 0 {
		work.document = paths.Remove(work.document, work.dropped)
	}
	return work.document, work.problems
}

// masking masks places of a document. Drops wait until the end, so that the places of list items stay true.
type masking struct {
	document any
	maskers  *Maskers
	known    []knownMask
	dropped  []paths.Place
	problems []string
}

type knownMask struct {
	mask   *pdpv1.Mask
	masker *masks.Masker
}

// masker returns the mask to perform; one that cannot be performed drops.
func (w *masking) masker(mask *pdpv1.Mask) *masks.Masker {
	for _, own := range w.known {
		if own.mask == mask {
			return own.masker
		}
	}
	masker, err := w.maskers.of(mask)
	if err != nil {
		name := mask.GetName()
		if name == "" {
			name = mask.GetAlgorithm()
		}
		problem := "fields masked by `" + name + "` were dropped: " + err.Error()
		w.problems = unique(append(w.problems, problem))
		masker = masks.Suppressor()
	}
	w.known = append(w.known, knownMask{mask, masker})
	return masker
}

func (w *masking) mask(places []paths.Place, mask *pdpv1.Mask) {
	masker := w.masker(mask)
	for _, place := range places {
		if len(place) == 0 {
			w.document = w.shown(masker, place, w.document)
			continue
		}
		// A mask on what encloses the place may have replaced it.
		last := place[len(place)-1]
		switch holder := paths.Get(w.document, place[:len(place)-1]).(type) {
		case map[string]any:
			if value, there := holder[last.Name]; there && last.Index < 0 {
				holder[last.Name] = w.shown(masker, place, value)
			}
		case []any:
			if last.Index >= 0 && last.Index < len(holder) {
				holder[last.Index] = w.shown(masker, place, holder[last.Index])
			}
		}
	}
}

// shown returns what is shown of the value at a place.
func (w *masking) shown(masker *masks.Masker, place paths.Place, value any) any {
	found, stays := masker.Mask(value)
	if !stays {
		w.dropped = append(w.dropped, place)
		return masks.Hidden
	}
	return found
}
