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
	// values by slot; nil for what is lacking.
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
	if place >= 0 {
		value := s.values[place]
		return value, value != nil
	}
	found := &s.variables[-1-place]
	if !found.known {
		found.known = true
		found.value = s.set.variables[-1-place].evaluate(s)
	}
	return found.value, found.value != nil
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
