package engine

import (
	"sync/atomic"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// scopeClause says that an attribute is one of some values; isOne is there where all are texts.
type scopeClause struct {
	slot   int
	isOne  func(string) bool
	values []ref.Val
}

func (s *scopeClause) result(a *activation) outcome {
	if text, ok := a.given[s.slot].GetKind().(*pdpv1.Value_StringValue); ok && s.isOne != nil {
		if s.isOne(text.StringValue) {
			return isTrue
		}
		return isFalse
	}
	value := a.value(s.slot)
	if value == nil {
		return isUndecided
	}
	for _, own := range s.values {
		if value.Equal(own) == types.True {
			return isTrue
		}
	}
	return isFalse
}

// fieldSet is a set of dictionary fields by their places.
type fieldSet []uint64

func newFieldSet(count int) fieldSet  { return make(fieldSet, (count+63)/64) }
func (s fieldSet) add(place int)      { s[place>>6] |= 1 << (place & 63) }
func (s fieldSet) has(place int) bool { return s[place>>6]&(1<<(place&63)) != 0 }
func (s fieldSet) meets(o fieldSet) bool {
	for i := range s {
		if s[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

type rule struct {
	source     *pdpv1.Rule
	name       string
	index      int
	unmasks    bool
	priority   int32
	fields     fieldSet
	conditions []int // places in Engine.conditions
	granted    bool
	mask       *maskUse
	undecided  atomic.Pointer[undecidedSaid]
}

type policy struct {
	scope []scopeClause
	rules []*rule
}

// maskUse is a mask with its strictness; equal masks share one id.
type maskUse struct {
	mask       *pdpv1.Mask
	id         int
	strictness int32
}

type field struct {
	source *pdpv1.FieldDefinition
	place  int
	mask   *maskUse
}
