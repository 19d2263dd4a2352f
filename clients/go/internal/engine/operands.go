package engine

import (
	"math"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// operand is an attribute by its slot, or a variable of the policy as -1 - its place.
type operand struct{ place int }

func (c *clauses) operand(e *expr.Expr) (operand, bool) {
	name := c.references[e.GetId()].GetName()
	if e.GetIdentExpr() == nil || name == "" {
		return operand{}, false
	}
	place, ok := c.known[name]
	return operand{place}, ok
}

// isOf says whether an operand can only be of a type; what a variable gives is looked at when it is there.
func (c *clauses) isOf(o operand, kind pdpv1.AttributeType) bool {
	return o.place < 0 || c.set.attributes[o.place].kind == kind
}

// value returns the operand as CEL has it, nil where it is lacking or undecided.
func (o operand) value(a *activation) ref.Val {
	if o.place < 0 {
		return a.variable(-1 - o.place)
	}
	return a.value(o.place)
}

// otherwise is how a test comes out whose operand is not of the type that it looks for.
func (o operand) otherwise(a *activation) outcome {
	if o.place >= 0 && a.given[o.place] != nil || o.value(a) != nil {
		return unknown
	}
	return isUndecided
}

func (o operand) holds(a *activation) outcome {
	switch o.value(a) {
	case types.True:
		return isTrue
	case types.False:
		return isFalse
	}
	return o.otherwise(a)
}

func (o operand) text(a *activation) (string, bool) {
	if o.place >= 0 {
		if given, ok := a.given[o.place].GetKind().(*pdpv1.Value_StringValue); ok {
			return given.StringValue, true
		}
	}
	found, ok := o.value(a).(types.String)
	return string(found), ok
}

func (o operand) whole(a *activation) (int64, bool) {
	if o.place >= 0 {
		if given, ok := a.given[o.place].GetKind().(*pdpv1.Value_IntValue); ok {
			return given.IntValue, true
		}
	}
	found, ok := o.value(a).(types.Int)
	return int64(found), ok
}

// number returns a double that can be ordered; NaN is left to the CEL runtime.
func (o operand) number(a *activation) (float64, bool) {
	if o.place >= 0 {
		if given, ok := a.given[o.place].GetKind().(*pdpv1.Value_DoubleValue); ok {
			return given.DoubleValue, !math.IsNaN(given.DoubleValue)
		}
	}
	found, ok := o.value(a).(types.Double)
	return float64(found), ok && !math.IsNaN(float64(found))
}

// texts returns the items of a list of texts as the request has it.
func (o operand) texts(a *activation) ([]string, bool) {
	if o.place >= 0 {
		if given, ok := a.given[o.place].GetKind().(*pdpv1.Value_StringList); ok {
			return given.StringList.GetValues(), true
		}
	}
	return nil, false
}

// reading is how to read a value of a type from an operand: the operand itself, or what is found in it. It is empty
// where only the CEL runtime can.
type reading[T any] struct {
	from operand
	read func(*activation) (T, bool)
}

// textOf returns how to read a text: an attribute's, or an entry of a map of texts.
func (c *clauses) textOf(e *expr.Expr) reading[string] {
	if own, ok := c.operand(e); ok && c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING) {
		return reading[string]{own, own.text}
	}
	selected := e.GetSelectExpr()
	own, ok := c.operand(selected.GetOperand())
	if !ok || selected.GetTestOnly() || own.place < 0 || !c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_MAP) {
		return reading[string]{}
	}
	key := selected.GetField()
	return reading[string]{own, func(a *activation) (string, bool) {
		given, _ := a.given[own.place].GetKind().(*pdpv1.Value_StringMap)
		if given == nil {
			return "", false
		}
		found, there := given.StringMap.GetEntries()[key]
		return found, there
	}}
}

// wholeOf returns how to read a whole number: an attribute's, or a part of a time in a time zone.
func (c *clauses) wholeOf(e *expr.Expr) reading[int64] {
	if own, ok := c.operand(e); ok && c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_INT) {
		return reading[int64]{own, own.whole}
	}
	call := e.GetCallExpr()
	part, known := zonedParts[c.overload(e)]
	own, ok := c.operand(call.GetTarget())
	if !known || !ok || own.place < 0 || len(call.GetArgs()) != 1 {
		return reading[int64]{}
	}
	zone, ok := call.GetArgs()[0].GetConstExpr().GetConstantKind().(*expr.Constant_StringValue)
	if !ok {
		return reading[int64]{}
	}
	there, err := location(zone.StringValue)
	if err != nil {
		return reading[int64]{}
	}
	return reading[int64]{own, func(a *activation) (int64, bool) {
		if own.place == c.set.now && a.given[own.place] == nil {
			return int64(part.of(a.now.In(there))), true
		}
		found, ok := own.value(a).(types.Timestamp)
		if !ok {
			return 0, false
		}
		return int64(part.of(found.In(there))), true
	}}
}

// numberOf returns how to read a double.
func (c *clauses) numberOf(e *expr.Expr) reading[float64] {
	if own, ok := c.operand(e); ok && c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE) {
		return reading[float64]{own, own.number}
	}
	return reading[float64]{}
}
