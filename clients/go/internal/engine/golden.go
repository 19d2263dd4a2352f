package engine

import (
	"time"

	"google.golang.org/protobuf/proto"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// CheckGolden decides every golden case of the bundle.
func (e *Engine) CheckGolden() error {
	for _, own := range e.Bundle.GetGoldenCases() {
		request := &pdpv1.DecideRequest{}
		if err := proto.Unmarshal(own.GetRequest(), request); err != nil {
			return refuse(GoldenCase, "golden case `%s` cannot be decoded", own.GetName())
		}
		grants := map[string]*pdpv1.Grant{}
		for _, grant := range own.GetGrants() {
			grants[grant.GetId()] = grant
		}
		reply, err := e.Decide(request, time.Unix(0, own.GetNowNanos()), func(id string) *pdpv1.Grant { return grants[id] })
		if err != nil {
			return refuse(GoldenCase, "golden case `%s` cannot be decided: %s", own.GetName(), err)
		}
		for _, expected := range own.GetExpected() {
			if !agrees(reply, expected) {
				return refuse(GoldenCase, "golden case `%s` comes out otherwise than expected for field `%s`",
					own.GetName(), expected.GetField())
			}
		}
	}
	return nil
}

func agrees(reply *pdpv1.DecideResponse, expected *pdpv1.ExpectedVerdict) bool {
	for _, verdict := range reply.GetVerdicts() {
		if verdict.GetField() == expected.GetField() {
			return verdict.GetEffect() == expected.GetEffect() && (expected.GetMask() == nil ||
				verdict.GetEffect() != pdpv1.Effect_EFFECT_MASK ||
				sameMask(reply.GetMasks()[verdict.GetMask()], expected.GetMask()))
		}
	}
	return false
}

// sameMask compares masks by what they do, not by what they are called.
func sameMask(a, b *pdpv1.Mask) bool {
	if a.GetAlgorithm() != b.GetAlgorithm() || len(a.GetParameters()) != len(b.GetParameters()) {
		return false
	}
	for name, value := range a.GetParameters() {
		if !proto.Equal(value, b.GetParameters()[name]) {
			return false
		}
	}
	return true
}
