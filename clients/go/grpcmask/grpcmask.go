// Package grpcmask masks the replies of a gRPC server by their JSON form.
//
//	server := grpc.NewServer(grpc.UnaryInterceptor(grpcmask.Unary(client, about)))
//
// The paths of the message's map are those of protobuf's JSON mapping: `$.customerName` for `customer_name`. A field
// whose type cannot hold the masked value, such as a number masked to `***`, is left out of the reply.
package grpcmask

import (
	"context"
	"errors"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/internal/jsontext"
)

// About says what the reply to a call is; false for one that needs no masking.
type About func(ctx context.Context, method string, request, reply proto.Message) (jingxi.Question, bool)

// Unary returns an interceptor for unary calls. A reply that cannot be masked is not sent: the call fails with
// UNAVAILABLE where there is no verdict, PERMISSION_DENIED where access is denied, else INTERNAL.
func Unary(masker jingxi.Masker, about About) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		found, err := handler(ctx, request)
		if err != nil {
			return found, err
		}
		reply, ok := found.(proto.Message)
		if !ok {
			return nil, status.Error(codes.Internal, "the reply is not a protobuf message, so it cannot be masked")
		}
		asked, _ := request.(proto.Message)
		question, isMasked := about(ctx, info.FullMethod, asked, reply)
		if !isMasked {
			return reply, nil
		}
		masked, err := mask(ctx, masker, reply, question)
		if err != nil {
			slog.Error("a reply was not sent, because it could not be masked", "method", info.FullMethod, "error", err)
			return nil, statusOf(err)
		}
		return masked, nil
	}
}

func statusOf(err error) error {
	switch {
	case errors.Is(err, jingxi.Unavailable):
		return status.Error(codes.Unavailable, "the reply could not be masked")
	case errors.Is(err, jingxi.AccessDenied):
		return status.Error(codes.PermissionDenied, "the reply could not be masked")
	}
	return status.Error(codes.Internal, "the reply could not be masked")
}

func mask(ctx context.Context, masker jingxi.Masker, reply proto.Message, question jingxi.Question) (proto.Message, error) {
	text, err := protojson.Marshal(reply)
	if err != nil {
		return nil, err
	}
	document, err := jsontext.Decode(text)
	if err != nil {
		return nil, err
	}
	masked, err := masker.Mask(ctx, document, question.Message, question.Subject, question.Options...)
	if err != nil {
		return nil, err
	}
	found := reply.ProtoReflect().New().Interface()
	members, ok := masked.Message.(map[string]any)
	if !ok {
		return found, nil // masked whole
	}
	fit(found.ProtoReflect().Descriptor(), members)
	if text, err = jsontext.Encode(members); err != nil {
		return nil, err
	}
	return found, protojson.Unmarshal(text, found)
}

// fit takes out what the fields' types cannot hold.
func fit(shape protoreflect.MessageDescriptor, members map[string]any) {
	for name, value := range members {
		field := shape.Fields().ByJSONName(name)
		if field == nil {
			continue // of a message with a JSON form of its own, such as a Struct
		}
		if field.IsList() {
			if items, ok := value.([]any); ok {
				kept := make([]any, 0, len(items))
				for _, item := range items {
					if fitted(field, item) && holds(field, []any{item}) {
						kept = append(kept, item)
					}
				}
				members[name] = kept
				continue
			}
		}
		if entries, ok := value.(map[string]any); ok && field.IsMap() {
			for key, item := range entries {
				if !fitted(field.MapValue(), item) || !holds(field, map[string]any{key: item}) {
					delete(entries, key)
				}
			}
			continue
		}
		if !fitted(field, value) || !holds(field, value) {
			delete(members, name)
		}
	}
}

// fitted goes into a message; it is false for null, which protobuf has in no list or map.
func fitted(field protoreflect.FieldDescriptor, value any) bool {
	if inner, ok := value.(map[string]any); ok && field.Message() != nil {
		fit(field.Message(), inner)
	}
	return value != nil
}

// holds says whether a field can be read from a value.
func holds(field protoreflect.FieldDescriptor, value any) bool {
	text, err := jsontext.Encode(map[string]any{field.JSONName(): value})
	if err != nil {
		return false
	}
	kind, ok := field.Parent().(protoreflect.MessageDescriptor)
	if !ok {
		return false
	}
	return protojson.Unmarshal(text, dynamicpb.NewMessage(kind)) == nil
}
