package values

import (
	"jingxi.dev/client/fault"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Slots is memory for values that are gone together. A nil one gives each value memory of its own. It is not safe for
// concurrent use.
type Slots struct {
	slots []slot
	used  int
}

// slot is one piece of memory for a value of any of the common types.
type slot struct {
	value  pdpv1.Value
	text   pdpv1.Value_StringValue
	whole  pdpv1.Value_IntValue
	double pdpv1.Value_DoubleValue
	truth  pdpv1.Value_BoolValue
}

// Slots are taken so many at a time, and twice as many whenever those were not enough.
const (
	fewestSlots = 8
	mostSlots   = 128
)

func (s *Slots) next() *slot {
	if s == nil {
		return &slot{}
	}
	if s.used == len(s.slots) {
		// Who holds values of the full ones keeps those alive.
		s.slots, s.used = make([]slot, min(max(fewestSlots, 2*len(s.slots)), mostSlots)), 0
	}
	s.used++
	return &s.slots[s.used-1]
}

// Clear forgets all values; nobody may use them any more.
func (s *Slots) Clear() {
	clear(s.slots[:s.used])
	s.used = 0
}

// String returns a text to be sent.
func (s *Slots) String(text string) *pdpv1.Value {
	made := s.next()
	made.text.StringValue = text
	made.value.Kind = &made.text
	return &made.value
}

// Natural returns a Go value as its own type says.
func (s *Slots) Natural(value any) (*pdpv1.Value, error) {
	kind := naturalType(value)
	if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_UNSPECIFIED {
		return nil, fault.New(fault.AttributeValue, "a value of Go type `%T` cannot be sent", value)
	}
	return s.Typed(value, kind)
}

// Typed returns a Go or JSON value as a declared type. Its error never quotes the value.
func (s *Slots) Typed(value any, kind pdpv1.AttributeType) (*pdpv1.Value, error) {
	switch kind {
	case pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING:
		found, err := asString(value)
		if err != nil {
			return nil, err
		}
		return s.String(found), nil
	case pdpv1.AttributeType_ATTRIBUTE_TYPE_INT:
		found, err := asInt(value)
		if err != nil {
			return nil, err
		}
		made := s.next()
		made.whole.IntValue = found
		made.value.Kind = &made.whole
		return &made.value, nil
	case pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE:
		found, err := asDouble(value)
		if err != nil {
			return nil, err
		}
		made := s.next()
		made.double.DoubleValue = found
		made.value.Kind = &made.double
		return &made.value, nil
	case pdpv1.AttributeType_ATTRIBUTE_TYPE_BOOL:
		found, err := asBool(value)
		if err != nil {
			return nil, err
		}
		made := s.next()
		made.truth.BoolValue = found
		made.value.Kind = &made.truth
		return &made.value, nil
	}
	return rare(value, kind)
}
