package engine

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
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
	policy  int
	own     bool
	// names of the declared attributes that it reads, also through variables.
	names   []int
	granted bool
}

func (p *program) evaluate(a interpreter.Activation) ref.Val {
	value, _, err := p.planned.Eval(a)
	if err != nil || types.IsUnknownOrError(value) {
		return nil
	}
	return value
}

func (p *program) condition(a *activation) outcome {
	switch p.evaluate(&a.scopes[p.policy]) {
	case types.True:
		return isTrue
	case types.False:
		return isFalse
	}
	return isUndecided
}

// plan returns the program of a checked expression.
func (e *Engine) plan(env *cel.Env, source *pdpv1.Expression, known names) (*program, error) {
	checked := &expr.CheckedExpr{}
	if err := proto.Unmarshal(source.GetChecked(), checked); err != nil {
		return nil, fmt.Errorf("an expression cannot be decoded")
	}
	made := &program{policy: len(e.scopes)}
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
			made.own = true
		} else if slot, ok := e.slots[name]; ok {
			made.names = append(made.names, slot)
			made.granted = made.granted || strings.HasPrefix(name, "grant.")
		}
	}
	slices.Sort(made.names)
	made.names = slices.Compact(made.names)
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
