package engine

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
	"google.golang.org/protobuf/proto"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// outcome is how a condition came out.
type outcome int8

const (
	unknown outcome = iota
	isTrue
	isFalse
	isUndecided
)

// program is a planned expression of a policy, by its place; own is whether it uses variables of that policy.
type program struct {
	planned cel.Program
	// test decides, and whole gives a whole number, without the CEL runtime; nil when it cannot.
	test  test
	whole func(*activation) (int64, bool)
	// strict says that any attribute that is lacking makes it undecided.
	strict bool
	policy int
	own    bool
	// names of the declared attributes that it reads, also through variables.
	names   []int
	granted bool
}

func (p *program) evaluate(a *activation) ref.Val {
	if p.strict && slices.ContainsFunc(p.names, a.lacks) {
		return nil // as the runtime would find out
	}
	value, _, err := p.planned.Eval(&a.scopes[p.policy])
	if err != nil || types.IsUnknownOrError(value) {
		return nil
	}
	return value
}

// value returns what a variable is, nil when it is undecided.
func (p *program) value(a *activation) ref.Val {
	if p.test != nil {
		switch p.test(a) {
		case isTrue:
			return types.True
		case isFalse:
			return types.False
		case isUndecided:
			return nil
		}
	}
	if p.whole != nil {
		if found, ok := p.whole(a); ok {
			return types.Int(found)
		}
	}
	return p.evaluate(a)
}

func (p *program) condition(a *activation) outcome {
	if p.test != nil {
		if found := p.test(a); found != unknown {
			return found
		}
	}
	switch p.evaluate(a) {
	case types.True:
		return isTrue
	case types.False:
		return isFalse
	}
	return isUndecided
}

// isLenient says whether what a function gives may be known although an argument is not; every macro has one of these.
func isLenient(overload string) bool {
	switch overload {
	case "logical_and", "logical_or", "conditional", "not_strictly_false", "add_list":
		return true
	}
	return false
}

// plan returns the program of a checked expression.
func (e *Engine) plan(env *cel.Env, source *pdpv1.Expression, known names) (*program, error) {
	checked := &expr.CheckedExpr{}
	if err := proto.Unmarshal(source.GetChecked(), checked); err != nil {
		return nil, fmt.Errorf("an expression cannot be decoded")
	}
	made := &program{policy: len(e.scopes), strict: true}
	for _, reference := range checked.GetReferenceMap() {
		name := reference.GetName()
		if strings.HasPrefix(name, variablePrefix) {
			place, ok := known[name]
			if !ok {
				return nil, fmt.Errorf("variable `%s` is not there", name)
			}
			below := e.variables[-1-place]
			made.names = append(made.names, below.names...)
			made.granted = made.granted || below.granted
			made.own, made.strict = true, false
		} else if slot, ok := e.slots[name]; ok {
			made.names = append(made.names, slot)
			made.granted = made.granted || strings.HasPrefix(name, "grant.")
			// What the time and grants are is always known.
			made.strict = made.strict && e.attributes[slot].mayBeLacking
		}
		made.strict = made.strict && !slices.ContainsFunc(reference.GetOverloadId(), isLenient)
	}
	slices.Sort(made.names)
	made.names = slices.Compact(made.names)
	shapes := clauses{e, known, checked.GetReferenceMap()}
	made.test, made.whole = shapes.test(checked.GetExpr()), shapes.wholeOf(checked.GetExpr()).read
	ast := cel.CheckedExprToAst(checked)
	var err error
	if !hasEmptyList(checked.GetExpr()) {
		made.planned, err = env.Program(ast, cel.EvalOptions(cel.OptOptimize))
	}
	// What cannot be folded ahead errs when it is evaluated, and then its rule is undecided.
	if made.planned == nil || err != nil {
		made.planned, err = env.Program(ast)
	}
	return made, err
}

// hasEmptyList says whether an expression holds `[]`: cel-go folds `x in []` to false even where x is lacking, and the
// service leaves that undecided.
func hasEmptyList(e *expr.Expr) bool {
	switch own := e.GetExprKind().(type) {
	case *expr.Expr_ListExpr:
		return len(own.ListExpr.GetElements()) == 0 || slices.ContainsFunc(own.ListExpr.GetElements(), hasEmptyList)
	case *expr.Expr_SelectExpr:
		return hasEmptyList(own.SelectExpr.GetOperand())
	case *expr.Expr_CallExpr:
		return hasEmptyList(own.CallExpr.GetTarget()) || slices.ContainsFunc(own.CallExpr.GetArgs(), hasEmptyList)
	case *expr.Expr_StructExpr:
		return slices.ContainsFunc(own.StructExpr.GetEntries(), func(entry *expr.Expr_CreateStruct_Entry) bool {
			return hasEmptyList(entry.GetValue())
		})
	case *expr.Expr_ComprehensionExpr:
		c := own.ComprehensionExpr
		return slices.ContainsFunc([]*expr.Expr{c.GetIterRange(), c.GetLoopCondition(), c.GetLoopStep(), c.GetResult()}, hasEmptyList)
	}
	return false
}
