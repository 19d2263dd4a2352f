package messagemap

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/masks"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// customers returns the map of a customer with accounts.
func customers(t *testing.T) *Map {
	t.Helper()
	source := &pdpv1.MessageMap{Application: "core", Name: "customer", Parts: []*pdpv1.MessagePart{
		{
			Path: "$", ResourceType: "customer", ResourceId: "$.customer.no",
			Fields: []*pdpv1.FieldPaths{
				{Field: "name", Paths: []string{"$.customer.name"}}, {Field: "whole", Paths: []string{"$.customer", "$.nobody"}},
				{Field: "mobile", Paths: []string{"$.customer.mobile"}}, {Field: "city", Paths: []string{"$.address.city"}},
				{Field: "no", Paths: []string{"$.customer.no"}}, {Field: "address", Paths: []string{"$.address"}},
			},
			Attributes: []*pdpv1.AttributePath{{Attribute: "resource.class", Path: "$.customer.class"}},
		},
		{
			Name: "accounts", Path: "$.accounts",
			Fields:     []*pdpv1.FieldPaths{{Field: "balance", Paths: []string{"$.balance"}}},
			Attributes: []*pdpv1.AttributePath{{Attribute: "resource.currency", Path: "$.currency"}},
		},
	}}
	text := pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING
	found, err := FromResponse(&pdpv1.GetMessageMapResponse{MessageMap: source, AttributeTypes: map[string]pdpv1.AttributeType{
		"subject.branch": text, "context.menu": text, "context.application": text, "resource.class": text, "resource.currency": text,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func customer(number int) object {
	text := fmt.Sprintf("secret %d", number)
	message := object{"customer": object{"no": text, "name": text, "mobile": text, "class": text}, "address": object{"city": text}}
	for range number % 5 {
		accounts, _ := message["accounts"].([]any)
		message["accounts"] = append(accounts, object{"balance": text, "currency": text})
	}
	return message
}

func asker(number int) *Caller {
	text := fmt.Sprintf("secret %d", number)
	given := map[string]any{"branch": text}
	for i := range number % 40 {
		given[fmt.Sprintf("more%d", i)] = text
	}
	return &Caller{SubjectID: text, Roles: []string{text}, SubjectAttributes: given, Action: text, Context: map[string]any{"menu": text}}
}

func TestReleasedMemoryHoldsNothing(t *testing.T) {
	found := customers(t)
	for number := range 100 {
		plan, err := NewPlan(found, customer(number), asker(number))
		if err != nil {
			t.Fatal(err)
		}
		m := plan.memory
		for i := range plan.Questions {
			if request := plan.Request(i); !strings.Contains(request.String(), "secret") {
				t.Fatalf("asked %v", request)
			}
		}
		plan.Release()
		if held := fmt.Sprint(&m.request, &m.subject, &m.action, m.context, &m.given, &m.own); strings.Contains(held, "secret") {
			t.Fatalf("it holds %s", held)
		}
		for _, own := range m.questions[:cap(m.questions)] {
			if !reflect.ValueOf(own).IsZero() {
				t.Fatalf("it holds %+v", own)
			}
		}
		if !reflect.ValueOf(m.plan).IsZero() || len(m.absent) != 0 {
			t.Fatalf("it holds %+v, %v", m.plan, m.absent)
		}
	}
}

// TestPlansAtTheSameTime fails where one plan's memory comes to another before its time.
func TestPlansAtTheSameTime(t *testing.T) {
	found := customers(t)
	var group sync.WaitGroup
	for number := range 50 {
		group.Go(func() {
			kept, err := NewPlan(found, customer(number), asker(number))
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				plan, err := NewPlan(found, customer(number), asker(number))
				if err != nil {
					t.Error(err)
					return
				}
				for i := range plan.Questions {
					if !proto.Equal(plan.Request(i), kept.Request(i)) {
						t.Errorf("asked %v, expected %v", plan.Request(i), kept.Request(i))
					}
				}
				plan.Release()
			}
		})
	}
	group.Wait()
}

func TestAMaskOnWhatEnclosesAField(t *testing.T) {
	plan, err := NewPlan(customers(t), customer(1), asker(1))
	if err != nil {
		t.Fatal(err)
	}
	full := func(string) *pdpv1.Mask { return Full }
	maskers := NewMaskers(masks.NoKeys)
	masked, problems := Apply(customer(1), plan, []Answer{{Verdicts: full}, {Recipe: maskers.Recipe(plan.Questions[1].Part, full)}}, maskers)
	expected := object{"customer": "***", "address": "***", "accounts": []any{object{"balance": "***", "currency": "secret 1"}}}
	if !reflect.DeepEqual(masked, expected) || problems != nil {
		t.Errorf("masked is %v, expected %v; %v", masked, expected, problems)
	}
}

func TestEachPartHasAResourceOfItsOwn(t *testing.T) {
	source := &pdpv1.MessageMap{}
	for _, kind := range []string{"customer", "account", ""} {
		source.Parts = append(source.Parts, &pdpv1.MessagePart{
			ResourceType: kind, Fields: []*pdpv1.FieldPaths{{Field: "name", Paths: []string{"$.name"}}},
		})
	}
	found, err := FromResponse(&pdpv1.GetMessageMapResponse{MessageMap: source})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(found, object{"name": "x"}, asker(0))
	if err != nil {
		t.Fatal(err)
	}
	for i, own := range source.Parts {
		if kind := plan.Questions[i].Resource.GetType(); kind != own.ResourceType {
			t.Errorf("part %d asks about `%s`, expected `%s`", i, kind, own.ResourceType)
		}
	}
}
