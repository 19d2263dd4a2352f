package engine

import (
	"maps"
	"slices"
	"strings"
	"sync"
	_ "time/tzdata" // conditions ask for local times, also on machines without time zones

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"google.golang.org/protobuf/proto"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

const variablePrefix = "vars."

var grantNames = []string{"grant.active", "grant.kind", "grant.approver", "grant.approver_level", "grant.scenario"}

// attribute is a declared attribute; its slot is its place in the bundle.
type attribute struct {
	name         string
	kind         pdpv1.AttributeType
	mayBeLacking bool
}

// Engine decides by one bundle. It is safe for concurrent use.
type Engine struct {
	// Revision and Hash are those of the bundle.
	Revision int64
	Hash     string
	Bundle   *pdpv1.Bundle

	attributes []attribute
	slots      map[string]int
	// local has the slots of attributes by namespace and name, without those that a request says elsewhere.
	local       map[string]map[string]int
	fields      map[string]*field
	messages    map[string]*pdpv1.MessageMap
	policies    []policy
	parts       map[partKey]*asked
	scopes      []names
	rules       []*rule
	conditions  []*program
	variables   []*program
	full        *maskUse
	masks       []*pdpv1.Mask
	maskIDs     map[string]int
	conditionOf map[string]int

	// Slots, -1 for none: of the subject's id, the action's name, the resource's type and id; of roles and now; of grant.*.
	texts      [4]int
	roles, now int
	grant      [5]int
	// defaults by slot.
	defaults []*pdpv1.Value
	pool     sync.Pool
}

type partKey struct{ application, message, part string }

// Load plans every expression of a bundle.
func Load(signed *pdpv1.SignedBundle, bundle *pdpv1.Bundle) (*Engine, error) {
	e := &Engine{
		Revision: signed.GetRevision(), Hash: signed.GetHash(), Bundle: bundle,
		slots: map[string]int{}, local: map[string]map[string]int{}, fields: map[string]*field{}, messages: map[string]*pdpv1.MessageMap{},
		maskIDs: map[string]int{}, conditionOf: map[string]int{}, parts: map[partKey]*asked{},
	}
	for i, own := range bundle.GetAttributes() {
		name := own.GetName()
		e.slots[name] = i
		builtIn := name == "now" || strings.HasPrefix(name, "grant.")
		found := attribute{name: name, kind: own.GetType(), mayBeLacking: !builtIn}
		var byDefault *pdpv1.Value
		if fits(own.GetDefaultValue(), own.GetType()) {
			byDefault = own.GetDefaultValue()
		}
		e.attributes, e.defaults = append(e.attributes, found), append(e.defaults, byDefault)
	}
	slot := func(name string) int {
		if found, ok := e.slots[name]; ok {
			return found
		}
		return -1
	}
	e.texts = [4]int{slot("subject.id"), slot("action.name"), slot("resource.type"), slot("resource.id")}
	e.roles, e.now = slot("subject.roles"), slot("now")
	for name, place := range e.slots {
		namespace, local, _ := strings.Cut(name, ".")
		if slices.Contains(e.texts[:], place) || place == e.roles {
			continue
		}
		if e.local[namespace] == nil {
			e.local[namespace] = map[string]int{}
		}
		e.local[namespace][local] = place
	}
	for i, name := range grantNames {
		e.grant[i] = slot(name)
	}
	e.full = e.maskUse(&pdpv1.Mask{Algorithm: "full", Parameters: map[string]*pdpv1.Value{
		"char":   {Kind: &pdpv1.Value_StringValue{StringValue: "*"}},
		"length": {Kind: &pdpv1.Value_IntValue{IntValue: 3}},
	}}, 0)
	for place, own := range bundle.GetFields() {
		e.fields[own.GetId()] = &field{own, place, e.maskUse(own.GetDefaultMask(), own.GetDefaultStrictness())}
	}
	for _, own := range bundle.GetMessageMaps() {
		e.messages[own.GetApplication()+"\x00"+own.GetName()] = own
	}
	if err := e.loadPolicies(); err != nil {
		return nil, err
	}
	for _, own := range e.messages {
		for _, part := range own.GetParts() {
			key := partKey{own.GetApplication(), own.GetName(), part.GetName()}
			if e.parts[key] == nil {
				fields := make([]string, len(part.GetFields()))
				for i, field := range part.GetFields() {
					fields[i] = field.GetField()
				}
				e.parts[key] = e.asked(fields)
				e.parts[key].known = newOutcomes()
			}
		}
	}
	e.pool.New = func() any {
		d := &decision{activation: activation{
			set: e, given: make([]*pdpv1.Value, len(e.attributes)), values: make([]ref.Val, len(e.attributes)), scopes: make([]scoped, len(e.scopes)),
			results: make([]outcome, len(e.conditions)), variables: make([]variableResult, len(e.variables)),
		}}
		for i, known := range e.scopes {
			d.scopes[i] = scoped{&d.activation, known}
		}
		for i := range d.texts {
			d.texts[i].value.Kind = &d.texts[i].kind
		}
		d.roles.value.Kind, d.roles.kind.StringList = &d.roles.kind, &d.roles.list
		return d
	}
	return e, nil
}

func (e *Engine) maskUse(mask *pdpv1.Mask, strictness int32) *maskUse {
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(mask)
	if err != nil {
		wire = []byte(mask.String())
	}
	id, known := e.maskIDs[string(wire)]
	if !known {
		id = len(e.masks)
		e.maskIDs[string(wire)] = id
		e.masks = append(e.masks, mask)
	}
	return &maskUse{e.masks[id], id, strictness}
}

// Masks returns every mask that a decision may name, each once.
func (e *Engine) Masks() []*pdpv1.Mask { return e.masks }

func (e *Engine) loadPolicies() error {
	env, err := cel.NewEnv(functions()...)
	if err != nil {
		return refuse(WrongFormat, "CEL cannot be set up: %s", err)
	}
	for _, source := range e.Bundle.GetPolicies() {
		found := policy{}
		for _, own := range source.GetScope() {
			clause, err := e.scopeClause(own)
			if err != nil {
				return err
			}
			found.scope = append(found.scope, clause)
		}
		known := names(e.slots)
		if len(source.GetVariables()) > 0 {
			known = maps.Clone(known)
		}
		for _, own := range source.GetVariables() {
			planned, err := e.plan(env, own.GetExpression(), known)
			if err != nil {
				return refuse(WrongFormat, "policy `%s`, variable `%s`: %s", source.GetId(), own.GetName(), err)
			}
			e.variables = append(e.variables, planned)
			known[variablePrefix+own.GetName()] = -len(e.variables)
		}
		for _, own := range source.GetRules() {
			made, err := e.rule(env, source, own, known)
			if err != nil {
				return err
			}
			found.rules = append(found.rules, made)
			e.rules = append(e.rules, made)
		}
		e.policies = append(e.policies, found)
		e.scopes = append(e.scopes, known)
	}
	return nil
}

func (e *Engine) scopeClause(source *pdpv1.ScopeClause) (scopeClause, error) {
	slot, ok := e.slots[source.GetAttribute()]
	if !ok {
		return scopeClause{}, refuse(WrongFormat, "the scope names attribute `%s`, which is not declared", source.GetAttribute())
	}
	clause := scopeClause{slot: slot}
	var texts []string
	for _, own := range source.GetValues() {
		value := celValue(own, e.attributes[slot].kind)
		if value == nil {
			return scopeClause{}, refuse(WrongFormat, "the scope by `%s` has a value of another type", source.GetAttribute())
		}
		if text, ok := value.(types.String); ok {
			texts = append(texts, string(text))
		}
		clause.values = append(clause.values, value)
	}
	if len(texts) == len(clause.values) {
		clause.isOne = oneOf(texts)
	}
	return clause, nil
}

func (e *Engine) rule(env *cel.Env, of *pdpv1.Policy, source *pdpv1.Rule, known names) (*rule, error) {
	made := &rule{
		source: source, name: of.GetId() + "/" + source.GetId(), index: len(e.rules),
		unmasks: source.GetEffect() == pdpv1.Effect_EFFECT_UNMASK, priority: source.GetPriority(),
		fields: newFieldSet(len(e.Bundle.GetFields())),
	}
	if made.source.GetMask() != nil {
		made.mask = e.maskUse(source.GetMask(), source.GetStrictness())
	}
	for _, id := range source.GetFields() {
		field, ok := e.fields[id]
		if !ok {
			return nil, refuse(WrongFormat, "rule `%s` speaks about field `%s`, which the dictionary lacks", made.name, id)
		}
		made.fields.add(field.place)
	}
	for _, own := range source.GetWhen() {
		// Many rules share a condition: one without variables is evaluated once a request.
		key := string(own.GetChecked())
		place, seen := e.conditionOf[key]
		if !seen {
			planned, err := e.plan(env, own, known)
			if err != nil {
				return nil, refuse(WrongFormat, "rule `%s`: %s", made.name, err)
			}
			place = len(e.conditions)
			e.conditions = append(e.conditions, planned)
			if !planned.own {
				e.conditionOf[key] = place
			}
		}
		made.conditions = append(made.conditions, place)
		made.granted = made.granted || e.conditions[place].granted
	}
	return made, nil
}

// Open returns the engine of a file's bytes when the bundle may come into use: see Verify; every expression can be
// planned, and every golden case comes out as expected.
func Open(data []byte, trust Trust, inUse int64) (*Engine, error) {
	signed, bundle, err := Verify(data, trust, inUse)
	if err != nil {
		return nil, err
	}
	e, err := Load(signed, bundle)
	if err != nil {
		return nil, err
	}
	return e, e.CheckGolden()
}
