package engine

import (
	"cmp"
	"slices"

	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Most conditions compare an attribute with a constant, as scope clauses do, or what a map or the clock says. Those, and
// what `&&`, `||` and `!` make of them, are decided here without a turn through the CEL runtime; all others, and values
// that CEL treats in a way of its own, are left to it. The differential tests hold both to the same answers.

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

func (c *clauses) equals(left, right *expr.Expr) test {
	if left.GetConstExpr() != nil {
		left, right = right, left
	}
	if own, ok := c.operand(left); ok {
		if other, ok := c.operand(right); ok {
			return c.same(own, other)
		}
	}
	switch wanted := right.GetConstExpr().GetConstantKind().(type) {
	case *expr.Constant_StringValue:
		return among(c.textOf(left), []string{wanted.StringValue})
	case *expr.Constant_Int64Value:
		return among(c.wholeOf(left), []int64{wanted.Int64Value})
	case *expr.Constant_DoubleValue:
		return among(c.numberOf(left), []float64{wanted.DoubleValue})
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

// among returns the test that what is read is one of some constants.
func among[T comparable](own reading[T], wanted []T) test {
	if own.read == nil {
		return nil
	}
	if len(wanted) == 1 {
		only := wanted[0]
		return func(a *activation) outcome {
			found, ok := own.read(a)
			switch {
			case !ok:
				return own.from.otherwise(a)
			case found == only:
				return isTrue
			}
			return isFalse
		}
	}
	isWanted := oneOf(wanted)
	return func(a *activation) outcome {
		found, ok := own.read(a)
		switch {
		case !ok:
			return own.from.otherwise(a)
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
	switch bound := right.GetConstExpr().GetConstantKind().(type) {
	case *expr.Constant_Int64Value:
		return ordered(c.wholeOf(left), bound.Int64Value, turned, wanted)
	case *expr.Constant_DoubleValue:
		return ordered(c.numberOf(left), bound.DoubleValue, turned, wanted)
	}
	return nil
}

func ordered[T cmp.Ordered](own reading[T], bound T, turned int, wanted func(int) bool) test {
	if own.read == nil {
		return nil
	}
	return func(a *activation) outcome {
		found, ok := own.read(a)
		switch {
		case !ok:
			return own.from.otherwise(a)
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
	elements := list.GetListExpr().GetElements()
	if len(elements) == 0 || len(list.GetListExpr().GetOptionalIndices()) > 0 {
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
	case len(texts) == len(elements):
		return among(c.textOf(item), texts)
	case len(numbers) == len(elements):
		return among(c.wholeOf(item), numbers)
	}
	return nil
}
