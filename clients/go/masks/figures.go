package masks

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Masks that make a number coarser, and the text of a number. What they cannot read becomes Hidden; decimals are
// computed exactly.

// maxDigits bounds the digits on either side of the point; every double fits.
const maxDigits = 400

const maxNumberText = 64

// NumberText returns a JSON number as text without an exponent: a json.Number with its own digits, a float64 as the
// shortest decimal that reads back as the same double. It is false for what has none.
func NumberText(value any) (string, bool) {
	switch number := value.(type) {
	case json.Number:
		return decimalText(string(number))
	case float64:
		return floatText(number, 64)
	case float32:
		return floatText(float64(number), 32)
	case int:
		return strconv.FormatInt(int64(number), 10), true
	case int8:
		return strconv.FormatInt(int64(number), 10), true
	case int16:
		return strconv.FormatInt(int64(number), 10), true
	case int32:
		return strconv.FormatInt(int64(number), 10), true
	case int64:
		return strconv.FormatInt(number, 10), true
	case uint:
		return strconv.FormatUint(uint64(number), 10), true
	case uint8:
		return strconv.FormatUint(uint64(number), 10), true
	case uint16:
		return strconv.FormatUint(uint64(number), 10), true
	case uint32:
		return strconv.FormatUint(uint64(number), 10), true
	case uint64:
		return strconv.FormatUint(number, 10), true
	case *big.Int:
		if number == nil {
			return "", false
		}
		return decimalText(number.String())
	}
	return "", false
}

func floatText(value float64, bits int) (string, bool) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return "", false
	}
	if value == 0 {
		return "0", true
	}
	return strconv.FormatFloat(value, 'f', -1, bits), true
}

// decimalText writes a JSON number without an exponent and with all its digits.
func decimalText(text string) (string, bool) {
	sign, rest := "", text
	if strings.HasPrefix(rest, "-") {
		sign, rest = "-", rest[1:]
	}
	mantissa, exponent := rest, 0
	if e := strings.IndexAny(rest, "eE"); e >= 0 {
		mantissa = rest[:e]
		found, err := strconv.Atoi(rest[e+1:])
		if err != nil || found > 10*maxDigits || found < -10*maxDigits {
			return "", false
		}
		exponent = found
	}
	whole, fraction, pointed := strings.Cut(mantissa, ".")
	if whole == "" || !allDigits(whole) || pointed && !allDigits(fraction) {
		return "", false
	}
	if !pointed && len(mantissa) == len(rest) {
		digits := strings.TrimLeft(whole, "0")
		if digits == "" {
			return "0", true
		}
		return sign + digits, len(digits) <= maxDigits
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	if digits == "" {
		digits = "0"
	}
	if adjusted := exponent + len(digits) - 1; abs(adjusted) > maxDigits || abs(exponent) > maxDigits {
		return "", false
	}
	switch {
	case exponent >= 0 && digits == "0":
		return sign + "0", true
	case exponent >= 0:
		return sign + digits + strings.Repeat("0", exponent), true
	case len(digits) <= -exponent:
		digits = strings.Repeat("0", 1-exponent-len(digits)) + digits
	}
	return sign + digits[:len(digits)+exponent] + "." + digits[len(digits)+exponent:], true
}

func abs(n int) int { return max(n, -n) }

func allDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// decimal is an exact number: digits without leading zeros before the point and without trailing ones behind it.
type decimal struct {
	negative        bool
	whole, fraction string
}

// parseDecimal reads decimal text, with or without thousands separators.
func parseDecimal(text string) (decimal, bool) {
	if len(text) > maxNumberText && utf8.RuneCountInString(text) > maxNumberText {
		return decimal{}, false
	}
	rest, negative := text, false
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		negative, rest = rest[0] == '-', rest[1:]
	}
	whole, fraction, pointed := strings.Cut(rest, ".")
	if pointed && !allDigits(fraction) {
		return decimal{}, false
	}
	if strings.Contains(whole, ",") {
		groups := strings.Split(whole, ",")
		for i, group := range groups {
			if !allDigits(group) || len(group) > 3 || i > 0 && len(group) != 3 {
				return decimal{}, false
			}
		}
		whole = strings.Join(groups, "")
	} else if !allDigits(whole) {
		return decimal{}, false
	}
	found := decimal{negative, strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")}
	if found.whole == "" && found.fraction == "" {
		found.negative = false
	}
	return found, true
}

// ParseNumber reads decimal text such as `-1,234.50`, with or without thousands separators, at most 64 characters.
// It returns the text in a form that strconv and math/big read.
func ParseNumber(text string) (string, bool) {
	found, ok := parseDecimal(text)
	if !ok {
		return "", false
	}
	// Zero has no sign.
	if found.negative == (text[0] == '-') && !strings.Contains(text, ",") {
		return text, true
	}
	sign := ""
	if found.negative {
		sign = "-"
	}
	return sign + "0" + found.whole + "." + found.fraction + "0", true
}

// atLeast says whether the number is not less than another one.
func (d decimal) atLeast(other decimal) bool {
	if d.negative != other.negative {
		return other.negative
	}
	compared := len(d.whole) - len(other.whole)
	if compared == 0 {
		compared = strings.Compare(d.whole, other.whole)
	}
	if compared == 0 {
		compared = strings.Compare(d.fraction, other.fraction)
	}
	if d.negative {
		return compared <= 0
	}
	return compared >= 0
}

// scaled returns the absolute number times ten to this power, which is not below the length of the fraction.
func (d decimal) scaled(power int) *big.Int {
	digits := "0" + d.whole + d.fraction + strings.Repeat("0", power-len(d.fraction))
	number, _ := new(big.Int).SetString(digits, 10)
	return number
}

func makeBucket(p parameters, _ *setting) (textMask, error) {
	texts, labels := p.texts("edges"), p.texts("labels")
	if labels != nil && len(labels) != len(texts)+1 {
		return nil, unavailable("parameter `labels` does not have one item more than `edges`")
	}
	edges := make([]decimal, len(texts))
	for i, text := range texts {
		edges[i], _ = parseDecimal(text)
	}
	if labels == nil {
		labels = append(labels, "<"+texts[0])
		for i := range texts[1:] {
			labels = append(labels, texts[i]+"–"+texts[i+1])
		}
		labels = append(labels, "≥"+texts[len(texts)-1])
	}
	return func(text string) string {
		number, ok := parseDecimal(text)
		if !ok {
			return Hidden
		}
		index := 0
		for _, edge := range edges {
			if number.atLeast(edge) {
				index++
			}
		}
		return labels[index]
	}, nil
}

func makeRound(p parameters, _ *setting) (textMask, error) {
	unitText, nearest := p.text("unit"), p.text("mode") == "nearest"
	unit, _ := parseDecimal(unitText)
	_, fraction, _ := strings.Cut(unitText, ".")
	decimals := len(fraction)
	return func(text string) string {
		number, ok := parseDecimal(text)
		if !ok {
			return Hidden
		}
		power := max(len(number.fraction), decimals)
		count, step := number.scaled(power), unit.scaled(power)
		if nearest {
			count.Lsh(count, 1).Add(count, step)
			step.Lsh(step, 1)
		}
		count.Quo(count, step)
		sign := ""
		if number.negative && count.Sign() != 0 {
			sign = "-"
		}
		digits := count.Mul(count, unit.scaled(decimals)).String()
		if decimals == 0 {
			return sign + digits
		}
		if missing := decimals + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		return sign + digits[:len(digits)-decimals] + "." + digits[len(digits)-decimals:]
	}, nil
}
