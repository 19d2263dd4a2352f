package messagemap

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/paths"
	"jingxi.dev/client/internal/values"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Plan is all questions about a message and what they share. Problems tell, without values, what could not be sent.
type Plan struct {
	Map       *Map
	Subject   *pdpv1.Subject
	Action    *pdpv1.Action
	Context   map[string]*pdpv1.Value
	Questions []Question
	Problems  []string

	memory *memory
}

// planner builds a Plan. What the caller gives wins over what the message holds.
type planner struct {
	*memory
	m        *Map
	walk     paths.Walk
	caller   *Caller
	problems []string
}

// NewPlan returns what to ask about a message.
func NewPlan(m *Map, document any, caller *Caller) (*Plan, error) {
	if err := caller.checkTexts(); err != nil {
		return nil, err
	}
	p := planner{memory: remembered.Get().(*memory), m: m, walk: paths.Walk{Document: document}, caller: caller}
	p.subject.Id, p.subject.Roles, p.action.Name = caller.SubjectID, caller.Roles, caller.Action
	for _, own := range [...]struct {
		namespace string
		given     map[string]any
		sent      attributes
	}{
		{"subject", caller.SubjectAttributes, p.subject.Attributes},
		{"action", caller.ActionAttributes, p.action.Attributes},
		{"context", caller.Context, p.context},
		{"resource", caller.ResourceAttributes, p.given.Attributes},
	} {
		if err := p.declared(own.namespace, own.given, own.sent); err != nil {
			return nil, err
		}
	}
	if err := p.ask(); err != nil {
		return nil, err
	}
	// The map names the application anyway, and most scopes ask for it.
	if _, given := p.context["application"]; !given && m.application != nil {
		p.context["application"] = m.application
	}
	p.plan = Plan{
		Map: m, Subject: &p.subject, Action: &p.action, Context: p.context,
		Questions: p.questions, Problems: unique(p.problems), memory: p.memory,
	}
	return &p.plan, nil
}

func unique(texts []string) []string {
	var found []string
	for _, text := range texts {
		if !slices.Contains(found, text) {
			found = append(found, text)
		}
	}
	return found
}

func (p *planner) problem(text string) { p.problems = append(p.problems, text) }

func (p *planner) ask() error {
	p.given.Type, p.given.Id = p.caller.ResourceType, p.caller.ResourceID
	inherited := &p.given
	for _, part := range p.m.Parts {
		if part.Name != "" {
			continue
		}
		resource := &p.own
		if inherited != &p.given { // the message has several such parts
			resource = &pdpv1.Resource{Attributes: attributes{}}
		}
		if err := p.describe(resource, part, nil); err != nil {
			return err
		}
		if err := p.attributes(part, nil, func(own *attribute, value *pdpv1.Value) {
			target := p.target(own, resource)
			if _, known := target[own.name]; !known {
				target[own.name] = value
			}
		}); err != nil {
			return err
		}
		maps.Copy(resource.Attributes, p.given.Attributes)
		if p.given.Type != "" {
			resource.Type = p.given.Type
		}
		if p.given.Id != "" {
			resource.Id = p.given.Id
		}
		inherited = resource
		if len(part.Fields) > 0 {
			if err := p.question(part, nil, resource); err != nil {
				return err
			}
		}
	}
	for _, part := range p.m.Parts {
		if part.Name != "" && len(part.Fields) > 0 {
			if err := p.items(part, inherited); err != nil {
				return err
			}
		}
	}
	return nil
}

// target returns the attributes of an attribute's namespace.
func (p *planner) target(own *attribute, resource *pdpv1.Resource) attributes {
	switch own.namespace {
	case "subject":
		return p.subject.Attributes
	case "action":
		return p.action.Attributes
	case "context":
		return p.context
	}
	return resource.Attributes
}

func (p *planner) items(part *Part, inherited *pdpv1.Resource) error {
	var failed error
	err := part.Path.Find(p.walk.Document, nil, func(place paths.Place, value any) {
		if value == nil || failed != nil {
			return
		}
		items, ok := value.([]any)
		if !ok {
			failed = fault.New(fault.MessageMismatch, "path `%s` expects a list at `%s`", &part.Path, place)
			return
		}
		for i, item := range items {
			if item == nil {
				continue
			}
			if failed = p.item(part, append(slices.Clip(place), paths.Item(i)), inherited); failed != nil {
				return
			}
		}
	})
	return errors.Join(err, failed)
}

func (p *planner) item(part *Part, place paths.Place, inherited *pdpv1.Resource) error {
	resource := &pdpv1.Resource{Type: inherited.Type, Id: inherited.Id, Attributes: maps.Clone(inherited.Attributes)}
	if err := p.describe(resource, part, place); err != nil {
		return err
	}
	for i := range part.attributes {
		// An account without a balance must not be judged by its customer's.
		delete(resource.Attributes, strings.TrimPrefix(part.attributes[i].dotted, "resource."))
	}
	if err := p.attributes(part, place, func(own *attribute, value *pdpv1.Value) {
		if own.namespace == "resource" {
			resource.Attributes[own.name] = value
		} else {
			p.problem("attribute `" + own.dotted + "` of list `" + part.Name + "` is not of the resource")
		}
	}); err != nil {
		return err
	}
	return p.question(part, place, resource)
}

// question finds the places before anything is asked, so that a message that does not fit is refused before anything is
// decided.
func (p *planner) question(part *Part, place paths.Place, resource *pdpv1.Resource) error {
	found := Question{Part: part, Place: place, Resource: resource, absent: p.flags(len(part.Fields))}
	for i := range part.Fields {
		own := &part.Fields[i]
		if len(place) == 0 && own.only != nil {
			there, err := p.walk.Has(&own.Paths[0])
			if err != nil {
				return err
			}
			found.absent[i] = !there
			continue
		}
		for j := range own.Paths {
			if err := own.Paths[j].Find(p.walk.Document, place, func(hit paths.Place, _ any) {
				if found.places == nil {
					found.places = make([][]paths.Place, len(part.Fields))
				}
				found.places[i] = append(found.places[i], hit)
			}); err != nil {
				return err
			}
		}
		found.absent[i] = found.places == nil || found.places[i] == nil
	}
	p.questions = append(p.questions, found)
	return nil
}

// describe puts a part's type and id into a resource where the map has them.
func (p *planner) describe(resource *pdpv1.Resource, part *Part, place paths.Place) error {
	if part.ResourceType != "" {
		resource.Type = part.ResourceType
	}
	if part.resourceID != nil {
		value, err := p.read("resource.id", part.resourceID, place, pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING)
		if err != nil {
			return err
		}
		// Without an id of its own an item must not pass for the message's resource.
		resource.Id = value.GetStringValue()
	}
	return nil
}

func (p *planner) attributes(part *Part, place paths.Place, put func(*attribute, *pdpv1.Value)) error {
	for i := range part.attributes {
		own := &part.attributes[i]
		if own.refused {
			p.problem("attribute `" + own.dotted + "` cannot be taken from a message")
			continue
		}
		value, err := p.read(own.dotted, &own.path, place, own.kind)
		if err != nil {
			return err
		}
		if value != nil {
			put(own, value)
		}
	}
	return nil
}

func (p *planner) read(name string, path *paths.Path, place paths.Place, kind pdpv1.AttributeType) (*pdpv1.Value, error) {
	var given any
	if path.Many() {
		found, err := p.readMany(path, place)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		if !values.IsListType(kind) {
			p.problem("attribute `" + name + "` at `" + path.String() + "` has many values and is no list")
			return nil, nil
		}
		given = found
	} else {
		var err error
		if len(place) == 0 {
			given, err = p.walk.Get(path)
		} else {
			_, given, _, err = path.Only(p.walk.Document, place)
		}
		if err != nil || given == nil {
			return nil, err
		}
	}
	value, err := p.values.Typed(given, kind)
	if err != nil {
		p.problem("attribute `" + name + "` at `" + path.String() + "`: " + err.Error())
		return nil, nil
	}
	return value, nil
}

func (p *planner) readMany(path *paths.Path, place paths.Place) ([]any, error) {
	var found []any
	err := path.Find(p.walk.Document, place, func(_ paths.Place, value any) {
		if value != nil {
			found = append(found, value)
		}
	})
	return found, err
}

// declared adds the caller's attributes as the policy set declares them; undeclared ones as Go has them.
func (p *planner) declared(namespace string, given map[string]any, sent attributes) error {
	types := p.m.declared[namespace]
	first := len(p.problems)
	for name, value := range given {
		kind, declared := types[name]
		if !declared {
			// A name that is declared can be sent.
			if err := checkName(name); err != nil {
				return err
			}
		}
		if value == nil {
			continue
		}
		var found *pdpv1.Value
		var err error
		if declared {
			found, err = p.values.Typed(value, kind)
		} else {
			found, err = p.values.Natural(value)
		}
		if err != nil {
			p.problem("attribute `" + namespace + "." + name + "`: " + err.Error())
			continue
		}
		sent[name] = found
	}
	slices.Sort(p.problems[first:])
	return nil
}
