package masks

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parameters are complete and of the right kinds: string, int or []string.
type parameters map[string]any

func (p parameters) text(name string) string    { text, _ := p[name].(string); return text }
func (p parameters) count(name string) int      { number, _ := p[name].(int); return number }
func (p parameters) texts(name string) []string { items, _ := p[name].([]string); return items }

func (p parameters) hiding() *hiding { return newHiding(p.text("char"), p.count("length")) }

// shape is what a parameter may be.
type shape func(any) (any, bool)

type parameter struct {
	// byDefault stands in when it is left out; nil when it may stay out.
	byDefault any
	required  bool
	shape     shape
}

type algorithm struct {
	make       func(parameters, *setting) (textMask, error)
	parameters map[string]parameter
}

func whole(least, most int) shape {
	return func(value any) (any, bool) {
		number, ok := integer(value)
		return number, ok && least <= number && number <= most
	}
}

func integer(value any) (int, bool) {
	switch number := value.(type) {
	case int:
		return number, true
	case int64:
		return int(number), math.MinInt <= number && number <= math.MaxInt
	case int32:
		return int(number), true
	case json.Number:
		found, err := strconv.Atoi(string(number))
		return found, err == nil
	}
	return 0, false
}

func text(value any) (any, bool) {
	found, ok := value.(string)
	return found, ok && utf8.ValidString(found)
}

func someText(value any) (any, bool) {
	found, ok := text(value)
	return found, ok && found != ""
}

func character(value any) (any, bool) {
	found, ok := value.(string)
	return found, ok && utf8.ValidString(found) && utf8.RuneCountInString(found) == 1
}

func upTo(most int) shape {
	return func(value any) (any, bool) {
		found, ok := value.(string)
		return found, ok && utf8.ValidString(found) && utf8.RuneCountInString(found) <= most
	}
}

func oneOf(choices ...string) shape {
	return func(value any) (any, bool) {
		found, ok := value.(string)
		return found, ok && slices.Contains(choices, found)
	}
}

func someTexts(value any) (any, bool) {
	var found []string
	switch items := value.(type) {
	case []string:
		found = slices.Clone(items)
	case []any:
		for _, item := range items {
			text, ok := item.(string)
			if !ok {
				return nil, false
			}
			found = append(found, text)
		}
	}
	return found, len(found) > 0 && !slices.ContainsFunc(found, func(s string) bool {
		_, ok := someText(s)
		return !ok
	})
}

func someNumbers(value any) (any, bool) {
	found, ok := someTexts(value)
	return found, ok && !slices.ContainsFunc(found.([]string), func(s string) bool { return !isPlainNumber(s) })
}

func isPlainNumber(text string) bool {
	_, ok := parseDecimal(text)
	return ok && !strings.Contains(text, ",")
}

func unit(value any) (any, bool) {
	found, ok := value.(string)
	if !ok || !isPlainNumber(found) {
		return nil, false
	}
	number, _ := parseDecimal(found)
	return found, !number.negative && number.whole+number.fraction != ""
}

var (
	count    = whole(0, 1_000)
	position = whole(1, 1_000)
)

func with(own map[string]parameter, length int) map[string]parameter {
	all := map[string]parameter{"length": {byDefault: length, shape: count}, "char": {byDefault: "*", shape: character}}
	for name, p := range own {
		all[name] = p
	}
	return all
}

func ends() map[string]parameter {
	return with(map[string]parameter{
		"prefix": {byDefault: 0, shape: count},
		"suffix": {byDefault: 0, shape: count},
		"skip":   {byDefault: "", shape: text},
	}, 0)
}

func delimiter() map[string]parameter {
	return with(map[string]parameter{
		"delimiter":  {required: true, shape: someText},
		"occurrence": {byDefault: "first", shape: oneOf("first", "last")},
	}, 0)
}

var (
	addressMarkers    = []string{"区", "县", "旗"}
	addressExceptions = []string{
		"自治区", "行政区", "小区", "社区", "园区", "校区", "厂区", "景区", "住宅区", "生活区", "工业区", "别墅区",
	}
)

// algorithms are all that this client can perform. `suppress` and `null` do not look at the value.
var algorithms = map[string]algorithm{
	"suppress": {},
	"null":     {},
	"full":     {makeFull, with(nil, 3)},
	"keep":     {makeKeep, ends()},
	"mask":     {makeMask, ends()},
	"keep_range": {makeKeepRange, with(map[string]parameter{
		"from": {required: true, shape: position},
		"to":   {required: true, shape: position},
		"skip": {byDefault: "", shape: text},
	}, 0)},
	"before": {makeBefore, delimiter()},
	"after":  {makeAfter, delimiter()},
	"name":   {makeName, with(nil, 0)},
	"email":  {makeEmail, with(map[string]parameter{"prefix": {byDefault: 1, shape: count}}, 3)},
	"address": {makeAddress, with(map[string]parameter{
		"markers":    {byDefault: addressMarkers, shape: someTexts},
		"exceptions": {byDefault: addressExceptions, shape: someTexts},
		"prefix":     {byDefault: 6, shape: count},
	}, 4)},
	"landline": {makeLandline, with(map[string]parameter{"suffix": {byDefault: 2, shape: count}}, 0)},
	"bucket": {makeBucket, map[string]parameter{
		"edges":  {required: true, shape: someNumbers},
		"labels": {shape: someTexts},
	}},
	"round": {makeRound, map[string]parameter{
		"unit": {byDefault: "1000", shape: unit},
		"mode": {byDefault: "nearest", shape: oneOf("nearest", "down")},
	}},
	"date_trunc": {makeDateTrunc, map[string]parameter{
		"unit": {byDefault: "year", shape: oneOf("year", "month", "age")},
		"band": {byDefault: 10, shape: count},
	}},
	"ip": {makeIP, map[string]parameter{
		"ipv4": {byDefault: 1, shape: count},
		"ipv6": {byDefault: 3, shape: count},
		"char": {byDefault: "*", shape: character},
	}},
	"regex": {makeRegex, map[string]parameter{
		"pattern":  {required: true, shape: someText},
		"template": {required: true, shape: someText},
	}},
	"hash": {makeHash, map[string]parameter{
		"key":    {required: true, shape: someText},
		"digest": {byDefault: "sha256", shape: oneOf("sha256", "sm3")},
		"digits": {byDefault: 64, shape: count},
	}},
	"encrypt": {makeEncrypt, map[string]parameter{
		"key":    {required: true, shape: someText},
		"cipher": {byDefault: CipherAES, shape: oneOf(CipherAES, CipherSM4)},
	}},
	"fpe": {makeFPE, map[string]parameter{
		"key":      {required: true, shape: someText},
		"alphabet": {byDefault: "digits", shape: oneOf("digits", "alnum", "alnum-case")},
		"tweak":    {byDefault: "", shape: upTo(64)},
	}},
}

// Algorithms returns the names of all algorithms that this client can perform, sorted.
func Algorithms() []string {
	names := make([]string, 0, len(algorithms))
	for name := range algorithms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// complete returns the parameters with defaults.
func (a algorithm) complete(name string, given map[string]any) (parameters, error) {
	for key := range given {
		if _, ok := a.parameters[key]; !ok {
			return nil, unavailable("this client does not know the parameter `%s` of `%s`", key, name)
		}
	}
	complete := make(parameters, len(a.parameters))
	for key, known := range a.parameters {
		value, isGiven := given[key]
		if !isGiven && !known.required {
			if known.byDefault != nil {
				complete[key] = known.byDefault
			}
			continue
		}
		found, ok := known.shape(value)
		if !ok {
			return nil, unavailable("parameter `%s` of `%s` is missing or wrong", key, name)
		}
		complete[key] = found
	}
	return complete, nil
}
