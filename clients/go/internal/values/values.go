// Package values goes from Go and JSON values to the typed values of a request.
//
//	type                 Go value                          also read from a message
//	string               string                            number: its text
//	int                  integers                          number without fraction, text such as "12"
//	double               floats, integers, json.Number     text such as "1234.56" or "1,234.56"
//	bool                 bool                              "true", "false"
//	timestamp            time.Time                         text such as "2026-03-02T10:00:00+08:00"
//	duration             time.Duration                     text such as "1h30m"
//	list(…)              []any, []string, []int64…         items as above
//	map(string, string)  map[string]string, map[string]any
package values

import (
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/masks"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// maxList bounds lists and maps.
const maxList = 1_000

var (
	whole         = regexp.MustCompile(`\A[+-]?[0-9]{1,19}\z`)
	duration      = regexp.MustCompile(`\A([+-]?)((?:[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h))+)\z`)
	durationPart  = regexp.MustCompile(`([0-9]+)(?:\.([0-9]+))?(ns|us|ms|s|m|h)`)
	timestamp     = regexp.MustCompile(`\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})\z`)
	durationUnits = map[string]int64{
		"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3_600e9,
	}
)

// Natural returns a Go value as its own type says.
func Natural(value any) (*pdpv1.Value, error) { return (*Slots)(nil).Natural(value) }

func naturalType(value any) pdpv1.AttributeType {
	switch given := value.(type) {
	case bool:
		return pdpv1.AttributeType_ATTRIBUTE_TYPE_BOOL
	case string:
		return pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING
	case json.Number:
		if strings.ContainsAny(string(given), ".eE") {
			return pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE
		}
		return pdpv1.AttributeType_ATTRIBUTE_TYPE_INT
	case float32, float64:
		return pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE
	case time.Time:
		return pdpv1.AttributeType_ATTRIBUTE_TYPE_TIMESTAMP
	case time.Duration:
		return pdpv1.AttributeType_ATTRIBUTE_TYPE_DURATION
	case map[string]string, map[string]any:
		return pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_MAP
	}
	if items, ok := list(value); ok {
		kind := pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_LIST
		for _, item := range items {
			switch naturalType(item) {
			case pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE:
				return pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE_LIST
			case pdpv1.AttributeType_ATTRIBUTE_TYPE_INT:
				kind = pdpv1.AttributeType_ATTRIBUTE_TYPE_INT_LIST
			}
		}
		return kind
	}
	if _, ok := masks.NumberText(value); ok {
		return pdpv1.AttributeType_ATTRIBUTE_TYPE_INT
	}
	return pdpv1.AttributeType_ATTRIBUTE_TYPE_UNSPECIFIED
}

// list returns the items of any Go slice but bytes.
func list(value any) ([]any, bool) {
	switch given := value.(type) {
	case []any:
		return given, true
	case nil, []byte, json.RawMessage:
		return nil, false
	}
	found := reflect.ValueOf(value)
	if found.Kind() != reflect.Slice || found.Len() > maxList {
		return nil, false
	}
	items := make([]any, found.Len())
	for i := range items {
		items[i] = found.Index(i).Interface()
	}
	return items, true
}

// Typed returns a Go or JSON value as a declared type. Its error never quotes the value.
func Typed(value any, kind pdpv1.AttributeType) (*pdpv1.Value, error) {
	return (*Slots)(nil).Typed(value, kind)
}

// rare is Typed for the types of few attributes.
func rare(value any, kind pdpv1.AttributeType) (*pdpv1.Value, error) {
	switch kind {
	case pdpv1.AttributeType_ATTRIBUTE_TYPE_TIMESTAMP:
		found, err := asTimestamp(value)
		return &pdpv1.Value{Kind: &pdpv1.Value_TimestampValue{TimestampValue: found}}, err
	case pdpv1.AttributeType_ATTRIBUTE_TYPE_DURATION:
		found, err := asDuration(value)
		return &pdpv1.Value{Kind: &pdpv1.Value_DurationValue{DurationValue: durationpb.New(time.Duration(found))}}, err
	case pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_LIST:
		found, err := asList(value, asString)
		return &pdpv1.Value{Kind: &pdpv1.Value_StringList{StringList: &pdpv1.StringList{Values: found}}}, err
	case pdpv1.AttributeType_ATTRIBUTE_TYPE_INT_LIST:
		found, err := asList(value, asInt)
		return &pdpv1.Value{Kind: &pdpv1.Value_IntList{IntList: &pdpv1.IntList{Values: found}}}, err
	case pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE_LIST:
		found, err := asList(value, asDouble)
		return &pdpv1.Value{Kind: &pdpv1.Value_DoubleList{DoubleList: &pdpv1.DoubleList{Values: found}}}, err
	case pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_MAP:
		found, err := asMap(value)
		return &pdpv1.Value{Kind: &pdpv1.Value_StringMap{StringMap: &pdpv1.StringMap{Entries: found}}}, err
	}
	return nil, fault.New(fault.AttributeValue, "its declared type is not known to this client; update the client")
}

// Text checks a text that is no attribute, such as the subject's id.
func Text(name, value string) error {
	if utf8.ValidString(value) {
		return nil
	}
	return fault.New(fault.AttributeValue, "`%s` is not valid UTF-8", name)
}

// IsListType says whether an attribute type is one of the list types.
func IsListType(kind pdpv1.AttributeType) bool {
	return kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_STRING_LIST ||
		kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_INT_LIST || kind == pdpv1.AttributeType_ATTRIBUTE_TYPE_DOUBLE_LIST
}

// Plain returns the Go value of a mask's parameter; nil for a kind that no parameter has.
func Plain(value *pdpv1.Value) any {
	switch held := value.GetKind().(type) {
	case *pdpv1.Value_StringValue:
		return held.StringValue
	case *pdpv1.Value_IntValue:
		return held.IntValue
	case *pdpv1.Value_BoolValue:
		return held.BoolValue
	case *pdpv1.Value_StringList:
		return held.StringList.GetValues()
	case *pdpv1.Value_IntList:
		return held.IntList.GetValues()
	}
	return nil
}

func asString(value any) (string, error) {
	if text, ok := value.(string); ok {
		if !utf8.ValidString(text) {
			return "", fault.New(fault.AttributeValue, "the text is not valid UTF-8, or holds a lone surrogate")
		}
		return text, nil
	}
	if text, ok := masks.NumberText(value); ok {
		return text, nil
	}
	return "", unfit(value, "a text")
}

func asInt(value any) (int64, error) {
	switch given := value.(type) {
	case int:
		return int64(given), nil
	case int64:
		return given, nil
	}
	text, isText := value.(string)
	if isText {
		if !whole.MatchString(text) {
			return 0, unfit(value, "a whole number of 64 bits")
		}
	} else {
		var ok bool
		if text, ok = masks.NumberText(value); !ok {
			return 0, unfit(value, "a whole number of 64 bits")
		}
		before, fraction, _ := strings.Cut(text, ".")
		if strings.Trim(fraction, "0") != "" {
			return 0, unfit(value, "a whole number of 64 bits")
		}
		text = before
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, unfit(value, "a whole number of 64 bits")
	}
	return number, nil
}

func asDouble(value any) (float64, error) {
	var text string
	ok := false
	switch given := value.(type) {
	case float64:
		if math.IsNaN(given) || math.IsInf(given, 0) {
			return 0, unfit(value, "a number")
		}
		return given, nil
	case json.Number:
		text, ok = string(given), true
	case string:
		text, ok = masks.ParseNumber(given)
	default:
		text, ok = masks.NumberText(value)
	}
	if ok {
		number, err := strconv.ParseFloat(text, 64)
		if err == nil && !math.IsNaN(number) && !math.IsInf(number, 0) {
			return number, nil
		}
	}
	return 0, unfit(value, "a number")
}

func asBool(value any) (bool, error) {
	switch value {
	case true, "true":
		return true, nil
	case false, "false":
		return false, nil
	}
	return false, unfit(value, "true or false")
}

func asTimestamp(value any) (*timestamppb.Timestamp, error) {
	moment, ok := value.(time.Time)
	if text, isText := value.(string); isText && timestamp.MatchString(text) {
		found, err := time.Parse(time.RFC3339Nano, text)
		moment, ok = found, err == nil
	}
	found := timestamppb.New(moment)
	if !ok || found.CheckValid() != nil {
		return nil, unfit(value, "a date-time with a time zone")
	}
	return found, nil
}

func asDuration(value any) (int64, error) {
	switch given := value.(type) {
	case time.Duration:
		return int64(given), nil
	case string:
		match := duration.FindStringSubmatch(given)
		if match == nil || len(given) > 64 {
			return 0, unfit(value, "a duration")
		}
		total := new(big.Int)
		for _, part := range durationPart.FindAllStringSubmatch(match[2], -1) {
			unit := big.NewInt(durationUnits[part[3]])
			number, _ := new(big.Int).SetString(part[1], 10)
			total.Add(total, number.Mul(number, unit))
			if part[2] != "" {
				fraction, _ := new(big.Int).SetString(part[2], 10)
				power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(part[2]))), nil)
				total.Add(total, fraction.Mul(fraction, unit).Quo(fraction, power))
			}
		}
		if match[1] == "-" {
			total.Neg(total)
		}
		if !total.IsInt64() {
			return 0, unfit(value, "a duration of at most 292 years")
		}
		return total.Int64(), nil
	}
	return 0, unfit(value, "a duration")
}

func asList[T any](value any, item func(any) (T, error)) ([]T, error) {
	items, ok := list(value)
	if !ok || len(items) > maxList {
		return nil, unfit(value, "a list of at most 1000 items")
	}
	found := make([]T, len(items))
	for i := range items {
		var err error
		if found[i], err = item(items[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func asMap(value any) (map[string]string, error) {
	found := map[string]string{}
	add := func(name string, item any) error {
		if _, err := asString(name); err != nil {
			return err
		}
		text, err := asString(item)
		found[name] = text
		return err
	}
	switch given := value.(type) {
	case map[string]string:
		for name, item := range given {
			if err := add(name, item); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name, item := range given {
			if err := add(name, item); err != nil {
				return nil, err
			}
		}
	default:
		return nil, unfit(value, "an object of texts")
	}
	if len(found) > maxList {
		return nil, unfit(value, "an object of texts")
	}
	return found, nil
}

func unfit(value any, expected string) error {
	return fault.New(fault.AttributeValue, "%s is not %s", kindOf(value), expected)
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case bool:
		return "a boolean"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	if _, ok := masks.NumberText(value); ok {
		return "a number"
	}
	return "a value of Go type `" + reflect.TypeOf(value).String() + "`"
}
