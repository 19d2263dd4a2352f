package messagemap

import (
	"sync"

	"jingxi.dev/client/internal/values"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

type attributes = map[string]*pdpv1.Value

// memory is what a plan is made of: nearly all that asking about a message takes, so it goes from plan to plan.
//
// INVARIANT: between two plans it holds nothing of a message or a caller.
type memory struct {
	plan      Plan
	subject   pdpv1.Subject
	action    pdpv1.Action
	context   attributes
	questions []Question
	absent    []bool
	// given is the resource as the caller tells it, own the message's.
	given, own pdpv1.Resource
	request    pdpv1.DecideRequest
	values     values.Slots
}

var remembered = sync.Pool{New: func() any {
	m := &memory{context: attributes{}}
	for _, own := range m.attributes() {
		*own = attributes{}
	}
	return m
}}

// Bounds of what is kept; most messages take far less.
const (
	mostQuestions = 64
	mostFlags     = 1_024
	mostEntries   = 64
)

func (m *memory) attributes() [5]*attributes {
	return [...]*attributes{&m.subject.Attributes, &m.action.Attributes, &m.context, &m.given.Attributes, &m.own.Attributes}
}

// flags returns so many that are false.
func (m *memory) flags(count int) []bool {
	start := len(m.absent)
	if start+count > cap(m.absent) {
		// Who has some of the full ones keeps those alive.
		m.absent, start = make([]bool, 0, max(count, 2*cap(m.absent))), 0
	}
	m.absent = m.absent[:start+count]
	return m.absent[start : start+count : start+count]
}

// Release gives the memory of a plan back. Nothing of the plan may be used afterwards but its problems.
func (p *Plan) Release() {
	m := p.memory
	for _, own := range m.attributes() {
		if len(*own) > mostEntries {
			*own = attributes{}
		}
		clear(*own)
	}
	m.subject.Id, m.subject.Roles, m.action.Name = "", nil, ""
	m.given.Type, m.given.Id, m.own.Type, m.own.Id = "", "", "", ""
	m.request.RequestId, m.request.GrantIds, m.request.Message = "", nil, nil
	m.values.Clear()
	clear(m.questions)
	clear(m.absent)
	m.questions, m.absent = m.questions[:0], m.absent[:0]
	if cap(m.questions) > mostQuestions {
		m.questions = nil
	}
	if cap(m.absent) > mostFlags {
		m.absent = nil
	}
	m.plan = Plan{}
	remembered.Put(m)
}

// Request returns the request of a question. The plan's first one lasts as long as the plan.
func (p *Plan) Request(i int) *pdpv1.DecideRequest {
	question := &p.Questions[i]
	request := &p.memory.request
	if i > 0 {
		request = &pdpv1.DecideRequest{}
	}
	request.Subject, request.Action, request.Context = p.Subject, p.Action, p.Context
	request.Resource, request.Message = question.Resource, question.Reference()
	return request
}
