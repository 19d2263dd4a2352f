package engine

import (
	"cmp"
	"math"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Most conditions compare an attribute with a constant, as scope clauses do. Those, and what `&&`, `||` and `!` make of
// them, are decided here without a turn through the CEL runtime; all others, and values that CEL treats in a way of its
// own, are left to it. The differential tests hold both to the same answers.

// test decides a condition; it returns unknown where only the CEL runtime can.
type test func(a *activation) outcome

// clauses makes tests of the checked expressions of one policy.
type clauses struct {
	set        *Engine
	known      names
	references map[int64]*expr.Reference
}

// test returns the test of an expression; nil when it is of another shape.
func (c *clauses) test(e *expr.Expr) test {
	if operand, ok := c.operand(e); ok {
		return operand.holds
	}
	if selected := e.GetSelectExpr(); selected.GetTestOnly() {
		return c.has(selected)
	}
	call := e.GetCallExpr()
	if call == nil || call.GetTarget() != nil {
		return nil
	}
	args := call.GetArgs()
	switch c.overload(e) {
	case "logical_not":
		if inner := c.test(args[0]); inner != nil {
			return func(a *activation) outcome { return inner(a).not() }
		}
	case "logical_and":
		return joined(c.test(args[0]), c.test(args[1]), isFalse)
	case "logical_or":
		return joined(c.test(args[0]), c.test(args[1]), isTrue)
	case "equals":
		return c.equals(args[0], args[1])
	case "not_equals":
		if inner := c.equals(args[0], args[1]); inner != nil {
			return func(a *activation) outcome { return inner(a).not() }
		}
	case "less_int64", "less_double":
		return c.compares(args, func(sign int) bool { return sign < 0 })
	case "less_equals_int64", "less_equals_double":
		return c.compares(args, func(sign int) bool { return sign <= 0 })
	case "greater_int64", "greater_double":
		return c.compares(args, func(sign int) bool { return sign > 0 })
	case "greater_equals_int64", "greater_equals_double":
		return c.compares(args, func(sign int) bool { return sign >= 0 })
	case "in_list":
		return c.in(args[0], args[1])
	}
	return nil
}

// overload returns the one that a call stands for; empty when the types leave several.
func (c *clauses) overload(e *expr.Expr) string {
	if found := c.references[e.GetId()].GetOverloadId(); len(found) == 1 {
		return found[0]
	}
	return ""
}

func (o outcome) not() outcome {
	switch o {
	case isTrue:
		return isFalse
	case isFalse:
		return isTrue
	}
	return o
}

// joined returns `&&` (ending isFalse) or `||` (ending isTrue) of two tests: one that ends decides even where the other
// cannot be decided.
func joined(left, right test, ending outcome) test {
	if left == nil || right == nil {
		return nil
	}
	return func(a *activation) outcome {
		first := left(a)
		if first == ending {
			return ending
		}
		switch second := right(a); {
		case second == ending:
			return ending
		case first == unknown || second == unknown:
			return unknown
		case first == isUndecided || second == isUndecided:
			return isUndecided
		}
		return ending.not()
	}
}

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
	if o.value(a) == nil {
		return isUndecided
	}
	return unknown
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

func (c *clauses) equals(left, right *expr.Expr) test {
	if left.GetConstExpr() != nil {
		left, right = right, left
	}
	own, ok := c.operand(left)
	if !ok {
		return nil
	}
	if other, ok := c.operand(right); ok {
		return c.same(own, other)
	}
	switch wanted := right.GetConstExpr().GetConstantKind().(type) {
	case *expr.Constant_StringValue:
		if c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING) {
			return among(own, operand.text, []string{wanted.StringValue})
		}
	case *expr.Constant_Int64Value:
		if c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_INT) {
			return among(own, operand.whole, []int64{wanted.Int64Value})
		}
	case *expr.Constant_DoubleValue:
		if c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE) {
			return among(own, operand.number, []float64{wanted.DoubleValue})
		}
	}
	return nil
}

// same returns the test that two attributes hold the same text.
func (c *clauses) same(left, right operand) test {
	const text = pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING
	if !c.isOf(left, text) || !c.isOf(right, text) {
		return nil
	}
	return func(a *activation) outcome {
		first, ok := left.text(a)
		second, alsoOk := right.text(a)
		switch {
		case !ok || !alsoOk:
			return max(left.otherwise(a), right.otherwise(a))
		case first == second:
			return isTrue
		}
		return isFalse
	}
}

// has returns the test that a map of texts has a key.
func (c *clauses) has(selected *expr.Expr_Select) test {
	own, ok := c.operand(selected.GetOperand())
	if !ok || own.place < 0 || !c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_MAP) {
		return nil
	}
	key := selected.GetField()
	return func(a *activation) outcome {
		given, ok := a.given[own.place].GetKind().(*pdpv1.Value_StringMap)
		if !ok {
			return own.otherwise(a)
		}
		if _, there := given.StringMap.GetEntries()[key]; there {
			return isTrue
		}
		return isFalse
	}
}

// among returns the test that an operand is one of some constants.
func among[T comparable](own operand, read func(operand, *activation) (T, bool), wanted []T) test {
	isWanted := oneOf(wanted)
	return func(a *activation) outcome {
		found, ok := read(own, a)
		switch {
		case !ok:
			return own.otherwise(a)
		case isWanted(found):
			return isTrue
		}
		return isFalse
	}
}

// oneOf returns a function that says whether something is one of some constants.
func oneOf[T comparable](wanted []T) func(T) bool {
	const few = 8
	if len(wanted) <= few {
		return func(found T) bool { return slices.Contains(wanted, found) }
	}
	all := make(map[T]bool, len(wanted))
	for _, own := range wanted {
		all[own] = true
	}
	return func(found T) bool { return all[found] }
}

// compares returns the test that an operand stands to a constant as the sign of their comparison says.
func (c *clauses) compares(args []*expr.Expr, wanted func(sign int) bool) test {
	left, right, turned := args[0], args[1], 1
	if left.GetConstExpr() != nil {
		left, right, turned = right, left, -1
	}
	own, ok := c.operand(left)
	if !ok || right.GetConstExpr() == nil {
		return nil
	}
	switch bound := right.GetConstExpr().GetConstantKind().(type) {
	case *expr.Constant_Int64Value:
		if c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_INT) {
			return ordered(own, operand.whole, bound.Int64Value, turned, wanted)
		}
	case *expr.Constant_DoubleValue:
		if c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE) {
			return ordered(own, operand.number, bound.DoubleValue, turned, wanted)
		}
	}
	return nil
}

func ordered[T cmp.Ordered](
	own operand, read func(operand, *activation) (T, bool), bound T, turned int, wanted func(int) bool,
) test {
	return func(a *activation) outcome {
		found, ok := read(own, a)
		switch {
		case !ok:
			return own.otherwise(a)
		case wanted(turned * cmp.Compare(found, bound)):
			return isTrue
		}
		return isFalse
	}
}

// in returns the test of an operand in a list of constants, or of a constant in a list of texts.
func (c *clauses) in(item, list *expr.Expr) test {
	if wanted, ok := item.GetConstExpr().GetConstantKind().(*expr.Constant_StringValue); ok {
		own, ok := c.operand(list)
		if !ok || own.place < 0 || !c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_LIST) {
			return nil
		}
		return func(a *activation) outcome {
			found, ok := own.texts(a)
			switch {
			case !ok:
				return own.otherwise(a)
			case slices.Contains(found, wanted.StringValue):
				return isTrue
			}
			return isFalse
		}
	}
	own, ok := c.operand(item)
	elements := list.GetListExpr().GetElements()
	if !ok || len(elements) == 0 || len(list.GetListExpr().GetOptionalIndices()) > 0 {
		return nil
	}
	var texts []string
	var numbers []int64
	for _, element := range elements {
		switch wanted := element.GetConstExpr().GetConstantKind().(type) {
		case *expr.Constant_StringValue:
			texts = append(texts, wanted.StringValue)
		case *expr.Constant_Int64Value:
			numbers = append(numbers, wanted.Int64Value)
		}
	}
	switch {
	case len(texts) == len(elements) && c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING):
		return among(own, operand.text, texts)
	case len(numbers) == len(elements) && c.isOf(own, pdpv1.AttributeType_ATTRIBUTE_TYPE_INT):
		return among(own, operand.whole, numbers)
	}
	return nil
}
