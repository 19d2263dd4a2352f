package engine

import (
	"slices"
	"strconv"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

const mostDiagnostics = 32

func (d *decision) diagnose(code pdpv1.DiagnosticCode, subject, message string, attributes []string) {
	d.diagnostics = append(d.diagnostics, &pdpv1.Diagnostic{
		Code: code, Subject: subject, Message: message, Attributes: attributes,
	})
}

// undecidedRule is a rule and where what it lacks stands in decision.lacking.
type undecidedRule struct {
	rule       *rule
	start, end int
}

// addUndecided notes a rule that is undecided because its scope lacks these attributes, or its conditions some.
func (d *decision) addUndecided(rule *rule, lacking []int) {
	start := len(d.lacking)
	d.lacking = append(d.lacking, lacking...)
	for _, place := range rule.conditions {
		if d.results[place] != isUndecided {
			continue
		}
		for _, slot := range d.set.conditions[place].names {
			if d.lacks(slot) && d.set.attributes[slot].mayBeLacking {
				d.lacking = append(d.lacking, slot)
			}
		}
	}
	if last := len(d.undecided) - 1; last >= 0 && d.undecided[last].rule == rule {
		d.undecided[last].end = len(d.lacking)
	} else {
		d.undecided = append(d.undecided, undecidedRule{rule, start, len(d.lacking)})
	}
}

// undecidedSaid is what was said of a rule that was undecided because these attributes were lacking. Requests that lack
// the same ones share it, and most do.
type undecidedSaid struct {
	lacking    []int
	diagnostic *pdpv1.Diagnostic
}

func (d *decision) tellUndecided() {
	for _, own := range d.undecided {
		lacking := d.lacking[own.start:own.end]
		said := own.rule.undecided.Load()
		if said == nil || !slices.Equal(said.lacking, lacking) {
			var names []string
			for _, slot := range lacking {
				names = append(names, d.set.attributes[slot].name)
			}
			slices.Sort(names)
			said = &undecidedSaid{slices.Clone(lacking), &pdpv1.Diagnostic{
				Code: pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_UNDECIDED_RULE, Subject: own.rule.name,
				Message: "the rule could not be decided", Attributes: slices.Compact(names),
			}}
			own.rule.undecided.Store(said)
		}
		d.diagnostics = append(d.diagnostics, said.diagnostic)
	}
}

func (d *decision) boundDiagnostics() {
	if count := len(d.diagnostics); count > mostDiagnostics {
		d.diagnostics = d.diagnostics[:mostDiagnostics-1]
		d.diagnose(pdpv1.DiagnosticCode_DIAGNOSTIC_CODE_TRUNCATED, "",
			strconv.Itoa(count-mostDiagnostics+1)+" more diagnostics were left out", nil)
	}
}
