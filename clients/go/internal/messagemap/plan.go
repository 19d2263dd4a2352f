package messagemap

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/paths"
	"jingxi.dev/client/internal/values"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// builtIn is what a request holds outside its attributes; a message may not speak about who asks and what for.
var builtIn = map[string]bool{
	"subject.id": true, "subject.roles": true, "action.name": true, "resource.type": true, "resource.id": true,
}

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
	texts := []error{
		values.Text("subject.id", c.SubjectID), values.Text("action.name", c.Action),
		values.Text("resource.type", c.ResourceType), values.Text("resource.id", c.ResourceID),
	}
	for _, role := range c.Roles {
		texts = append(texts, values.Text("subject.roles", role))
	}
	for _, attributes := range []map[string]any{c.SubjectAttributes, c.ActionAttributes, c.ResourceAttributes, c.Context} {
		for name := range attributes {
			texts = append(texts, values.Text("the name of an attribute", name))
		}
	}
	for _, err := range texts {
		if err != nil {
			return err
		}
	}
	return nil
}

// FieldPlaces are the places that hold a field.
type FieldPlaces struct {
	Name   string
	Places []paths.Place
}

// Question is one resource of the message: its part, its place, what to ask about it, and where each field is.
type Question struct {
	Part     *Part
	Place    paths.Place
	Resource *pdpv1.Resource
	Fields   []FieldPlaces
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
	m        *Map
	document any
	caller   *Caller
	shared   map[string]attributes
	problems []string
}

// NewPlan returns what to ask about a message.
func NewPlan(m *Map, document any, caller *Caller) (*Plan, error) {
	if err := caller.Check(); err != nil {
		return nil, err
	}
	p := &planner{m: m, document: document, caller: caller}
	p.shared = map[string]attributes{
		"subject": p.declared("subject", caller.SubjectAttributes),
		"action":  p.declared("action", caller.ActionAttributes),
		"context": p.declared("context", caller.Context),
	}
	questions, err := p.questions()
	if err != nil {
		return nil, err
	}
	// The map names the application anyway, and most scopes ask for it.
	context := p.shared["context"]
	if _, given := context["application"]; !given && m.types["context.application"] != 0 {
		context["application"] = &pdpv1.Value{Kind: &pdpv1.Value_StringValue{StringValue: m.Application}}
	}
	return &Plan{
		Map:       m,
		Subject:   &pdpv1.Subject{Id: caller.SubjectID, Roles: caller.Roles, Attributes: p.shared["subject"]},
		Action:    &pdpv1.Action{Name: caller.Action, Attributes: p.shared["action"]},
		Context:   context,
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
		if err := p.attributes(part, nil, func(namespace, name string, value *pdpv1.Value) {
			target := resource.Attributes
			if namespace != "resource" {
				target = p.shared[namespace]
			}
			if _, known := target[name]; !known {
				target[name] = value
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

func (p *planner) items(part *Part, inherited *pdpv1.Resource) ([]Question, error) {
	var found []Question
	var failed error
	err := part.Path.Find(p.document, nil, func(place paths.Place, value any) {
		if value == nil || failed != nil {
			return
		}
		items, ok := value.([]any)
		if !ok {
			failed = fault.New(fault.MessageMismatch, "path `%s` expects a list at `%s`", part.Path, place)
			return
		}
		for i, item := range items {
			if item == nil {
				continue
			}
			question, err := p.item(part, append(slices.Clone(place), paths.Item(i)), inherited)
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
	for _, own := range part.attributes {
		// An account without a balance must not be judged by its customer's.
		delete(resource.Attributes, strings.TrimPrefix(own.name, "resource."))
	}
	if err := p.attributes(part, place, func(namespace, name string, value *pdpv1.Value) {
		if namespace == "resource" {
			resource.Attributes[name] = value
		} else {
			p.problem("attribute `" + namespace + "." + name + "` of list `" + part.Name + "` is not of the resource")
		}
	}); err != nil {
		return Question{}, err
	}
	return p.question(part, place, resource)
}

// question finds the places before anything is asked, so that a message that does not fit is refused before anything is
// decided.
func (p *planner) question(part *Part, place paths.Place, resource *pdpv1.Resource) (Question, error) {
	fields := make([]FieldPlaces, len(part.Fields))
	for i, own := range part.Fields {
		fields[i].Name = own.Name
		for _, path := range own.Paths {
			if err := path.Find(p.document, place, func(hit paths.Place, _ any) {
				fields[i].Places = append(fields[i].Places, slices.Clone(hit))
			}); err != nil {
				return Question{}, err
			}
		}
	}
	return Question{part, place, resource, fields}, nil
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
		value, err := p.read("resource.id", *part.resourceID, place, pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING)
		if err != nil {
			return nil, err
		}
		// Without an id of its own an item must not pass for the message's resource.
		resource.Id = value.GetStringValue()
	}
	return resource, nil
}

func (p *planner) attributes(part *Part, place paths.Place, put func(string, string, *pdpv1.Value)) error {
	for _, own := range part.attributes {
		namespace, name, _ := strings.Cut(own.name, ".")
		kind, declared := p.m.types[own.name]
		_, shared := p.shared[namespace]
		if builtIn[own.name] || !declared || namespace != "resource" && !shared {
			p.problem("attribute `" + own.name + "` cannot be taken from a message")
			continue
		}
		value, err := p.read(own.name, own.path, place, kind)
		if err != nil {
			return err
		}
		if value != nil {
			put(namespace, name, value)
		}
	}
	return nil
}

func (p *planner) read(name string, path paths.Path, place paths.Place, kind pdpv1.AttributeType) (*pdpv1.Value, error) {
	var found []any
	if err := path.Find(p.document, place, func(_ paths.Place, value any) {
		if value != nil {
			found = append(found, value)
		}
	}); err != nil || len(found) == 0 {
		return nil, err
	}
	if path.Many() && !values.IsListType(kind) {
		p.problem("attribute `" + name + "` at `" + path.String() + "` has many values and is no list")
		return nil, nil
	}
	var given any = found
	if !path.Many() {
		given = found[0]
	}
	value, err := values.Typed(given, kind)
	if err != nil {
		p.problem("attribute `" + name + "` at `" + path.String() + "`: " + err.Error())
		return nil, nil
	}
	return value, nil
}

// declared returns the caller's attributes as the policy set declares them; undeclared ones as Go has them.
func (p *planner) declared(namespace string, given map[string]any) attributes {
	found := make(attributes, len(given)+4)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value := given[name]
		if value == nil {
			continue
		}
		dotted := namespace + "." + name
		var sent *pdpv1.Value
		var err error
		if kind, declared := p.m.types[dotted]; declared {
			sent, err = values.Typed(value, kind)
		} else {
			sent, err = values.Natural(value)
		}
		if err != nil {
			p.problem("attribute `" + dotted + "`: " + err.Error())
			continue
		}
		found[name] = sent
	}
	return found
}

// Size returns how many bytes a question takes in a batch.
func Size(item *pdpv1.BatchItem) int { return proto.Size(item) + 8 }
