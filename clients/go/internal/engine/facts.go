package engine

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Bounds of times: the years 1 to 9999, and 64 bits of nanoseconds.
const (
	timestampMin = -62_135_596_800
	timestampMax = 253_402_300_799
	nanos        = 1_000_000_000
)

var int64Min, int64Max = big.NewInt(-1 << 63), big.NewInt(1<<63 - 1)

// fits says whether a Value is of a type and within its bounds.
func fits(value *pdpv1.Value, kind pdpv1.AttributeType) bool {
	switch value.GetKind().(type) {
	case *pdpv1.Value_StringValue:
		return kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING
	case *pdpv1.Value_IntValue:
		return kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_INT
	case *pdpv1.Value_DoubleValue:
		return kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE
	case *pdpv1.Value_BoolValue:
		return kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_BOOL
	case *pdpv1.Value_StringList:
		return kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_LIST
	case *pdpv1.Value_StringMap:
		return kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_MAP
	}
	return celValue(value, kind) != nil
}

// celValue returns what a Value stands for in conditions; nil when it is of another type, or out of its bounds.
func celValue(value *pdpv1.Value, kind pdpv1.AttributeType) ref.Val {
	switch held := value.GetKind().(type) {
	case *pdpv1.Value_StringValue:
		if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING {
			return types.String(held.StringValue)
		}
	case *pdpv1.Value_IntValue:
		if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_INT {
			return types.Int(held.IntValue)
		}
	case *pdpv1.Value_DoubleValue:
		if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE {
			return types.Double(held.DoubleValue)
		}
	case *pdpv1.Value_BoolValue:
		if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_BOOL {
			return types.Bool(held.BoolValue)
		}
	case *pdpv1.Value_TimestampValue:
		seconds, fraction := held.TimestampValue.GetSeconds(), held.TimestampValue.GetNanos()
		if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_TIMESTAMP && 0 <= fraction && fraction < nanos &&
			timestampMin <= seconds && seconds <= timestampMax {
			return types.Timestamp{Time: time.Unix(seconds, int64(fraction)).UTC()}
		}
	case *pdpv1.Value_DurationValue:
		if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_DURATION {
			return celDuration(held.DurationValue.GetSeconds(), int64(held.DurationValue.GetNanos()))
		}
	case *pdpv1.Value_StringList:
		if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_LIST {
			return types.NewStringList(types.DefaultTypeAdapter, held.StringList.GetValues())
		}
	case *pdpv1.Value_IntList:
		if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_INT_LIST {
			return types.NewDynamicList(types.DefaultTypeAdapter, slices.Clip(held.IntList.GetValues()))
		}
	case *pdpv1.Value_DoubleList:
		if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE_LIST {
			return types.NewDynamicList(types.DefaultTypeAdapter, slices.Clip(held.DoubleList.GetValues()))
		}
	case *pdpv1.Value_StringMap:
		if kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_MAP {
			entries := held.StringMap.GetEntries()
			if entries == nil {
				entries = map[string]string{}
			}
			return types.NewStringStringMap(types.DefaultTypeAdapter, entries)
		}
	}
	return nil
}

func celDuration(seconds, fraction int64) ref.Val {
	sameSign := -nanos < fraction && fraction < nanos && (seconds == 0 || fraction == 0 || (seconds < 0) == (fraction < 0))
	total := new(big.Int).Mul(big.NewInt(seconds), big.NewInt(nanos))
	total.Add(total, big.NewInt(fraction))
	if !sameSign || total.Cmp(int64Min) < 0 || total.Cmp(int64Max) > 0 {
		return nil
	}
	return types.Duration{Duration: time.Duration(total.Int64())}
}

// activation is what conditions see of one request. It is not safe for concurrent use.
type activation struct {
	set *Engine
	now time.Time
	// given has by slot what the request says in the declared type and within its bounds, or the default.
	given []*pdpv1.Value
	// values by slot as CEL has them, made of what is given when somebody asks; nil for what is lacking.
	values []ref.Val
	// results by condition, and results of variables, of this request; granted ones under the grant at hand.
	results   []outcome
	variables []variableResult
	// scopes are what conditions of each policy see.
	scopes []scoped
}

type variableResult struct {
	known bool
	value ref.Val
}

func (a *activation) lacks(slot int) bool { return a.given[slot] == nil && a.values[slot] == nil }

func (a *activation) value(slot int) ref.Val {
	if a.values[slot] != nil {
		return a.values[slot]
	}
	switch {
	case a.given[slot] != nil:
		a.values[slot] = celValue(a.given[slot], a.set.attributes[slot].kind)
	case slot == a.set.now:
		a.values[slot] = types.Timestamp{Time: a.now.UTC()}
	}
	return a.values[slot]
}

func (a *activation) variable(place int) ref.Val {
	found := &a.variables[place]
	if !found.known {
		found.known = true
		found.value = a.set.variables[place].value(a)
	}
	return found.value
}

// scoped is the activation of the conditions of one policy, of whose variables it knows.
type scoped struct {
	*activation
	names names
}

// names has the slots of attributes and, as -1 - index, the variables of a policy.
type names map[string]int

// ResolveName is part of interpreter.Activation. What is lacking is not bound, so that `||` and `&&` may still decide.
func (s *scoped) ResolveName(name string) (any, bool) {
	place, ok := s.names[name]
	if !ok {
		return nil, false
	}
	var value ref.Val
	if place >= 0 {
		value = s.value(place)
	} else {
		value = s.variable(-1 - place)
	}
	return value, value != nil
}

// Parent is part of interpreter.Activation.
func (s *scoped) Parent() interpreter.Activation { return nil }

// Time reads nanoseconds since 1970 in decimal text; those of year 9999 are beyond 64 bits.
func Time(text string) (time.Time, error) {
	total, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return time.Time{}, fmt.Errorf("`%s` is no time in nanoseconds", text)
	}
	seconds, fraction := new(big.Int).DivMod(total, big.NewInt(nanos), new(big.Int))
	if !seconds.IsInt64() {
		return time.Time{}, fmt.Errorf("`%s` is no time in nanoseconds", text)
	}
	return time.Unix(seconds.Int64(), fraction.Int64()), nil
}
