// Package messagemap is about a message and its map: from them the questions to ask, and with the answers the masked
// copy.
//
// INVARIANT: of the message nothing but what the map declares as an attribute, a resource's type or its id gets into a
// question.
package messagemap

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/internal/paths"
	"jingxi.dev/client/internal/values"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Field is a dictionary field and the places that hold it.
type Field struct {
	Name  string
	Paths []paths.Path
	// only is where it is below the root when it has one path and that leads to one place: questions share it, and
	// nobody writes to it.
	only []paths.Place
}

// attribute is one that the message holds, with its declared type; one that cannot be taken from a message is refused.
type attribute struct {
	dotted, namespace, name string
	path                    paths.Path
	kind                    pdpv1.AttributeType
	refused                 bool
}

// Part is the fields and attributes of the message itself (Name empty) or of each item of one of its lists.
type Part struct {
	Name         string
	Path         paths.Path
	ResourceType string
	Fields       []Field

	// reference is how requests name the part's fields; they share it.
	reference  *pdpv1.MessageRef
	resourceID *paths.Path
	attributes []attribute
}

// Map is where fields and attributes sit in a message, with the declared types of all attributes.
type Map struct {
	Application string
	Name        string
	Parts       []*Part
	PolicyHash  string
	Revision    int64
	// Source is what the service sent.
	Source *pdpv1.GetMessageMapResponse

	types map[string]pdpv1.AttributeType
	// declared has the same types by namespace and name.
	declared map[string]map[string]pdpv1.AttributeType
	// application is the name of the application as an attribute; nil where that is not declared. Requests share it.
	application *pdpv1.Value
}

// FromResponse returns the map that the service sent.
func FromResponse(response *pdpv1.GetMessageMapResponse) (*Map, error) {
	source := response.GetMessageMap()
	found := &Map{
		Application: source.GetApplication(), Name: source.GetName(),
		PolicyHash: response.GetPolicyHash(), Revision: response.GetRevision(),
		Source: response, types: response.GetAttributeTypes(), declared: map[string]map[string]pdpv1.AttributeType{},
	}
	for dotted, kind := range found.types {
		namespace, name, _ := strings.Cut(dotted, ".")
		if found.declared[namespace] == nil {
			found.declared[namespace] = map[string]pdpv1.AttributeType{}
		}
		found.declared[namespace][name] = kind
	}
	if found.types["context.application"] != 0 {
		found.application = (*values.Slots)(nil).String(found.Application)
	}
	for _, own := range source.GetParts() {
		part, err := found.part(own)
		if err != nil {
			return nil, err
		}
		found.Parts = append(found.Parts, part)
	}
	return found, nil
}

func (m *Map) part(source *pdpv1.MessagePart) (*Part, error) {
	text := source.GetPath()
	if text == "" {
		text = "$"
	}
	path, err := paths.Parse(text)
	if err != nil {
		return nil, err
	}
	part := &Part{
		Name: source.GetName(), Path: path, ResourceType: source.GetResourceType(),
		reference: &pdpv1.MessageRef{Application: m.Application, Name: m.Name, Part: source.GetName()},
	}
	if source.GetResourceId() != "" {
		id, err := paths.Parse(source.GetResourceId())
		if err != nil {
			return nil, err
		}
		part.resourceID = &id
	}
	for _, own := range source.GetFields() {
		field := Field{Name: own.GetField()}
		for _, text := range own.GetPaths() {
			path, err := paths.Parse(text)
			if err != nil {
				return nil, err
			}
			field.Paths = append(field.Paths, path)
		}
		if len(field.Paths) == 1 && !field.Paths[0].Many() {
			field.only = []paths.Place{field.Paths[0].Fixed()}
		}
		part.Fields = append(part.Fields, field)
	}
	for _, own := range source.GetAttributes() {
		path, err := paths.Parse(own.GetPath())
		if err != nil {
			return nil, err
		}
		part.attributes = append(part.attributes, m.attribute(own.GetAttribute(), path))
	}
	return part, nil
}

// builtIn is what a request holds outside its attributes; a message may not speak about who asks and what for.
var builtIn = map[string]bool{
	"subject.id": true, "subject.roles": true, "action.name": true, "resource.type": true, "resource.id": true,
}

func (m *Map) attribute(dotted string, path paths.Path) attribute {
	found := attribute{dotted: dotted, path: path}
	found.namespace, found.name, _ = strings.Cut(dotted, ".")
	kind, declared := m.types[dotted]
	found.kind = kind
	switch found.namespace {
	case "subject", "action", "context", "resource":
		found.refused = builtIn[dotted] || !declared
	default:
		found.refused = true
	}
	return found
}

// AgreesWith says whether both ask and mask alike, whatever policy set they come from.
func (m *Map) AgreesWith(other *Map) bool {
	if m == other {
		return true
	}
	if len(m.types) != len(other.types) {
		return false
	}
	for name, kind := range m.types {
		if found, ok := other.types[name]; !ok || found != kind {
			return false
		}
	}
	return slices.EqualFunc(
		m.Source.GetMessageMap().GetParts(), other.Source.GetMessageMap().GetParts(),
		func(a, b *pdpv1.MessagePart) bool { return proto.Equal(a, b) },
	)
}
