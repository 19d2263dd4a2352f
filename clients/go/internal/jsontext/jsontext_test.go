package jsontext

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`null`, ` [1, 2.50, -0, 1e21] `, `{"a": {"b": [true, false, "x\n\u0041\u00e9"]}}`, `"\ud83d\ude00"`, `"\ud800"`, `"\udc00\ud800"`,
		`{"a":1,"a":2}`, `01`, `1.`, `.5`, `+1`, `nul`, `[1,]`, `{"a"}`, `"` + "\x01" + `"`, `"\x"`, "\"\xff\"", `"a`, `[`, `1 2`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := Decode(text)
		// encoding/json takes the same texts, but for bytes that are not UTF-8, which it replaces.
		if json.Valid(text) != (err == nil) && bytes.Equal(bytes.ToValidUTF8(text, nil), text) && !strings.Contains(string(text), "[[[[[[[[") {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			return
		}
		again, err := Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(again)
		if err != nil || !reflect.DeepEqual(back, value) {
			t.Fatalf("%q became %q, %v", text, again, err)
		}
		if bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) {
			return // encoding/json replaces lone surrogates
		}
		var standard any
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&standard); err != nil || !reflect.DeepEqual(standard, value) {
			t.Fatalf("%q is %v, and %v by encoding/json, %v", text, value, standard, err)
		}
	})
}
