package masks_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"jingxi.dev/client/internal/jsontext"
	"jingxi.dev/client/internal/shared"
	"jingxi.dev/client/masks"
)

// floats reads numbers with a fraction or an exponent as doubles, as the vectors mean them.
func floats(value any) any {
	switch given := value.(type) {
	case json.Number:
		if strings.ContainsAny(string(given), ".eE") {
			number, _ := given.Float64()
			return number
		}
	case []any:
		for i := range given {
			given[i] = floats(given[i])
		}
	case map[string]any:
		for name := range given {
			given[name] = floats(given[name])
		}
	}
	return value
}

func TestVectors(t *testing.T) {
	table := shared.Load(t, "masking.json")
	seen := map[string]bool{}
	for _, entry := range table["cases"].([]any) {
		c := entry.(map[string]any)
		algorithm := c["algorithm"].(string)
		seen[algorithm] = true
		t.Run(c["id"].(string), func(t *testing.T) {
			keys := map[string][]byte{}
			if given, ok := c["keys"].(map[string]any); ok {
				for id, text := range given {
					key, err := base64.StdEncoding.DecodeString(text.(string))
					if err != nil {
						t.Fatal(err)
					}
					keys[id] = key
				}
			}
			options := []masks.Option{masks.WithKeys(masks.KeysFromMap(keys))}
			if today, ok := c["today"].(string); ok {
				day, err := time.Parse(time.DateOnly, today)
				if err != nil {
					t.Fatal(err)
				}
				options = append(options, masks.WithToday(day))
			}
			if nonce, ok := c["nonce"].(string); ok {
				data, err := hex.DecodeString(nonce)
				if err != nil {
					t.Fatal(err)
				}
				options = append(options, masks.WithNonceSource(bytes.NewReader(bytes.Repeat(data, 64))))
			}
			value := floats(c["value"])
			before, err := jsontext.Encode(value)
			if err != nil {
				t.Fatal(err)
			}
			shown, stays := masks.Apply(algorithm, c["parameters"].(map[string]any), value, options...)
			expected := c["expected"]
			if drop, ok := expected.(map[string]any); ok && drop["drop"] == true {
				if stays {
					t.Fatalf("shown %q, must be dropped", shown)
				}
			} else if !stays {
				t.Fatal("dropped")
			} else if !reflect.DeepEqual(shown, expected) {
				t.Fatalf("shown %q, expected %q", shown, expected)
			}
			if after, _ := jsontext.Encode(value); !bytes.Equal(before, after) {
				t.Fatalf("the value was changed to %s", after)
			}
		})
	}
	for _, algorithm := range masks.Algorithms() {
		if !seen[algorithm] {
			t.Errorf("no vector tries `%s`", algorithm)
		}
	}
}
