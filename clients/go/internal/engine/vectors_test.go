package engine

import (
	"errors"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/internal/jsontext"
	"jingxi.dev/client/internal/shared"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

type object = map[string]any

func parse[M proto.Message](t testing.TB, value any, into M) M {
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

func trusted(t testing.TB) Trust {
	t.Helper()
	trust, err := LoadTrust([]string{shared.Vectors("bundles/test.pub")})
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

func open(path string, trust Trust, inUse int64) (*Engine, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Open(data, trust, inUse)
}

func TestDecisions(t *testing.T) {
	table := shared.Load(t, "decisions.json")
	engines := map[string]*Engine{}
	for name, path := range table["bundles"].(object) {
		engine, err := open(shared.Vectors(path.(string)), trusted(t), 0)
		if err != nil {
			t.Fatalf("bundle `%s`: %v", name, err)
		}
		engines[name] = engine
	}
	gaps := shared.Load(t, "gaps.json")["go"].([]any)
	for _, entry := range table["cases"].([]any) {
		c := entry.(object)
		t.Run(c["id"].(string), func(t *testing.T) {
			request := parse(t, c["request"], &pdpv1.DecideRequest{})
			expected := parse(t, c["expected"], &pdpv1.DecideResponse{})
			now, err := Time(c["now_nanos"].(string))
			if err != nil {
				t.Fatal(err)
			}
			grants := map[string]*pdpv1.Grant{}
			if given, ok := c["grants"].([]any); ok {
				for _, own := range given {
					grant := parse(t, own, &pdpv1.Grant{})
					grants[grant.Id] = grant
				}
			}
			// Twice: what is remembered of the first time must not change the second.
			for range 2 {
				reply, err := engines[c["bundle"].(string)].Decide(request, now, func(id string) *pdpv1.Grant { return grants[id] })
				if err != nil {
					t.Fatal(err)
				}
				reply = proto.CloneOf(reply)
				for _, response := range []*pdpv1.DecideResponse{reply, expected} {
					for _, diagnostic := range response.Diagnostics {
						diagnostic.Message = ""
					}
				}
				isGap := slices.Contains(gaps, any(c["id"]))
				switch same := proto.Equal(reply, expected); {
				case isGap && same:
					t.Error("gaps.json lists this case, and it passes")
				case !isGap && !same:
					t.Errorf("decided\n%s\nexpected\n%s", protojson.Format(reply), protojson.Format(expected))
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	table := shared.Load(t, "decisions.json")
	for _, entry := range table["refusals"].([]any) {
		c := entry.(object)
		t.Run(c["id"].(string), func(t *testing.T) {
			var inUse int64
			if name, ok := c["in_use"].(string); ok {
				engine, err := open(shared.Vectors(table["bundles"].(object)[name].(string)), trusted(t), 0)
				if err != nil {
					t.Fatal(err)
				}
				inUse = engine.Revision
			}
			_, err := open(shared.Vectors(c["file"].(string)), trusted(t), inUse)
			if !errors.Is(err, Why(c["why"].(string))) {
				t.Errorf("the error is %v, expected `%s`", err, c["why"])
			}
		})
	}
}
