// Package paths has the JSON paths of message maps: `$`, then `.name`, `['any name']` or `[*]`.
//
// A path finds places; a place is the names and indices that lead to a value. What is absent is not found. What is
// there and of another kind than the path expects (a text where an object should be) is a fault.MessageMismatch,
// because data would otherwise slip past the map unmasked.
package paths

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"jingxi.dev/client/fault"
)

// Key is a step of a place: a member's name, or an item's index when Index is not below 0.
type Key struct {
	Name  string
	Index int
}

// Member returns the key of a member.
func Member(name string) Key { return Key{name, -1} }

// Item returns the key of a list's item.
func Item(index int) Key { return Key{"", index} }

// Place leads from the root of a document to a value.
type Place []Key

type step struct {
	name  string
	every bool
}

// Path is a path: its text and its steps.
type Path struct {
	text  string
	steps []step
	many  bool
	// fixed is the one place below the root that a path without `[*]` leads to; above tells paths with the same steps but
	// the last.
	fixed Place
	above string
}

// String returns the path as written.
func (p *Path) String() string { return p.text }

// Many says whether the path may lead to several places.
func (p *Path) Many() bool { return p.many }

// Parse returns the path that a text writes.
func Parse(text string) (Path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return Path{}, fault.New(fault.Path, "path `%s` does not begin with `$`", text)
	}
	path := Path{text: text}
	for rest != "" {
		found, size := parseStep(rest)
		if size == 0 {
			at := utf8.RuneCountInString(text[:len(text)-len(rest)]) + 1
			return Path{}, fault.New(fault.Path,
				"path `%s` cannot be read at character %d; use `.name`, `['any name']` or `[*]`", text, at)
		}
		path.steps = append(path.steps, found)
		path.many = path.many || found.every
		rest = rest[size:]
	}
	if !path.many {
		path.fixed = make(Place, len(path.steps))
		for i, own := range path.steps {
			path.fixed[i] = Member(own.name)
			if i < len(path.steps)-1 {
				// With their sizes, because names may hold any character.
				path.above += strconv.Itoa(len(own.name)) + ":" + own.name
			}
		}
	}
	return path, nil
}

// parseStep returns the step at the start of a text and its size, 0 when there is none.
func parseStep(text string) (step, int) {
	switch {
	case strings.HasPrefix(text, "[*]"):
		return step{every: true}, 3
	case strings.HasPrefix(text, "['"):
		return parseQuoted(text)
	case text[0] != '.':
		return step{}, 0
	}
	end := 1
	for end < len(text) {
		ch, size := utf8.DecodeRuneInString(text[end:])
		letter := 'A' <= ch && ch <= 'Z' || 'a' <= ch && ch <= 'z' || ch == '_' ||
			ch >= 0x80 && (ch != utf8.RuneError || size > 1)
		if !letter && (end == 1 || ch != '-' && (ch < '0' || ch > '9')) {
			break
		}
		end += size
	}
	if end == 1 {
		return step{}, 0
	}
	return step{name: text[1:end]}, end
}

func parseQuoted(text string) (step, int) {
	var name strings.Builder
	for i := 2; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
			if i == len(text) || text[i] != '\'' && text[i] != '\\' {
				return step{}, 0
			}
			name.WriteByte(text[i])
		case '\'':
			if name.Len() == 0 || !strings.HasPrefix(text[i:], "']") || !utf8.ValidString(name.String()) {
				return step{}, 0
			}
			return step{name: name.String()}, i + 2
		default:
			name.WriteByte(text[i])
		}
	}
	return step{}, 0
}

// Find calls visit with every place below start that the path leads to, in the document's order, and the value there.
// A place that holds null is found; nothing is found below it. The place may be kept and must not be written to.
func (p *Path) Find(document any, start Place, visit func(Place, any)) error {
	if !p.many {
		place, value, there, err := p.Only(document, start)
		if there {
			visit(place, value)
		}
		return err
	}
	return p.follow(Get(document, start), slices.Clip(start), p.steps, visit)
}

// Only is Find for a path that does not lead to several places.
func (p *Path) Only(document any, start Place) (place Place, value any, there bool, err error) {
	value = Get(document, start)
	for i := range p.steps {
		if value == nil {
			return nil, nil, false, nil
		}
		members, ok := value.(map[string]any)
		if !ok {
			return nil, nil, false, fault.New(fault.MessageMismatch, "path `%s` expects an object at `%s`", p.text, p.below(start, i))
		}
		if value, ok = members[p.steps[i].name]; !ok {
			return nil, nil, false, nil
		}
	}
	return p.below(start, len(p.fixed)), value, true, nil
}

// Fixed returns the one place below the root that a path that is not Many leads to. It must not be written to.
func (p *Path) Fixed() Place { return p.fixed }

// Walk looks for many paths in one document; those that follow each other often lead into the same object.
type Walk struct {
	Document any

	above  string
	holder map[string]any
}

// Has says whether a path that is not Many finds something below the root.
func (w *Walk) Has(p *Path) (bool, error) {
	if len(p.steps) == 0 {
		return true, nil
	}
	holder, err := w.into(p)
	_, there := holder[p.steps[len(p.steps)-1].name]
	return there, err
}

// Get returns the value that a path which is not Many leads to; nil when nothing is there.
func (w *Walk) Get(p *Path) (any, error) {
	if len(p.steps) == 0 {
		return w.Document, nil
	}
	holder, err := w.into(p)
	return holder[p.steps[len(p.steps)-1].name], err
}

// Holder returns the object that a path which is not Many leads into, and the name of the member there; nil for none.
func (w *Walk) Holder(p *Path) (map[string]any, string) {
	if len(p.steps) == 0 {
		return nil, ""
	}
	holder, err := w.into(p)
	if err != nil {
		return nil, ""
	}
	return holder, p.steps[len(p.steps)-1].name
}

// into returns the object that holds what a path with steps leads to; nil for none.
func (w *Walk) into(p *Path) (map[string]any, error) {
	if w.holder != nil && w.above == p.above {
		return w.holder, nil
	}
	value := w.Document
	last := len(p.steps) - 1
	for i := range p.steps {
		if value == nil {
			return nil, nil
		}
		members, ok := value.(map[string]any)
		if !ok {
			return nil, fault.New(fault.MessageMismatch, "path `%s` expects an object at `%s`", p.text, p.below(nil, i))
		}
		if i == last {
			w.above, w.holder = p.above, members
			break
		}
		value = members[p.steps[i].name]
	}
	return w.holder, nil
}

// below returns the place that the first steps lead to.
func (p *Path) below(start Place, steps int) Place {
	if len(start) == 0 {
		return p.fixed[:steps:steps]
	}
	return append(append(make(Place, 0, len(start)+steps), start...), p.fixed[:steps]...)
}

func (p *Path) follow(value any, place Place, steps []step, visit func(Place, any)) error {
	if len(steps) == 0 {
		visit(slices.Clone(place), value)
		return nil
	}
	if value == nil {
		return nil
	}
	next := steps[0]
	if next.every {
		items, ok := value.([]any)
		if !ok {
			return fault.New(fault.MessageMismatch, "path `%s` expects a list at `%s`", p.text, place)
		}
		for i, item := range items {
			if err := p.follow(item, append(place, Item(i)), steps[1:], visit); err != nil {
				return err
			}
		}
		return nil
	}
	members, ok := value.(map[string]any)
	if !ok {
		return fault.New(fault.MessageMismatch, "path `%s` expects an object at `%s`", p.text, place)
	}
	found, ok := members[next.name]
	if !ok {
		return nil
	}
	return p.follow(found, append(place, Member(next.name)), steps[1:], visit)
}

// Get returns the value at a place; nil when something on the way is gone.
func Get(document any, place Place) any {
	value := document
	for i := range place {
		key := &place[i]
		switch holder := value.(type) {
		case map[string]any:
			if key.Index >= 0 {
				return nil
			}
			value = holder[key.Name]
		case []any:
			if key.Index < 0 || key.Index >= len(holder) {
				return nil
			}
			value = holder[key.Index]
		default:
			return nil
		}
	}
	return value
}

// Replace puts a value at a place that exists, in the document itself, and returns the document (the value at the root).
func Replace(document any, place Place, value any) any {
	if len(place) == 0 {
		return value
	}
	last := place[len(place)-1]
	switch holder := Get(document, place[:len(place)-1]).(type) {
	case map[string]any:
		holder[last.Name] = value
	case []any:
		holder[last.Index] = value
	}
	return document
}

// Remove takes places out of the document itself and returns it; nil when the root is among them. List items go from
// the last to the first, so that the places of the others stay true. What is gone is fine.
func Remove(document any, places []Place) any {
	sorted := slices.Clone(places)
	slices.SortFunc(sorted, func(a, b Place) int { return slices.CompareFunc(b, a, compareKeys) })
	for i, place := range sorted {
		if len(place) == 0 {
			return nil
		}
		if i > 0 && slices.Equal(place, sorted[i-1]) {
			continue
		}
		above, last := place[:len(place)-1], place[len(place)-1]
		switch holder := Get(document, above).(type) {
		case map[string]any:
			delete(holder, last.Name)
		case []any:
			if last.Index >= 0 && last.Index < len(holder) {
				document = Replace(document, above, slices.Delete(holder, last.Index, last.Index+1))
			}
		}
	}
	return document
}

func compareKeys(a, b Key) int {
	if a.Index != b.Index {
		return a.Index - b.Index
	}
	return strings.Compare(a.Name, b.Name)
}

// String returns a place as people write it, such as `$.accounts[2].no`.
func (p Place) String() string {
	var out strings.Builder
	out.WriteByte('$')
	for _, key := range p {
		if key.Index >= 0 {
			out.WriteString("[" + strconv.Itoa(key.Index) + "]")
		} else {
			out.WriteString("." + key.Name)
		}
	}
	return out.String()
}
