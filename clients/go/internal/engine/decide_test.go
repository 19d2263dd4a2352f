package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jingxi.dev/client/internal/shared"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

func TestNothingOfARequestStays(t *testing.T) {
	set, err := open(shared.Vectors("bundles/bank.pb"), trusted(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "secret"
	text := map[string]*pdpv1.Value{}
	for _, name := range []string{"application", "menu", "branch", "region", "customer_class", "nonsense"} {
		text[name] = &pdpv1.Value{Kind: &pdpv1.Value_StringValue{StringValue: secret}}
	}
	request := &pdpv1.DecideRequest{
		Subject:  &pdpv1.Subject{Id: secret, Roles: []string{secret}, Attributes: text},
		Action:   &pdpv1.Action{Name: secret, Attributes: text},
		Resource: &pdpv1.Resource{Type: secret, Id: secret, Attributes: text}, Context: text,
		Message: &pdpv1.MessageRef{Application: "core-counter", Name: "customer-detail"},
	}
	for range 100 {
		if _, _, err := set.Answer(request, time.Unix(0, 0), NoGrants); err != nil {
			t.Fatal(err)
		}
		d := set.pool.Get().(*decision)
		held := fmt.Sprint(d.given, d.values, d.variables, d.hits[:cap(d.hits)], d.diagnostics, &d.roles.value)
		for i := range d.texts {
			held += d.texts[i].kind.StringValue
		}
		if strings.Contains(held, secret) || d.request != nil || d.asked != nil {
			t.Fatalf("it holds %s", held)
		}
		set.pool.Put(d)
	}
}
