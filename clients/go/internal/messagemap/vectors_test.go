package messagemap

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/jsontext"
	"jingxi.dev/client/internal/shared"
	"jingxi.dev/client/masks"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

type object = map[string]any

func parse[M proto.Message](t *testing.T, value any, into M) M {
	t.Helper()
	text, err := jsontext.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
	return into
}

func mapOf(t *testing.T, table, c object) (*Map, error) {
	types := map[string]pdpv1.AttributeType{}
	for name, kind := range table["types"].(object) {
		types[name] = pdpv1.AttributeType(pdpv1.AttributeType_value[kind.(string)])
	}
	source := parse(t, c["map"], &pdpv1.MessageMap{})
	return FromResponse(&pdpv1.GetMessageMapResponse{MessageMap: source, AttributeTypes: types})
}

func part(given object, name string) (object, bool) {
	found, ok := given[name].(object)
	return found, ok
}

func attributesOf(given object) object {
	found, _ := part(given, "attributes")
	return found
}

func textOf(given object, name string) string {
	text, _ := given[name].(string)
	return text
}

func callerOf(c object) *Caller {
	given, ok := part(c, "caller")
	if !ok {
		return &Caller{SubjectID: "T1001"}
	}
	subject, _ := part(given, "subject")
	action, _ := part(given, "action")
	resource, _ := part(given, "resource")
	context, _ := part(given, "context")
	caller := &Caller{
		SubjectID: textOf(subject, "id"), SubjectAttributes: attributesOf(subject),
		Action: textOf(action, "name"), ActionAttributes: attributesOf(action),
		ResourceType: textOf(resource, "type"), ResourceID: textOf(resource, "id"),
		ResourceAttributes: attributesOf(resource), Context: context,
	}
	if roles, ok := subject["roles"].([]any); ok {
		for _, role := range roles {
			caller.Roles = append(caller.Roles, role.(string))
		}
	}
	return caller
}

func valueOf(t *testing.T, parameter any) *pdpv1.Value {
	switch given := parameter.(type) {
	case bool:
		return &pdpv1.Value{Kind: &pdpv1.Value_BoolValue{BoolValue: given}}
	case json.Number:
		number, err := given.Int64()
		if err != nil {
			t.Fatal(err)
		}
		return &pdpv1.Value{Kind: &pdpv1.Value_IntValue{IntValue: number}}
	case string:
		return &pdpv1.Value{Kind: &pdpv1.Value_StringValue{StringValue: given}}
	case []any:
		var texts []string
		for _, item := range given {
			texts = append(texts, item.(string))
		}
		return &pdpv1.Value{Kind: &pdpv1.Value_StringList{StringList: &pdpv1.StringList{Values: texts}}}
	}
	t.Fatalf("no parameter: %v", parameter)
	return nil
}

func replyOf(t *testing.T, given any) *pdpv1.DecideResponse {
	if given == nil {
		return nil
	}
	reply := &pdpv1.DecideResponse{}
	for field, said := range given.(object) {
		if said == "unmask" {
			reply.Verdicts = append(reply.Verdicts, &pdpv1.Verdict{Field: field, Effect: pdpv1.Effect_EFFECT_UNMASK})
			continue
		}
		mask := &pdpv1.Mask{Algorithm: said.(object)["algorithm"].(string), Parameters: map[string]*pdpv1.Value{}}
		for name, value := range said.(object)["parameters"].(object) {
			mask.Parameters[name] = valueOf(t, value)
		}
		reply.Verdicts = append(reply.Verdicts, &pdpv1.Verdict{
			Field: field, Effect: pdpv1.Effect_EFFECT_MASK, Mask: uint32(len(reply.Masks)),
		})
		reply.Masks = append(reply.Masks, mask)
	}
	return reply
}

func same(t *testing.T, what string, found, expected proto.Message) {
	t.Helper()
	if !proto.Equal(found, expected) {
		t.Errorf("%s is\n%s, expected\n%s", what, protojson.Format(found), protojson.Format(expected))
	}
}

func TestVectors(t *testing.T) {
	table := shared.Load(t, "message_maps.json")
	for _, entry := range table["cases"].([]any) {
		c := entry.(object)
		t.Run(c["id"].(string), func(t *testing.T) {
			// The second time in memory of the first.
			tryVector(t, table, c, false)
			tryVector(t, table, c, true)
		})
	}
}

func tryVector(t *testing.T, table, c object, byRecipe bool) {
	before, _ := jsontext.Encode(c["message"])
	plan, err := func() (*Plan, error) {
		found, err := mapOf(t, table, c)
		if err != nil {
			return nil, err
		}
		return NewPlan(found, c["message"], callerOf(c))
	}()
	if kind, ok := c["error"].(string); ok {
		if !errors.Is(err, fault.Code(kind)) {
			t.Fatalf("the error is %v, expected `%s`", err, kind)
		}
		if strings.Contains(err.Error(), "13812348000") {
			t.Fatalf("the error holds a value: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Release()
	questions := c["questions"].([]any)
	if len(questions) != len(plan.Questions) {
		t.Fatalf("%d questions, expected %d", len(plan.Questions), len(questions))
	}
	answers := make([]Answer, len(questions))
	maskers := NewMaskers(masks.NoKeys)
	for i, entry := range questions {
		expected, asked := entry.(object), plan.Questions[i]
		if asked.Part.Name != expected["part"] || asked.Place.String() != expected["place"] {
			t.Errorf("asked about %q at %s, expected %q at %s", asked.Part.Name, asked.Place, expected["part"], expected["place"])
		}
		same(t, "the resource", asked.Resource, parse(t, expected["resource"], &pdpv1.Resource{}))
		reply := replyOf(t, expected["verdicts"])
		if byRecipe {
			answers[i].Recipe = maskers.Pinned(reply.GetMasks()).Recipe(asked.Part, VerdictsOf(reply))
		} else {
			answers[i].Verdicts = VerdictsOf(reply)
		}
	}
	if expected, ok := part(c, "shared"); ok {
		same(t, "the subject", plan.Subject, parse(t, expected["subject"], &pdpv1.Subject{}))
		same(t, "the action", plan.Action, parse(t, expected["action"], &pdpv1.Action{}))
		context := parse(t, object{"attributes": expected["context"]}, &pdpv1.Action{})
		same(t, "the context", &pdpv1.Action{Attributes: plan.Context}, context)
	}
	document, err := Copy(c["message"])
	if err != nil {
		t.Fatal(err)
	}
	masked, dropped := Apply(document, plan, answers, maskers)
	if !reflect.DeepEqual(masked, c["expected"]) {
		t.Errorf("masked is\n%v, expected\n%v", masked, c["expected"])
	}
	problems := 0
	if count, ok := c["problems"].(json.Number); ok {
		number, _ := count.Int64()
		problems = int(number)
	}
	if found := append(plan.Problems, dropped...); len(found) != problems {
		t.Errorf("%d problems, expected %d: %q", len(found), problems, found)
	}
	if after, _ := jsontext.Encode(c["message"]); string(after) != string(before) {
		t.Errorf("the message was changed to %s", after)
	}
}
