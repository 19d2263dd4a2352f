package engine

import (
	"maps"
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
	byDefault    ref.Val
	mayBeLacking bool
}

// Engine decides by one bundle. It is safe for concurrent use.
type Engine struct {
	// Revision and Hash are those of the bundle.
	Revision int64
	Hash     string
	Bundle   *pdpv1.Bundle

	attributes  []attribute
	slots       map[string]int
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

	subjectID, roles, action, resourceType, resourceID, now int
	grant                                                   [5]int
	pool                                                    sync.Pool
}

type partKey struct{ application, message, part string }

// Load plans every expression of a bundle.
func Load(signed *pdpv1.SignedBundle, bundle *pdpv1.Bundle) (*Engine, error) {
	e := &Engine{
		Revision: signed.GetRevision(), Hash: signed.GetHash(), Bundle: bundle,
		slots: map[string]int{}, fields: map[string]*field{}, messages: map[string]*pdpv1.MessageMap{},
		maskIDs: map[string]int{}, conditionOf: map[string]int{}, parts: map[partKey]*asked{},
	}
	for i, own := range bundle.GetAttributes() {
		name := own.GetName()
		e.slots[name] = i
		builtIn := name == "now" || strings.HasPrefix(name, "grant.")
		found := attribute{name: name, kind: own.GetType(), mayBeLacking: !builtIn}
		if own.GetDefaultValue().GetKind() != nil {
			found.byDefault = celValue(own.GetDefaultValue(), own.GetType())
		}
		e.attributes = append(e.attributes, found)
	}
	slot := func(name string) int {
		if found, ok := e.slots[name]; ok {
			return found
		}
		return -1
	}
	e.subjectID, e.roles, e.action = slot("subject.id"), slot("subject.roles"), slot("action.name")
	e.resourceType, e.resourceID, e.now = slot("resource.type"), slot("resource.id"), slot("now")
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
	for _, own := range e.messages {
		for _, part := range own.GetParts() {
			key := partKey{own.GetApplication(), own.GetName(), part.GetName()}
			if e.parts[key] == nil {
				fields := make([]string, len(part.GetFields()))
				for i, field := range part.GetFields() {
					fields[i] = field.GetField()
				}
				e.parts[key] = e.asked(fields)
			}
		}
	}
	if err := e.loadPolicies(); err != nil {
		return nil, err
	}
	e.pool.New = func() any {
		d := &decision{activation: activation{
			set: e, values: make([]ref.Val, len(e.attributes)), scopes: make([]scoped, len(e.scopes)),
			results: make([]outcome, len(e.conditions)), variables: make([]variableResult, len(e.variables)),
		}}
		for i, known := range e.scopes {
			d.scopes[i] = scoped{&d.activation, known}
		}
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
		found := policy{fields: newFieldSet(len(e.Bundle.GetFields()))}
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
			for i := range found.fields {
				found.fields[i] |= made.fields[i]
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
	clause := scopeClause{slot: slot, texts: map[string]bool{}, isTexts: true}
	for _, own := range source.GetValues() {
		value := celValue(own, e.attributes[slot].kind)
		if value == nil {
			return scopeClause{}, refuse(WrongFormat, "the scope by `%s` has a value of another type", source.GetAttribute())
		}
		text, isText := value.(types.String)
		clause.isTexts = clause.isTexts && isText
		clause.texts[string(text)] = true
		clause.values = append(clause.values, value)
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
