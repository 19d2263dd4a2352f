package messagemap

import (
	"iter"

	"jingxi.dev/client/internal/paths"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Question is one resource of the message: its part, its place, what to ask about it, and where each field is.
type Question struct {
	Part     *Part
	Place    paths.Place
	Resource *pdpv1.Resource

	// absent says by the part's fields which ones the message does not have; places has those of the others, where they
	// are not the field's own.
	absent []bool
	places [][]paths.Place
}

// Fields are the part's, each with the places that hold it: none when the message does not have it.
func (q *Question) Fields() iter.Seq2[string, []paths.Place] {
	return func(yield func(string, []paths.Place) bool) {
		for i := range q.Part.Fields {
			if !yield(q.Part.Fields[i].Name, q.placesOf(i)) {
				return
			}
		}
	}
}

// placesOf returns the places that hold a field of the part.
func (q *Question) placesOf(field int) []paths.Place {
	switch {
	case q.absent[field]:
		return nil
	case q.places != nil && q.places[field] != nil:
		return q.places[field]
	}
	return q.Part.Fields[field].only
}

// Reference returns how a request names the fields of the question; it must not be written to.
func (q *Question) Reference() *pdpv1.MessageRef { return q.Part.reference }
