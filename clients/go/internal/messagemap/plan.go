package messagemap

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/paths"
	"jingxi.dev/client/internal/values"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Caller is what the caller says about a question; attributes by name without the namespace.
type Caller struct {
	SubjectID          string
	Roles              []string
	SubjectAttributes  map[string]any
	Action             string
	ActionAttributes   map[string]any
	ResourceType       string
	ResourceID         string
	ResourceAttributes map[string]any
	Context            map[string]any
}

// Check refuses texts that cannot be sent.
func (c *Caller) Check() error {
	for _, own := range [...]struct{ name, value string }{
		{"subject.id", c.SubjectID}, {"action.name", c.Action}, {"resource.type", c.ResourceType}, {"resource.id", c.ResourceID},
	} {
		if err := values.Text(own.name, own.value); err != nil {
			return err
		}
	}
	for _, role := range c.Roles {
		if err := values.Text("subject.roles", role); err != nil {
			return err
		}
	}
	for _, attributes := range [...]map[string]any{c.SubjectAttributes, c.ActionAttributes, c.ResourceAttributes, c.Context} {
		for name := range attributes {
			if err := values.Text("the name of an attribute", name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Question is one resource of the message: its part, its place, what to ask about it, and where each field is.
type Question struct {
	Part     *Part
	Place    paths.Place
	Resource *pdpv1.Resource

	// absent says by the part's fields which ones the message does not have; places has those of the others, where they
	// are not the field's own.
	absent []bool
	places [][]paths.Place
}

// Fields are the part's, each with the places that hold it: none when the message does not have it.
func (q *Question) Fields() iter.Seq2[string, []paths.Place] {
	return func(yield func(string, []paths.Place) bool) {
		for i := range q.Part.Fields {
			own := &q.Part.Fields[i]
			var places []paths.Place
			switch {
			case q.absent[i]:
			case q.places != nil && q.places[i] != nil:
				places = q.places[i]
			default:
				places = own.only
			}
			if !yield(own.Name, places) {
				return
			}
		}
	}
}

// Reference returns how a request names the fields of the question.
func (m *Map) Reference(q *Question) *pdpv1.MessageRef {
	return &pdpv1.MessageRef{Application: m.Application, Name: m.Name, Part: q.Part.Name}
}

// Plan is all questions about a message and what they share. Problems tell, without values, what could not be sent.
type Plan struct {
	Map       *Map
	Subject   *pdpv1.Subject
	Action    *pdpv1.Action
	Context   map[string]*pdpv1.Value
	Questions []Question
	Problems  []string
}

type attributes = map[string]*pdpv1.Value

// planner builds a Plan. What the caller gives wins over what the message holds.
type planner struct {
	m                        *Map
	document                 any
	caller                   *Caller
	subject, action, context attributes
	problems                 []string
}

// NewPlan returns what to ask about a message.
func NewPlan(m *Map, document any, caller *Caller) (*Plan, error) {
	if err := caller.Check(); err != nil {
		return nil, err
	}
	p := &planner{m: m, document: document, caller: caller}
	p.subject = p.declared("subject", caller.SubjectAttributes)
	p.action = p.declared("action", caller.ActionAttributes)
	p.context = p.declared("context", caller.Context)
	questions, err := p.questions()
	if err != nil {
		return nil, err
	}
	// The map names the application anyway, and most scopes ask for it.
	if _, given := p.context["application"]; !given && m.types["context.application"] != 0 {
		p.context["application"] = values.String(m.Application)
	}
	return &Plan{
		Map:       m,
		Subject:   &pdpv1.Subject{Id: caller.SubjectID, Roles: caller.Roles, Attributes: p.subject},
		Action:    &pdpv1.Action{Name: caller.Action, Attributes: p.action},
		Context:   p.context,
		Questions: questions,
		Problems:  unique(p.problems),
	}, nil
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

func (p *planner) questions() ([]Question, error) {
	given := &pdpv1.Resource{
		Type: p.caller.ResourceType, Id: p.caller.ResourceID,
		Attributes: p.declared("resource", p.caller.ResourceAttributes),
	}
	var found []Question
	inherited := given
	for _, part := range p.m.Parts {
		if part.Name != "" {
			continue
		}
		resource, err := p.resource(part, nil, &pdpv1.Resource{})
		if err != nil {
			return nil, err
		}
		if err := p.attributes(part, nil, func(own *attribute, value *pdpv1.Value) {
			target := p.target(own, resource)
			if _, known := target[own.name]; !known {
				target[own.name] = value
			}
		}); err != nil {
			return nil, err
		}
		maps.Copy(resource.Attributes, given.Attributes)
		if given.Type != "" {
			resource.Type = given.Type
		}
		if given.Id != "" {
			resource.Id = given.Id
		}
		inherited = resource
		if len(part.Fields) > 0 {
			question, err := p.question(part, nil, resource)
			if err != nil {
				return nil, err
			}
			found = append(found, question)
		}
	}
	for _, part := range p.m.Parts {
		if part.Name != "" && len(part.Fields) > 0 {
			items, err := p.items(part, inherited)
			if err != nil {
				return nil, err
			}
			found = append(found, items...)
		}
	}
	return found, nil
}

// target returns the attributes of an attribute's namespace.
func (p *planner) target(own *attribute, resource *pdpv1.Resource) attributes {
	switch own.namespace {
	case "subject":
		return p.subject
	case "action":
		return p.action
	case "context":
		return p.context
	}
	return resource.Attributes
}

func (p *planner) items(part *Part, inherited *pdpv1.Resource) ([]Question, error) {
	var found []Question
	var failed error
	err := part.Path.Find(p.document, nil, func(place paths.Place, value any) {
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
			question, err := p.item(part, append(slices.Clip(place), paths.Item(i)), inherited)
			if err != nil {
				failed = err
				return
			}
			found = append(found, question)
		}
	})
	return found, errors.Join(err, failed)
}

func (p *planner) item(part *Part, place paths.Place, inherited *pdpv1.Resource) (Question, error) {
	resource, err := p.resource(part, place, inherited)
	if err != nil {
		return Question{}, err
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
		return Question{}, err
	}
	return p.question(part, place, resource)
}

// question finds the places before anything is asked, so that a message that does not fit is refused before anything is
// decided.
func (p *planner) question(part *Part, place paths.Place, resource *pdpv1.Resource) (Question, error) {
	found := Question{Part: part, Place: place, Resource: resource, absent: make([]bool, len(part.Fields))}
	walk := paths.Walk{Document: p.document}
	for i := range part.Fields {
		own := &part.Fields[i]
		if len(place) == 0 && own.only != nil {
			there, err := walk.Has(&own.Paths[0])
			if err != nil {
				return Question{}, err
			}
			found.absent[i] = !there
			continue
		}
		for j := range own.Paths {
			if err := own.Paths[j].Find(p.document, place, func(hit paths.Place, _ any) {
				if found.places == nil {
					found.places = make([][]paths.Place, len(part.Fields))
				}
				found.places[i] = append(found.places[i], hit)
			}); err != nil {
				return Question{}, err
			}
		}
		found.absent[i] = found.places == nil || found.places[i] == nil
	}
	return found, nil
}

// resource returns a part's resource: its type and id where the map has them, else the inherited ones.
func (p *planner) resource(part *Part, place paths.Place, inherited *pdpv1.Resource) (*pdpv1.Resource, error) {
	resource := &pdpv1.Resource{Type: inherited.Type, Id: inherited.Id, Attributes: maps.Clone(inherited.Attributes)}
	if resource.Attributes == nil {
		resource.Attributes = attributes{}
	}
	if part.ResourceType != "" {
		resource.Type = part.ResourceType
	}
	if part.resourceID != nil {
		value, err := p.read("resource.id", part.resourceID, place, pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING)
		if err != nil {
			return nil, err
		}
		// Without an id of its own an item must not pass for the message's resource.
		resource.Id = value.GetStringValue()
	}
	return resource, nil
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
		if _, given, _, err = path.Only(p.document, place); err != nil || given == nil {
			return nil, err
		}
	}
	value, err := values.Typed(given, kind)
	if err != nil {
		p.problem("attribute `" + name + "` at `" + path.String() + "`: " + err.Error())
		return nil, nil
	}
	return value, nil
}

func (p *planner) readMany(path *paths.Path, place paths.Place) ([]any, error) {
	var found []any
	err := path.Find(p.document, place, func(_ paths.Place, value any) {
		if value != nil {
			found = append(found, value)
		}
	})
	return found, err
}

// declared returns the caller's attributes as the policy set declares them; undeclared ones as Go has them.
func (p *planner) declared(namespace string, given map[string]any) attributes {
	found := make(attributes, len(given)+1)
	types := p.m.declared[namespace]
	first := len(p.problems)
	for name, value := range given {
		if value == nil {
			continue
		}
		var sent *pdpv1.Value
		var err error
		if kind, declared := types[name]; declared {
			sent, err = values.Typed(value, kind)
		} else {
			sent, err = values.Natural(value)
		}
		if err != nil {
			p.problem("attribute `" + namespace + "." + name + "`: " + err.Error())
			continue
		}
		found[name] = sent
	}
	slices.Sort(p.problems[first:])
	return found
}

// Size returns how many bytes a question takes in a batch.
func Size(item *pdpv1.BatchItem) int { return proto.Size(item) + 8 }
