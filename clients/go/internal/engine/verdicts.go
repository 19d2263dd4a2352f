package engine

import (
	"slices"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// applies says whether a rule that holds may speak about a field.
func (h *hit) applies(own *field) bool {
	if !h.rule.fields.has(own.place) {
		return false
	}
	if !h.rule.unmasks {
		return true
	}
	if own.source.GetNeverUnmask() {
		return false
	}
	fields, levels := h.grant.GetFields(), h.grant.GetLevels()
	return len(fields)+len(levels) == 0 || slices.Contains(fields, own.source.GetId()) ||
		slices.Contains(levels, own.source.GetLevel())
}

// said returns the mask that a rule asks for a field, nil for showing it, and how strict that is.
func (h *hit) said(own *field) (*maskUse, int32) {
	switch {
	case h.rule.unmasks:
		return nil, 0
	case h.rule.mask != nil:
		return h.rule.mask, h.rule.mask.strictness
	}
	return own.mask, own.mask.strictness
}

// say returns what the rules that apply say about the fields that are asked about.
func (d *decision) say() *Said {
	table := table{Said: &Said{}, known: make([]pdpv1.Verdict, len(d.asked.names))}
	var obligations map[int][]string
	var order []int
	for i, own := range d.asked.fields {
		name := d.asked.names[i]
		if own == nil {
			table.add(name, d.set.full, nil, pdpv1.ReasonKind_REASON_KIND_UNKNOWN_FIELD)
			continue
		}
		var winner *hit
		var mask *maskUse
		var strictness int32
		var spoken *rule
		for i := range d.hits {
			own1 := &d.hits[i]
			if own1.rule == spoken || !own1.applies(own) {
				continue
			}
			spoken = own1.rule
			said, rank := own1.said(own)
			if winner == nil || own1.rule.priority > winner.rule.priority ||
				own1.rule.priority == winner.rule.priority && rank > strictness {
				winner, mask, strictness = own1, said, rank
			}
		}
		if winner == nil {
			mask = own.mask
			if own.source.GetDefaultEffect() != pdpv1.Effect_EFFECT_MASK {
				mask = nil
			}
			table.add(name, mask, nil, pdpv1.ReasonKind_REASON_KIND_DEFAULT)
			continue
		}
		table.add(name, mask, winner, pdpv1.ReasonKind_REASON_KIND_RULE)
		for i := range d.hits {
			agreeing := &d.hits[i]
			if len(agreeing.rule.source.GetObligations()) == 0 || !agreeing.applies(own) {
				continue
			}
			if _, rank := agreeing.said(own); rank != strictness {
				continue
			}
			index := agreeing.rule.index
			if obligations == nil {
				obligations = map[int][]string{}
			}
			if obligations[index] == nil {
				order = append(order, index)
			}
			if !slices.Contains(obligations[index], name) {
				obligations[index] = append(obligations[index], name)
			}
		}
	}
	slices.Sort(order)
	for _, index := range order {
		rule := d.set.rules[index]
		for _, own := range rule.source.GetObligations() {
			table.obligations = append(table.obligations, &pdpv1.Obligation{
				Type: own.GetType(), Parameters: own.GetParameters(), Fields: obligations[index], Rule: rule.name,
			})
		}
	}
	return table.Said
}

type reasonKey struct {
	kind      pdpv1.ReasonKind
	rule      *rule
	grant     *pdpv1.Grant
	undecided bool
}

// table writes verdicts with each different mask and reason once.
type table struct {
	*Said
	known    []pdpv1.Verdict // all verdicts of a reply are one piece of memory
	maskIDs  []int
	reasoned []reasonKey
}

func (t *table) add(name string, mask *maskUse, by *hit, kind pdpv1.ReasonKind) {
	verdict := &t.known[len(t.verdicts)]
	verdict.Field, verdict.Effect = name, pdpv1.Effect_EFFECT_UNMASK
	if mask != nil {
		verdict.Effect = pdpv1.Effect_EFFECT_MASK
		place := slices.Index(t.maskIDs, mask.id)
		if place < 0 {
			place = len(t.masks)
			t.maskIDs = append(t.maskIDs, mask.id)
			t.masks = append(t.masks, mask.mask)
		}
		verdict.Mask = uint32(place)
	}
	key := reasonKey{kind: kind}
	if by != nil {
		key = reasonKey{kind, by.rule, by.grant, by.undecided}
	}
	place := slices.Index(t.reasoned, key)
	if place < 0 {
		place = len(t.reasons)
		t.reasoned = append(t.reasoned, key)
		reason := &pdpv1.Reason{Kind: kind}
		if by != nil {
			reason.Rule, reason.Title = by.rule.name, by.rule.source.GetTitle()
			reason.GrantId, reason.Undecided = by.grant.GetId(), by.undecided
		}
		t.reasons = append(t.reasons, reason)
	}
	verdict.Reason = uint32(place)
	t.verdicts = append(t.verdicts, verdict)
}
