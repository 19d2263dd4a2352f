package engine

import (
	"slices"
	"time"

	"cel.dev/cel-go/common/types"

	"jingxi.dev/client/fault"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

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
	activation
	// What a request says outside its attributes, as values: id, action, resource's type and id; roles.
	texts [4]struct {
		value pdpv1.Value
		kind  pdpv1.Value_StringValue
	}
	roles struct {
		value pdpv1.Value
		kind  pdpv1.Value_StringList
		list  pdpv1.StringList
	}
	request   *pdpv1.DecideRequest
	asked     *asked
	hits      []hit
	undecided []undecidedRule
	// lacking are the attributes that undecided rules lack, one after the other.
	lacking []int
	key     []byte
	// diagnostics go to who asked, and are made anew for each request.
	diagnostics []*pdpv1.Diagnostic
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

// Decide returns what the service would answer, without a decision id, at a time in the years 1 to 9999. Replies have
// messages in common and must not be written to.
func (e *Engine) Decide(request *pdpv1.DecideRequest, now time.Time, grants Grants) (*pdpv1.DecideResponse, error) {
	said, diagnostics, err := e.Answer(request, now, grants)
	if err != nil {
		return nil, err
	}
	reply := said.Reply()
	reply.RequestId, reply.Revision, reply.PolicyHash = request.GetRequestId(), e.Revision, e.Hash
	reply.Diagnostics = diagnostics
	return reply, nil
}

// Answer is Decide in parts: what is said about the fields, which other replies share, and the diagnostics.
func (e *Engine) Answer(request *pdpv1.DecideRequest, now time.Time, grants Grants) (*Said, []*pdpv1.Diagnostic, error) {
	asked, err := e.askedBy(request)
	if err != nil {
		return nil, nil, err
	}
	d := e.pool.Get().(*decision)
	defer func() {
		d.forget()
		e.pool.Put(d)
	}()
	copy(d.given, e.defaults)
	d.now, d.request, d.asked = now, request, asked
	d.setGrant(nil)
	var unknownFields []string
	for i, known := range asked.fields {
		if name := asked.names[i]; known == nil && !slices.Contains(unknownFields, name) {
			unknownFields = append(unknownFields, name)
			d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_UNKNOWN_FIELD, name, "the dictionary has no such field", nil)
		}
	}
	d.readFacts()
	counting := d.countGrants(grants, now)
	d.evaluate(counting)
	said := d.answer()
	d.tellUndecided()
	d.boundDiagnostics()
	return said, d.diagnostics, nil
}

// asked is what a request asks about: names, the dictionary's fields (nil for one that it lacks), the policies with the
// rules that speak about them, and the outcomes that are remembered (nil for none).
type asked struct {
	names    []string
	fields   []*field
	policies []policy
	known    *outcomes
}

func (e *Engine) asked(names []string) *asked {
	found := &asked{names: names, fields: make([]*field, len(names))}
	known := newFieldSet(len(e.fields))
	for i, name := range names {
		if own, ok := e.fields[name]; ok {
			found.fields[i] = own
			known.add(own.place)
		}
	}
	for _, own := range e.policies {
		var rules []*rule
		for _, rule := range own.rules {
			if rule.fields.meets(known) {
				rules = append(rules, rule)
			}
		}
		if rules != nil {
			found.policies = append(found.policies, policy{own.scope, rules})
		}
	}
	return found
}

func (e *Engine) askedBy(request *pdpv1.DecideRequest) (*asked, error) {
	if request.GetSubject().GetId() == "" {
		return nil, fault.New(fault.RequestRejected, "the subject has no id")
	}
	reference := request.GetMessage()
	if reference == nil {
		if len(request.GetFields()) == 0 {
			return nil, fault.New(fault.RequestRejected, "no field is asked about")
		}
		return e.asked(request.GetFields()), nil
	}
	application, name, part := reference.GetApplication(), reference.GetName(), reference.GetPart()
	if found := e.parts[partKey{application, name, part}]; found != nil {
		return found, nil
	}
	return nil, fault.New(fault.UnknownMessage, "application `%s` has no message `%s` with a part `%s`", application, name, part)
}

// forget makes room for the next request.
//
// INVARIANT: nothing of a request stays here when it has been answered.
func (d *decision) forget() {
	clear(d.hits)
	d.hits, d.undecided, d.lacking = d.hits[:0], d.undecided[:0], d.lacking[:0]
	clear(d.given)
	clear(d.values)
	clear(d.results)
	clear(d.variables)
	for i := range d.texts {
		d.texts[i].kind.StringValue = ""
	}
	d.roles.list.Values = nil
	d.request, d.asked, d.diagnostics = nil, nil, nil
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
	request := d.request
	var undeclared []string
	undeclared = d.read("subject", request.GetSubject().GetAttributes(), undeclared)
	undeclared = d.read("action", request.GetAction().GetAttributes(), undeclared)
	undeclared = d.read("resource", request.GetResource().GetAttributes(), undeclared)
	undeclared = d.read("context", request.GetContext(), undeclared)
	resource := request.GetResource()
	for i, text := range [...]string{request.GetSubject().GetId(), request.GetAction().GetName(), resource.GetType(), resource.GetId()} {
		if slot := d.set.texts[i]; slot >= 0 && text != "" {
			d.texts[i].kind.StringValue = text
			d.given[slot] = &d.texts[i].value
		}
	}
	if d.set.roles >= 0 {
		d.roles.list.Values = request.GetSubject().GetRoles()
		d.given[d.set.roles] = &d.roles.value
	}
	slices.Sort(undeclared)
	for _, name := range undeclared {
		d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_UNDECLARED_ATTRIBUTE, name, "the policy set does not declare it", nil)
	}
}

// read takes the attributes of a namespace and adds those that are not declared to a list.
func (d *decision) read(namespace string, given map[string]*pdpv1.Value, undeclared []string) []string {
	slots := d.set.local[namespace]
	for name, value := range given {
		slot, ok := slots[name]
		switch {
		case !ok:
			undeclared = append(undeclared, namespace+"."+name)
		case value.GetKind() == nil:
		case fits(value, d.set.attributes[slot].kind):
			d.given[slot] = value
		default:
			d.given[slot] = nil
		}
	}
	return undeclared
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
		case grant.GetApplication() != "" && !namesOnly(grant.GetApplication(), d.request):
			d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_GRANT_MISMATCH, id,
				"the grant is for an application that the request does not name, or not alone", nil)
		default:
			counting = append(counting, grant)
		}
	}
	return counting
}

// namesOnly tells whether a request says, in its context or by a message, that it is for this application and no other.
func namesOnly(application string, request *pdpv1.DecideRequest) bool {
	inContext := request.GetContext()["application"]
	hasKind := inContext.GetKind() != nil
	if hasKind && inContext.GetStringValue() != application {
		return false
	}
	message := request.GetMessage()
	if message != nil && message.GetApplication() != application {
		return false
	}
	return hasKind || message != nil
}

// evaluate finds the rules that apply, in canonical order, those of one rule by grant in request order.
func (d *decision) evaluate(grants []*pdpv1.Grant) {
	for i := range d.asked.policies {
		own := &d.asked.policies[i]
		scope := isTrue
		var lacking []int
		for j := range own.scope {
			switch own.scope[j].result(&d.activation) {
			case isFalse:
				scope = isFalse
			case isUndecided:
				if scope == isTrue {
					scope = isUndecided
				}
				lacking = append(lacking, own.scope[j].slot)
			}
			if scope == isFalse {
				break
			}
		}
		if scope == isFalse {
			continue
		}
		for _, rule := range own.rules {
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
			d.results[place] = d.set.conditions[place].condition(&d.activation)
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
	d.addUndecided(rule, lacking)
	if !rule.unmasks {
		d.hits = append(d.hits, hit{rule, grant, true})
	}
}
