package offline

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pdpv1 "jingxi.dev/client/pdp/v1"
)

// The request of each record is written here, because the protobuf library goes through maps by reflection, and a
// request is maps above all. wire_test.go holds it to the library.

// Numbers of fields, as the service's .proto files have them.
const (
	recordedRequest, recordedResponse                              = 3, 4
	requestSubject, requestAction, requestResource, requestContext = 2, 3, 4, 5
	subjectID, subjectRoles, subjectAttributes                     = 1, 2, 3
	actionName, actionAttributes                                   = 1, 2
	resourceType, resourceID, resourceAttributes                   = 1, 2, 3
	entryKey, entryValue                                           = 1, 2
)

// appendRequest appends a request as protobuf writes it.
func appendRequest(b []byte, request *pdpv1.DecideRequest) ([]byte, error) {
	b, err := proto.MarshalOptions{}.MarshalAppend(b, &pdpv1.DecideRequest{
		RequestId: request.RequestId, Fields: request.Fields, Message: request.Message, GrantIds: request.GrantIds,
		MinRevision: request.MinRevision, MinGrantRevision: request.MinGrantRevision,
	})
	if err != nil {
		return nil, err
	}
	if subject := request.Subject; subject != nil {
		b, err = appendMessage(b, requestSubject, func(b []byte) ([]byte, error) {
			b = appendText(b, subjectID, subject.Id)
			for _, role := range subject.Roles {
				b = protowire.AppendString(protowire.AppendTag(b, subjectRoles, protowire.BytesType), role)
			}
			return appendAttributes(b, subjectAttributes, subject.Attributes)
		})
	}
	if action := request.Action; action != nil && err == nil {
		b, err = appendMessage(b, requestAction, func(b []byte) ([]byte, error) {
			return appendAttributes(appendText(b, actionName, action.Name), actionAttributes, action.Attributes)
		})
	}
	if resource := request.Resource; resource != nil && err == nil {
		b, err = appendMessage(b, requestResource, func(b []byte) ([]byte, error) {
			b = appendText(appendText(b, resourceType, resource.Type), resourceID, resource.Id)
			return appendAttributes(b, resourceAttributes, resource.Attributes)
		})
	}
	if err != nil {
		return nil, err
	}
	return appendAttributes(b, requestContext, request.Context)
}

func appendAttributes(b []byte, number protowire.Number, attributes map[string]*pdpv1.Value) ([]byte, error) {
	var err error
	for name, value := range attributes {
		b = protowire.AppendTag(b, number, protowire.BytesType)
		size := proto.Size(value)
		b = protowire.AppendVarint(b, uint64(protowire.SizeTag(entryKey)+protowire.SizeBytes(len(name))+
			protowire.SizeTag(entryValue)+protowire.SizeBytes(size)))
		b = protowire.AppendString(protowire.AppendTag(b, entryKey, protowire.BytesType), name)
		b = protowire.AppendVarint(protowire.AppendTag(b, entryValue, protowire.BytesType), uint64(size))
		if b, err = (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend(b, value); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendText(b []byte, number protowire.Number, text string) []byte {
	if text == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), text)
}

// appendMessage appends a field that write appends the content of.
func appendMessage(b []byte, number protowire.Number, write func([]byte) ([]byte, error)) ([]byte, error) {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	start := len(b)
	b, err := write(b)
	if err != nil {
		return nil, err
	}
	size := len(b) - start
	// The size goes before the content, which makes room for it.
	b = protowire.AppendVarint(b, uint64(size))
	width := len(b) - start - size
	var prefix [10]byte
	copy(prefix[:], b[start+size:])
	copy(b[start+width:], b[start:start+size])
	copy(b[start:], prefix[:width])
	return b, nil
}
