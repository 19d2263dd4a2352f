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

// Recipe is how to mask a part by verdicts. It says nothing of any message and may be kept.
type Recipe struct {
	part  *Part
	steps []step
}

// step masks a field, by its place in the part; masker is nil where it is to be found for each message.
type step struct {
	field  int
	mask   *pdpv1.Mask
	masker *masks.Masker
}

// Recipe returns how to mask a part.
func (m *Maskers) Recipe(part *Part, verdicts Verdicts) *Recipe {
	found := &Recipe{part: part}
	for i := range part.Fields {
		if mask := verdicts(part.Fields[i].Name); mask != nil {
			found.steps = append(found.steps, step{i, mask, m.pinned[mask]})
		}
	}
	return found
}

// IsFor says whether the recipe is of this part.
func (r *Recipe) IsFor(part *Part) bool { return r.part == part }

// Answer is how the fields of a question are shown: by a recipe for its part, or by verdicts where there is none.
type Answer struct {
	Recipe   *Recipe
	Verdicts Verdicts
}

// Apply masks the document itself by an answer to each question; it returns the document and the problems that arose.
func Apply(document any, plan *Plan, answers []Answer, maskers *Maskers) (any, []string) {
	work := masking{walk: paths.Walk{Document: document}, maskers: maskers}
	for i := range plan.Questions {
		question := &plan.Questions[i]
		if recipe := answers[i].Recipe; recipe != nil {
			for j := range recipe.steps {
				work.maskField(question, &recipe.steps[j])
			}
			continue
		}
		for j := range question.Part.Fields {
			if mask := answers[i].Verdicts(question.Part.Fields[j].Name); mask != nil {
				work.maskField(question, &step{field: j, mask: mask})
			}
		}
	}
	if len(work.dropped) > 0 {
		work.walk.Document = paths.Remove(work.walk.Document, work.dropped)
	}
	return work.walk.Document, work.problems
}

// masking masks places of a document. Drops wait until the end, so that the places of list items stay true.
type masking struct {
	walk     paths.Walk
	maskers  *Maskers
	known    []knownMask
	dropped  []paths.Place
	problems []string
}

// usualMasks are as many as most answers name.
const usualMasks = 8

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
	if w.known == nil {
		w.known = make([]knownMask, 0, usualMasks)
	}
	w.known = append(w.known, knownMask{mask, masker})
	return masker
}

func (w *masking) maskField(question *Question, own *step) {
	places := question.placesOf(own.field)
	if len(places) == 0 {
		return
	}
	masker := own.masker
	if masker == nil {
		masker = w.masker(own.mask)
	}
	if field := &question.Part.Fields[own.field]; len(question.Place) == 0 && field.only != nil {
		w.maskOnly(masker, field)
		return
	}
	for _, place := range places {
		w.mask(masker, place)
	}
}

// maskOnly masks a field that has one place. Where a mask on what encloses it has replaced that, the walk finds nothing,
// or an object that is no part of the document any more.
func (w *masking) maskOnly(masker *masks.Masker, own *Field) {
	holder, name := w.walk.Holder(&own.Paths[0])
	if holder == nil {
		w.mask(masker, own.only[0])
	} else if value, there := holder[name]; there {
		holder[name] = w.shown(masker, own.only[0], value)
	}
}

func (w *masking) mask(masker *masks.Masker, place paths.Place) {
	if len(place) == 0 {
		w.walk.Document = w.shown(masker, place, w.walk.Document)
		return
	}
	// A mask on what encloses the place may have replaced it.
	last := place[len(place)-1]
	switch holder := paths.Get(w.walk.Document, place[:len(place)-1]).(type) {
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

// shown returns what is shown of the value at a place.
func (w *masking) shown(masker *masks.Masker, place paths.Place, value any) any {
	found, stays := masker.Mask(value)
	if !stays {
		w.dropped = append(w.dropped, place)
		return masks.Hidden
	}
	return found
}
