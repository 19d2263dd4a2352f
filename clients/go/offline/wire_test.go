package offline

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// fill sets every field of a message, and those of the messages in it; of a oneof the one with this index.
func fill(message protoreflect.Message, index int, text string) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if one := field.ContainingOneof(); one != nil && one.Fields().Get(index%one.Fields().Len()) != field {
			continue
		}
		switch {
		case field.IsMap():
			entries := message.Mutable(field).Map()
			for _, key := range []string{"one", text} {
				if field.MapValue().Kind() == protoreflect.MessageKind {
					fill(entries.Mutable(protoreflect.ValueOfString(key).MapKey()).Message(), index, text)
				} else {
					entries.Set(protoreflect.ValueOfString(key).MapKey(), filling(field.MapValue(), text))
				}
			}
		case field.IsList():
			message.Mutable(field).List().Append(filling(field, text))
			message.Mutable(field).List().Append(filling(field, ""))
		case field.Kind() == protoreflect.MessageKind:
			fill(message.Mutable(field).Message(), index, text)
		default:
			message.Set(field, filling(field, text))
		}
	}
}

func filling(field protoreflect.FieldDescriptor, text string) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text)
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(-7)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1 << 40)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(0.1)
	}
	panic("what stands for " + field.FullName() + "?")
}

// TestTheRequestOfARecordIsTheOneDecided also fails when requests get a field that records would lack.
func TestTheRequestOfARecordIsTheOneDecided(t *testing.T) {
	kinds := (&pdpv1.Value{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields().Len()
	requests := []*pdpv1.DecideRequest{
		{}, {Subject: &pdpv1.Subject{}, Action: &pdpv1.Action{}, Resource: &pdpv1.Resource{}},
		{Context: map[string]*pdpv1.Value{"": {}}},
	}
	for index := range kinds {
		for _, text := range []string{"", "二", strings.Repeat("x", 127), strings.Repeat("y", 20_000)} {
			request := &pdpv1.DecideRequest{}
			fill(request.ProtoReflect(), index, text)
			requests = append(requests, request)
		}
	}
	for _, request := range requests {
		before := []byte("before")
		wire, err := appendRequest(before, request)
		if err != nil {
			t.Fatal(err)
		}
		read := &pdpv1.DecideRequest{}
		if err := proto.Unmarshal(wire[len(before):], read); err != nil || !proto.Equal(read, request) {
			t.Errorf("%v was written as %v, %v", request, read, err)
		}
		if len(wire)-len(before) != proto.Size(request) {
			t.Errorf("%v takes %d bytes, not %d", request, len(wire)-len(before), proto.Size(request))
		}
	}
}
