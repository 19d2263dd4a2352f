package values

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/fault"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

func same(t *testing.T, given any, found *pdpv1.Value, err error, text string) {
	t.Helper()
	expected := &pdpv1.Value{}
	if err := protojson.Unmarshal([]byte(text), expected); err != nil {
		t.Fatal(err)
	}
	if err != nil || !proto.Equal(found, expected) {
		t.Errorf("%v became %s, %v; expected %s", given, protojson.Format(found), err, text)
	}
}

func TestAGoValueGoesAsItsOwnType(t *testing.T) {
	for _, c := range []struct {
		value any
		text  string
	}{
		{"x", `{"stringValue":"x"}`}, {true, `{"boolValue":true}`}, {5, `{"intValue":"5"}`}, {uint8(5), `{"intValue":"5"}`},
		{5.0, `{"doubleValue":5}`}, {json.Number("5"), `{"intValue":"5"}`}, {json.Number("5.5"), `{"doubleValue":5.5}`},
		{time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), `{"timestampValue":"2026-03-02T10:00:00Z"}`},
		{90 * time.Minute, `{"durationValue":"5400s"}`}, {[]any{"a", "b"}, `{"stringList":{"values":["a","b"]}}`},
		{[]string{"a"}, `{"stringList":{"values":["a"]}}`}, {[]any{}, `{"stringList":{}}`}, {[]int{1, 2}, `{"intList":{"values":["1","2"]}}`},
		{[]any{1, 2.5}, `{"doubleList":{"values":[1,2.5]}}`}, {map[string]string{"a": "b"}, `{"stringMap":{"entries":{"a":"b"}}}`},
	} {
		found, err := Natural(c.value)
		same(t, c.value, found, err, c.text)
	}
	for _, value := range []any{
		nil, struct{}{}, []byte("x"), "\xed\xa0\x80", uint64(math.MaxUint64), math.Inf(1), []any{"a", 1.5}, map[string]any{"a": true},
		make([]string, 1001), make(chan int), time.Time{}.AddDate(10_000, 0, 0),
	} {
		if found, err := Natural(value); !errors.Is(err, fault.AttributeValue) {
			t.Errorf("%T became %v, %v", value, found, err)
		}
	}
}

func TestAMessageValueGoesAsTheDeclaredType(t *testing.T) {
	for _, c := range []struct {
		kind  string
		value any
		text  string
	}{
		{"INT", json.Number("5.0"), `{"intValue":"5"}`}, {"INT", "-12", `{"intValue":"-12"}`}, {"INT", "+12", `{"intValue":"12"}`},
		{"DOUBLE", 5, `{"doubleValue":5}`}, {"DOUBLE", "1,234.50", `{"doubleValue":1234.5}`}, {"STRING", 50.0, `{"stringValue":"50"}`},
		{"STRING", json.Number("50.10"), `{"stringValue":"50.10"}`}, {"BOOL", "false", `{"boolValue":false}`},
		{"DURATION", "-1.5s", `{"durationValue":"-1.5s"}`}, {"DURATION", "1h2m3s4ms5us6ns", `{"durationValue":"3723.004005006s"}`},
		{"TIMESTAMP", "2026-03-02T10:00:00+08:00", `{"timestampValue":"2026-03-02T02:00:00Z"}`},
		{"DOUBLE_LIST", []any{json.Number("1"), "2.5"}, `{"doubleList":{"values":[1,2.5]}}`},
	} {
		found, err := Typed(c.value, pdpv1.AttributeType(pdpv1.AttributeType_value["ATTRIBUTE_TYPE_"+c.kind]))
		same(t, c.value, found, err, c.text)
	}
	for _, c := range []struct {
		kind  string
		value any
	}{
		{"INT", "5.0"}, {"INT", true}, {"INT", 1.5}, {"INT", "9223372036854775808"}, {"DOUBLE", json.Number("1e400")}, {"DOUBLE", "1e5"},
		{"DOUBLE", "secret"}, {"DOUBLE", []any{1}}, {"STRING", []any{"secret"}}, {"STRING", true}, {"BOOL", "yes"}, {"BOOL", 1},
		{"TIMESTAMP", "secret"}, {"TIMESTAMP", "2026-03-02"}, {"TIMESTAMP", 5}, {"TIMESTAMP", "2026-02-30T10:00:00Z"},
		{"DURATION", "secret"}, {"DURATION", "999999999h"}, {"STRING_LIST", "secret"}, {"STRING_MAP", []any{"secret"}}, {"UNSPECIFIED", "secret"},
	} {
		found, err := Typed(c.value, pdpv1.AttributeType(pdpv1.AttributeType_value["ATTRIBUTE_TYPE_"+c.kind]))
		if !errors.Is(err, fault.AttributeValue) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s %v became %v, %v", c.kind, c.value, found, err)
		}
	}
}

func TestSlotsHoldNothingWhenCleared(t *testing.T) {
	slots := &Slots{}
	for count := range 300 {
		made := make([]*pdpv1.Value, count)
		for i := range made {
			made[i] = slots.String(strconv.Itoa(i))
		}
		for i, own := range made {
			if own.GetStringValue() != strconv.Itoa(i) {
				t.Fatalf("of %d values, %d is %v", count, i, own)
			}
		}
		slots.Clear()
		for i := range slots.slots {
			own := &slots.slots[i]
			if own.value.Kind != nil || own.text.StringValue != "" {
				t.Fatalf("after %d values it holds %v", count, own.text.StringValue)
			}
		}
	}
}
