// Package bench has what is measured of the client, for the benchmarks of this module and for the program that prints
// them for the comparison of all languages.
package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	jingxi "jingxi.dev/client"
	"jingxi.dev/client/internal/engine"
	"jingxi.dev/client/internal/messagemap"
	"jingxi.dev/client/masks"
	"jingxi.dev/client/offline"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// Fields returns masks of many kinds with a message of so many fields.
func Fields(count int) (message map[string]any, plan *messagemap.Plan, reply *pdpv1.DecideResponse, err error) {
	text := func(value string) *pdpv1.Value {
		return &pdpv1.Value{Kind: &pdpv1.Value_StringValue{StringValue: value}}
	}
	number := func(value int64) *pdpv1.Value { return &pdpv1.Value{Kind: &pdpv1.Value_IntValue{IntValue: value}} }
	edges := &pdpv1.Value{Kind: &pdpv1.Value_StringList{StringList: &pdpv1.StringList{Values: []string{"50000", "100000"}}}}
	kinds := []struct {
		value string
		mask  *pdpv1.Mask
	}{
		{"13812348000", &pdpv1.Mask{Algorithm: "keep", Parameters: map[string]*pdpv1.Value{"prefix": number(3), "suffix": number(4)}}},
		{"欧阳娜娜", &pdpv1.Mask{Algorithm: "name"}},
		{"zhangsan@example.com", &pdpv1.Mask{Algorithm: "email"}},
		{"浙江省杭州市西湖区文三路1号", &pdpv1.Mask{Algorithm: "address"}},
		{"67890.12", &pdpv1.Mask{Algorithm: "bucket", Parameters: map[string]*pdpv1.Value{"edges": edges}}},
		{"1990-03-07", &pdpv1.Mask{Algorithm: "date_trunc", Parameters: map[string]*pdpv1.Value{"unit": text("month")}}},
		{"secret", &pdpv1.Mask{Algorithm: "full"}},
		{"shown as it is", nil},
	}
	source := &pdpv1.MessageMap{Application: "a", Name: "m", Parts: []*pdpv1.MessagePart{{Path: "$", ResourceType: "customer"}}}
	reply = &pdpv1.DecideResponse{}
	for _, kind := range kinds {
		if kind.mask != nil {
			reply.Masks = append(reply.Masks, kind.mask)
		}
	}
	message = map[string]any{}
	for i := range count {
		name, kind := fmt.Sprintf("field%02d", i), i%len(kinds)
		message[name] = kinds[kind].value
		source.Parts[0].Fields = append(source.Parts[0].Fields, &pdpv1.FieldPaths{Field: name, Paths: []string{"$." + name}})
		verdict := &pdpv1.Verdict{Field: name, Effect: pdpv1.Effect_EFFECT_UNMASK}
		if kinds[kind].mask != nil {
			verdict.Effect, verdict.Mask = pdpv1.Effect_EFFECT_MASK, uint32(kind)
		}
		reply.Verdicts = append(reply.Verdicts, verdict)
	}
	found, err := messagemap.FromResponse(&pdpv1.GetMessageMapResponse{MessageMap: source})
	if err != nil {
		return nil, nil, nil, err
	}
	plan, err = messagemap.NewPlan(found, message, &messagemap.Caller{SubjectID: "T1001"})
	return message, plan, reply, err
}

// Masking returns a function that masks a message of so many fields.
func Masking(count int) (func() error, error) {
	message, plan, reply, err := Fields(count)
	maskers := messagemap.NewMaskers(masks.NoKeys)
	return func() error {
		document, err := messagemap.Copy(message)
		if err == nil {
			messagemap.Apply(document, plan, []messagemap.Answer{{Verdicts: messagemap.VerdictsOf(reply)}}, maskers)
		}
		return err
	}, err
}

// What is asked of the sample bank.
var (
	about  = jingxi.Message{Application: "core-counter", Name: "customer-detail"}
	teller = jingxi.Subject{ID: "T1001", Roles: []string{"teller"}, Attributes: map[string]any{"level": 2, "branch": "320400001"}}
)

// Customer is a message with the twelve fields.
func Customer() map[string]any {
	return map[string]any{"customer": map[string]any{
		"no": "C2001", "class": "standard", "name": "张三", "name_en": "ZHANG SAN", "id_type": "居民身份证",
		"id_no": "11010519491231002X", "birth_date": "1949-12-31", "gender": "男", "nationality": "中国",
		"mobile": "13800138000", "landline": "0519-88888888", "email": "zhangsan@example.com",
		"address": "江苏省常州市天宁区测试路1号2幢301室", "total_assets": "806432.10", "is_vip": false, "branch": "320400001",
	}}
}

// Offline returns a function that decides about and masks the customer by a bundle, with the record of the decision.
func Offline(bundle, key, folder string, record offline.Record) (mask func() error, end func() error, err error) {
	client, err := offline.New(offline.Config{File: bundle, Trust: []string{key}, Record: record}, jingxi.WithStateFolder(folder))
	if err != nil {
		return nil, nil, err
	}
	message := Customer()
	context0 := jingxi.WithContext(map[string]any{"menu": "1201", "channel": "counter", "scenario": "processing", "region": "320400"})
	action := jingxi.WithAction(jingxi.Action{Name: "query"})
	return func() error {
		masked, err := client.Mask(context.Background(), message, about, teller, context0, action)
		if err == nil && masked.Fallback != nil {
			err = fmt.Errorf("not recorded: %s", masked.Fallback.Detail)
		}
		return err
	}, client.Close, nil
}

// now is within the times of the sample bank.
var now = time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)

// Deciding returns a function that decides about and masks the customer by a bundle, and records nothing.
func Deciding(bundle, key string) (func() error, error) {
	trust, err := engine.LoadTrust([]string{key})
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(bundle)
	if err != nil {
		return nil, err
	}
	set, err := engine.Open(data, trust, 0)
	if err != nil {
		return nil, err
	}
	kinds := map[string]pdpv1.AttributeType{}
	for _, own := range set.Bundle.GetAttributes() {
		kinds[own.GetName()] = own.GetType()
	}
	found, err := messagemap.FromResponse(&pdpv1.GetMessageMapResponse{
		MessageMap: set.MessageMap(about.Application, about.Name), AttributeTypes: kinds,
	})
	if err != nil {
		return nil, err
	}
	message, maskers := Customer(), messagemap.NewMaskers(masks.NoKeys).Pinned(set.Masks())
	caller := &messagemap.Caller{
		SubjectID: teller.ID, Roles: teller.Roles, SubjectAttributes: teller.Attributes, Action: "query",
		Context: map[string]any{"menu": "1201", "channel": "counter", "scenario": "processing", "region": "320400"},
	}
	return func() error {
		document, err := messagemap.Copy(message)
		if err != nil {
			return err
		}
		plan, err := messagemap.NewPlan(found, document, caller)
		if err != nil {
			return err
		}
		defer plan.Release()
		said, _, err := set.Answer(plan.Request(0), now, engine.NoGrants)
		if err != nil {
			return err
		}
		recipe, kept := said.Form.Load().(*messagemap.Recipe)
		if !kept {
			recipe = maskers.Recipe(plan.Questions[0].Part, messagemap.VerdictsOf(said.Reply()))
			said.Form.Store(recipe)
		}
		messagemap.Apply(document, plan, []messagemap.Answer{{Recipe: recipe}}, maskers)
		return nil
	}, nil
}
