package jsontext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Encode returns a value as JSON, members sorted by name. Values are those of Decode, and whatever encoding/json takes.
func Encode(value any) ([]byte, error) {
	return appendValue(nil, value)
}

func appendValue(out []byte, value any) ([]byte, error) {
	var err error
	switch given := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, given), nil
	case string:
		return appendText(out, given), nil
	case json.Number:
		if !validNumber(given) {
			return nil, fmt.Errorf("a json.Number is not written as JSON has it")
		}
		return append(out, given...), nil
	case []any:
		out = append(out, '[')
		for i, item := range given {
			if i > 0 {
				out = append(out, ',')
			}
			if out, err = appendValue(out, item); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	case map[string]any:
		names := make([]string, 0, len(given))
		for name := range given {
			names = append(names, name)
		}
		slices.Sort(names)
		out = append(out, '{')
		for i, name := range names {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendText(out, name), ':')
			if out, err = appendValue(out, given[name]); err != nil {
				return nil, err
			}
		}
		return append(out, '}'), nil
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("a value of Go type %T is not JSON", value)
	}
	return append(out, bytes.TrimRight(buffer.Bytes(), "\n")...), nil
}

func validNumber(number json.Number) bool {
	d := decoder{data: []byte(number)}
	_, err := d.number()
	return err == nil && d.at == len(number)
}

const hexadecimal = "0123456789abcdef"

func appendText(out []byte, text string) []byte {
	out = append(out, '"')
	for i := 0; i < len(text); {
		ch := text[i]
		switch {
		case ch == '"' || ch == '\\':
			out = append(out, '\\', ch)
			i++
		case ch < 0x20:
			out = append(out, '\\', 'u', '0', '0', hexadecimal[ch>>4], hexadecimal[ch&15])
			i++
		case ch < utf8.RuneSelf:
			out = append(out, ch)
			i++
		default:
			letter, size := utf8.DecodeRuneInString(text[i:])
			switch {
			case letter != utf8.RuneError || size > 1:
				out = append(out, text[i:i+size]...)
			case isSurrogate(text[i:]):
				unit := uint16(text[i]&0x0F)<<12 | uint16(text[i+1]&0x3F)<<6 | uint16(text[i+2]&0x3F)
				out = append(out, '\\', 'u',
					hexadecimal[unit>>12], hexadecimal[unit>>8&15], hexadecimal[unit>>4&15], hexadecimal[unit&15])
				size = 3
			default:
				out = append(out, `\ufffd`...)
			}
			i += size
		}
	}
	return append(out, '"')
}

// isSurrogate says whether a text begins with the three bytes that stand for a lone surrogate.
func isSurrogate(text string) bool {
	return len(text) >= 3 && text[0] == 0xED && 0xA0 <= text[1] && text[1] <= 0xBF && 0x80 <= text[2] && text[2] <= 0xBF
}

// Normal returns a value in the types of Decode: those that it does not have, such as structs, by their JSON form.
func Normal(value any) (any, error) {
	text, err := Encode(value)
	if err != nil {
		return nil, err
	}
	return Decode(text)
}
