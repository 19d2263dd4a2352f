package engine

import (
	"slices"
	"strconv"
	"time"

	"cel.dev/cel-go/common/types"
	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/fault"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

const mostDiagnostics = 32

// Grants finds a grant by its id; nil when there is none.
type Grants func(id string) *pdpv1.Grant

// NoGrants knows none.
func NoGrants(string) *pdpv1.Grant { return nil }

// hit is a rule that applies: under which grant, and whether it masks because it is undecided.
type hit struct {
	rule      *rule
	grant     *pdpv1.Grant
	undecided bool
}

// decision is one request under way.
type decision struct {
	*activation
	request   *pdpv1.DecideRequest
	requested fieldSet
	hits      []hit
	undecided []undecidedRule
	reply     *pdpv1.DecideResponse
}

type undecidedRule struct {
	rule  *rule
	slots []int
}

// MessageMap returns where the fields of a message are; nil when the bundle has no such message.
func (e *Engine) MessageMap(application, name string) *pdpv1.MessageMap {
	return e.messages[application+"\x00"+name]
}

// DefaultMask returns how a field is masked when nothing else is known.
func (e *Engine) DefaultMask(name string) *pdpv1.Mask {
	if known, ok := e.fields[name]; ok {
		return known.mask.mask
	}
	return e.full.mask
}

// Level returns a field's level; empty for one that the dictionary lacks.
func (e *Engine) Level(name string) string {
	if known, ok := e.fields[name]; ok {
		return known.source.GetLevel()
	}
	return ""
}

// Decide returns what the service would answer, without a decision id, at a time in the years 1 to 9999.
func (e *Engine) Decide(request *pdpv1.DecideRequest, now time.Time, grants Grants) (*pdpv1.DecideResponse, error) {
	fields, err := e.requestedFields(request)
	if err != nil {
		return nil, err
	}
	d := &decision{activation: e.pool.Get().(*activation), request: request, requested: newFieldSet(len(e.fields))}
	defer e.pool.Put(d.activation)
	d.reply = &pdpv1.DecideResponse{
		RequestId: request.GetRequestId(), Revision: e.Revision, PolicyHash: e.Hash,
		Verdicts: make([]*pdpv1.Verdict, 0, len(fields)),
	}
	d.reset(now)
	var unknownFields []string
	for _, name := range fields {
		if known, ok := e.fields[name]; ok {
			d.requested.add(known.place)
		} else if !slices.Contains(unknownFields, name) {
			unknownFields = append(unknownFields, name)
			d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_UNKNOWN_FIELD, name, "the dictionary has no such field", nil)
		}
	}
	d.readFacts()
	counting := d.countGrants(grants, now)
	d.evaluate(counting)
	d.respond(fields)
	for _, own := range d.undecided {
		var names []string
		for _, slot := range own.slots {
			names = append(names, e.attributes[slot].name)
		}
		slices.Sort(names)
		d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_UNDECIDED_RULE, own.rule.name, "the rule could not be decided", slices.Compact(names))
	}
	if count := len(d.reply.Diagnostics); count > mostDiagnostics {
		d.reply.Diagnostics = d.reply.Diagnostics[:mostDiagnostics-1]
		d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_TRUNCATED, "",
			strconv.Itoa(count-mostDiagnostics+1)+" more diagnostics were left out", nil)
	}
	return d.reply, nil
}

func (d *decision) diagnose(code pdpv1.DiagnosticCode, subject, message string, attributes []string) {
	d.reply.Diagnostics = append(d.reply.Diagnostics, &pdpv1.Diagnostic{
		Code: code, Subject: subject, Message: message, Attributes: attributes,
	})
}

func (e *Engine) requestedFields(request *pdpv1.DecideRequest) ([]string, error) {
	if request.GetSubject().GetId() == "" {
		return nil, fault.New(fault.RequestRejected, "the subject has no id")
	}
	reference := request.GetMessage()
	if reference == nil {
		if len(request.GetFields()) == 0 {
			return nil, fault.New(fault.RequestRejected, "no field is asked about")
		}
		return request.GetFields(), nil
	}
	found := e.MessageMap(reference.GetApplication(), reference.GetName())
	for _, part := range found.GetParts() {
		if part.GetName() == reference.GetPart() {
			fields := make([]string, len(part.GetFields()))
			for i, own := range part.GetFields() {
				fields[i] = own.GetField()
			}
			return fields, nil
		}
	}
	return nil, fault.New(fault.UnknownMessage, "application `%s` has no message `%s` with a part `%s`",
		reference.GetApplication(), reference.GetName(), reference.GetPart())
}

// reset prepares the activation for a request: defaults, the time and no grant.
func (d *decision) reset(now time.Time) {
	for i := range d.set.attributes {
		d.values[i] = d.set.attributes[i].byDefault
	}
	clear(d.results)
	clear(d.variables)
	if d.set.now >= 0 {
		d.values[d.set.now] = types.Timestamp{Time: now.UTC()}
	}
	d.setGrant(nil)
}

// setGrant binds what conditions know of a grant.
func (d *decision) setGrant(grant *pdpv1.Grant) {
	for i, slot := range d.set.grant {
		if slot < 0 {
			continue
		}
		switch i {
		case 0:
			d.values[slot] = types.Bool(grant != nil)
		case 1:
			d.values[slot] = types.String(grant.GetKind())
		case 2:
			d.values[slot] = types.String(grant.GetApprover())
		case 3:
			d.values[slot] = types.Int(grant.GetApproverLevel())
		case 4:
			d.values[slot] = types.String(grant.GetScenario())
		}
	}
}

func (d *decision) readFacts() {
	set, request := d.set, d.request
	var undeclared []string
	read := func(prefix string, given map[string]*pdpv1.Value) {
		var buffer [64]byte
		for name, value := range given {
			dotted := append(append(buffer[:0], prefix...), name...)
			slot, ok := set.slots[string(dotted)]
			if !ok || slot == set.subjectID || slot == set.roles || slot == set.action ||
				slot == set.resourceType || slot == set.resourceID {
				undeclared = append(undeclared, string(dotted))
				continue
			}
			if value.GetKind() != nil {
				d.values[slot] = celValue(value, set.attributes[slot].kind)
			}
		}
	}
	read("subject.", request.GetSubject().GetAttributes())
	read("action.", request.GetAction().GetAttributes())
	read("resource.", request.GetResource().GetAttributes())
	read("context.", request.GetContext())
	text := func(slot int, text string, evenEmpty bool) {
		if slot >= 0 && (text != "" || evenEmpty) {
			d.values[slot] = types.String(text)
		}
	}
	text(set.subjectID, request.GetSubject().GetId(), true)
	text(set.action, request.GetAction().GetName(), false)
	text(set.resourceType, request.GetResource().GetType(), false)
	text(set.resourceID, request.GetResource().GetId(), false)
	if set.roles >= 0 {
		d.values[set.roles] = types.NewStringList(types.DefaultTypeAdapter, request.GetSubject().GetRoles())
	}
	slices.Sort(undeclared)
	for _, name := range undeclared {
		d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_UNDECLARED_ATTRIBUTE, name, "the policy set does not declare it", nil)
	}
}

// countGrants returns the grants that count, in request order and each once.
func (d *decision) countGrants(grants Grants, now time.Time) []*pdpv1.Grant {
	var counting []*pdpv1.Grant
	ids := d.request.GetGrantIds()
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			continue
		}
		grant := grants(id)
		resource := d.request.GetResource()
		switch {
		case grant == nil:
			d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_GRANT_NOT_FOUND, id, "no such grant", nil)
		case now.Before(time.Unix(0, grant.GetNotBeforeNanos())) || !now.Before(time.Unix(0, grant.GetExpiresAtNanos())):
			d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_GRANT_INACTIVE, id, "the grant is not valid now", nil)
		case grant.GetSubjectId() != d.request.GetSubject().GetId() || grant.GetResourceType() != resource.GetType() ||
			grant.GetResourceId() != "" && grant.GetResourceId() != resource.GetId():
			d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_GRANT_MISMATCH, id, "the grant is for another subject or resource", nil)
		default:
			counting = append(counting, grant)
		}
	}
	return counting
}

// evaluate finds the rules that apply, in canonical order, those of one rule by grant in request order.
func (d *decision) evaluate(grants []*pdpv1.Grant) {
	for i := range d.set.policies {
		own := &d.set.policies[i]
		if !own.fields.meets(d.requested) {
			continue
		}
		scope := isTrue
		var lacking []int
		for j := range own.scope {
			switch own.scope[j].result(d.activation) {
			case isFalse:
				scope = isFalse
			case isUndecided:
				if scope == isTrue {
					scope = isUndecided
				}
				lacking = append(lacking, own.scope[j].slot)
			}
		}
		if scope == isFalse {
			continue
		}
		for _, rule := range own.rules {
			if !rule.fields.meets(d.requested) {
				continue
			}
			if rule.granted && len(grants) > 0 {
				d.underGrants(rule, grants, scope, lacking)
			} else {
				d.tryRule(rule, nil, scope, lacking)
			}
		}
	}
}

// underGrants evaluates a rule for each grant that counts.
func (d *decision) underGrants(rule *rule, grants []*pdpv1.Grant, scope outcome, lacking []int) {
	for _, grant := range grants {
		d.forgetGranted()
		d.setGrant(grant)
		d.tryRule(rule, grant, scope, lacking)
	}
	d.forgetGranted()
	d.setGrant(nil)
}

func (d *decision) forgetGranted() {
	for i, own := range d.set.conditions {
		if own.granted {
			d.results[i] = unknown
		}
	}
	for i, own := range d.set.variables {
		if own.granted {
			d.variables[i] = variableResult{}
		}
	}
}

func (d *decision) tryRule(rule *rule, grant *pdpv1.Grant, scope outcome, lacking []int) {
	holds := scope
	for _, place := range rule.conditions {
		if d.results[place] == unknown {
			d.results[place] = d.set.conditions[place].condition(d.activation)
		}
		switch d.results[place] {
		case isFalse:
			return
		case isUndecided:
			holds = isUndecided
		}
	}
	if holds == isTrue {
		d.hits = append(d.hits, hit{rule, grant, false})
		return
	}
	slots := slices.Clone(lacking)
	for _, place := range rule.conditions {
		if d.results[place] != isUndecided {
			continue
		}
		for _, slot := range d.set.conditions[place].names {
			if d.values[slot] == nil && d.set.attributes[slot].mayBeLacking {
				slots = append(slots, slot)
			}
		}
	}
	if last := len(d.undecided) - 1; last >= 0 && d.undecided[last].rule == rule {
		d.undecided[last].slots = append(d.undecided[last].slots, slots...)
	} else {
		d.undecided = append(d.undecided, undecidedRule{rule, slots})
	}
	if !rule.unmasks {
		d.hits = append(d.hits, hit{rule, grant, true})
	}
}

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

func (d *decision) respond(fields []string) {
	table := &table{reply: d.reply}
	obligations := map[int][]string{}
	var order []int
	for _, name := range fields {
		own, known := d.set.fields[name]
		if !known {
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
			d.reply.Obligations = append(d.reply.Obligations, &pdpv1.Obligation{
				Type: own.GetType(), Parameters: own.GetParameters(), Fields: obligations[index], Rule: rule.name,
			})
		}
	}
}

type reasonKey struct {
	kind      pdpv1.ReasonKind
	rule      *rule
	grant     *pdpv1.Grant
	undecided bool
}

// table writes verdicts with each different mask and reason once.
type table struct {
	reply   *pdpv1.DecideResponse
	masks   []int
	reasons []reasonKey
}

func (t *table) add(name string, mask *maskUse, by *hit, kind pdpv1.ReasonKind) {
	verdict := &pdpv1.Verdict{Field: name, Effect: pdpv1.Effect_EFFECT_UNMASK}
	if mask != nil {
		verdict.Effect = pdpv1.Effect_EFFECT_MASK
		place := slices.Index(t.masks, mask.id)
		if place < 0 {
			place = len(t.masks)
			t.masks = append(t.masks, mask.id)
			t.reply.Masks = append(t.reply.Masks, mask.mask)
		}
		verdict.Mask = uint32(place)
	}
	key := reasonKey{kind: kind}
	if by != nil {
		key = reasonKey{kind, by.rule, by.grant, by.undecided}
	}
	place := slices.Index(t.reasons, key)
	if place < 0 {
		place = len(t.reasons)
		t.reasons = append(t.reasons, key)
		reason := &pdpv1.Reason{Kind: kind}
		if by != nil {
			reason.Rule, reason.Title = by.rule.name, by.rule.source.GetTitle()
			reason.GrantId, reason.Undecided = by.grant.GetId(), by.undecided
		}
		t.reply.Reasons = append(t.reply.Reasons, reason)
	}
	verdict.Reason = uint32(place)
	t.reply.Verdicts = append(t.reply.Verdicts, verdict)
}

// CheckGolden decides every golden case of the bundle.
func (e *Engine) CheckGolden() error {
	for _, own := range e.Bundle.GetGoldenCases() {
		request := &pdpv1.DecideRequest{}
		if err := proto.Unmarshal(own.GetRequest(), request); err != nil {
			return refuse(GoldenCase, "golden case `%s` cannot be decoded", own.GetName())
		}
		grants := map[string]*pdpv1.Grant{}
		for _, grant := range own.GetGrants() {
			grants[grant.GetId()] = grant
		}
		reply, err := e.Decide(request, time.Unix(0, own.GetNowNanos()), func(id string) *pdpv1.Grant { return grants[id] })
		if err != nil {
			return refuse(GoldenCase, "golden case `%s` cannot be decided: %s", own.GetName(), err)
		}
		for _, expected := range own.GetExpected() {
			if !agrees(reply, expected) {
				return refuse(GoldenCase, "golden case `%s` comes out otherwise than expected for field `%s`",
					own.GetName(), expected.GetField())
			}
		}
	}
	return nil
}

func agrees(reply *pdpv1.DecideResponse, expected *pdpv1.ExpectedVerdict) bool {
	for _, verdict := range reply.GetVerdicts() {
		if verdict.GetField() == expected.GetField() {
			return verdict.GetEffect() == expected.GetEffect() && (expected.GetMask() == nil ||
				verdict.GetEffect() != pdpv1.Effect_EFFECT_MASK ||
				sameMask(reply.GetMasks()[verdict.GetMask()], expected.GetMask()))
		}
	}
	return false
}

// sameMask compares masks by what they do, not by what they are called.
func sameMask(a, b *pdpv1.Mask) bool {
	if a.GetAlgorithm() != b.GetAlgorithm() || len(a.GetParameters()) != len(b.GetParameters()) {
		return false
	}
	for name, value := range a.GetParameters() {
		if !proto.Equal(value, b.GetParameters()[name]) {
			return false
		}
	}
	return true
}
