package paths

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"jingxi.dev/client/fault"
)

type object = map[string]any

func document() object {
	return object{
		"customer": object{"no": "C1", "手机 号": "138", `a'b\c`: "1", "gone": nil},
		"rows":     []any{object{"no": "1"}, object{"no": "2"}, nil, object{}},
		"matrix":   []any{[]any{"1", "2"}, []any{}, []any{"3"}},
	}
}

func find(t *testing.T, text string) (places []Place, values []any, err error) {
	t.Helper()
	path, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	err = path.Find(document(), nil, func(place Place, value any) {
		places, values = append(places, append(Place{}, place...)), append(values, value)
	})
	return places, values, err
}

func TestFind(t *testing.T) {
	for text, expected := range map[string][]any{
		"$":                      {document()},
		"$.customer.no":          {"C1"},
		"$['customer']['no']":    {"C1"},
		"$.customer['手机 号']":     {"138"},
		`$.customer['a\'b\\c']`:  {"1"},
		"$.customer.gone":        {nil},
		"$.customer.gone.beyond": nil,
		"$.nobody.no":            nil,
		"$.rows[*].no":           {"1", "2"},
		"$.matrix[*][*]":         {"1", "2", "3"},
	} {
		places, values, err := find(t, text)
		if err != nil || !reflect.DeepEqual(values, expected) {
			t.Errorf("%s: %v, %v", text, values, err)
		}
		for i, place := range places {
			if !reflect.DeepEqual(Get(document(), place), values[i]) {
				t.Errorf("%s: %s holds something else", text, place)
			}
		}
	}
	for text, place := range map[string]string{
		"$.customer.no.x": "`$.customer.no`", "$.customer[*]": "`$.customer`", "$.rows.no": "`$.rows`", "$.matrix[*].x": "`$.matrix[0]`",
	} {
		if _, _, err := find(t, text); !errors.Is(err, fault.MessageMismatch) || !strings.Contains(err.Error(), place) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRemoveKeepsThePlacesOfOthersTrue(t *testing.T) {
	found := Remove(document(), []Place{
		{Member("rows"), Item(0)}, {Member("rows"), Item(2)}, {Member("rows"), Item(2)}, {Member("customer"), Member("no")},
		{Member("nobody"), Member("x")}, {Member("matrix"), Item(0), Item(1)}, {Member("rows"), Item(99)},
	}).(object)
	if fmt.Sprint(found["rows"], found["matrix"]) != "[map[no:2] map[]] [[1] [] [3]]" || Remove(found, []Place{{}}) != nil {
		t.Errorf("left %v", found)
	}
	if _, there := found["customer"].(object)["no"]; there {
		t.Error("the member is still there")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "customer", ".customer", "$customer", "$.", "$..no", "$.a b", "$.1a", "$[0]", "$[*", "$['']", "$['a", `$["a"]`,
		"$.rows[?(@.no)]", "$.*", "$ .a", "$.a.", `$['a\x']`, "$.a\n", "$.a\xff", "$['\xed\xa0\x80']", "$.é", "$.a-1",
		"$", "$.customer.no", "$['customer']", `$['\\']`, "$[*][*]",
	} {
		f.Add(seed)
	}
	refused := map[string]bool{}
	for _, text := range []string{"", "customer", "$.", "$..no", "$.a b", "$.1a", "$[0]", "$['']", "$['a", "$.*", "$.a\n", "$.a\xff", `$['a\x']`} {
		refused[text] = true
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := Parse(text)
		if err != nil {
			if !errors.Is(err, fault.Path) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if refused[text] || !utf8.ValidString(text) {
			t.Errorf("%q is a path", text)
		}
		// Any path can be written with quotes alone, and means the same.
		quoted := "$"
		for _, step := range path.steps {
			if step.every {
				quoted += "[*]"
			} else {
				quoted += "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(step.name) + "']"
			}
		}
		again, err := Parse(quoted)
		if err != nil || !reflect.DeepEqual(again.steps, path.steps) {
			t.Errorf("%q and %q differ: %v", text, quoted, err)
		}
	})
}
