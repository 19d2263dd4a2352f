package masks

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Masks that hide characters of a text. Every function gets a text that is not empty and counts in code points.
//
// INVARIANT: each hides something. Where a rule would leave nothing hidden, because the value is too short or not of
// the expected form, the value is hidden whole.

// Hidden is what stands for a value whose form does not fit its mask.
const Hidden = "***"

// hiding is how hidden stretches are written.
type hiding struct {
	char   rune
	length int
}

// whole hides everything.
func (h hiding) whole(text string) string { return h.stretch(utf8.RuneCountInString(text)) }

func (h hiding) stretch(count int) string {
	if h.length > 0 {
		count = h.length
	}
	return strings.Repeat(string(h.char), count)
}

// places returns the text with the characters hidden whose entry is true; hidden whole when there is none.
func (h hiding) places(text []rune, hidden []bool) string {
	var out strings.Builder
	out.Grow(len(text) * 2)
	any := false
	for start := 0; start < len(text); {
		end := start + 1
		for end < len(text) && hidden[end] == hidden[start] {
			end++
		}
		if hidden[start] {
			any = true
			count := end - start
			if h.length > 0 {
				count = h.length
			}
			for range count {
				out.WriteRune(h.char)
			}
		} else {
			for _, ch := range text[start:end] {
				out.WriteRune(ch)
			}
		}
		start = end
	}
	if !any {
		return h.stretch(len(text))
	}
	return out.String()
}

// span returns the text with the characters from start to end hidden; hidden whole when there is none.
func (h hiding) span(text []rune, start, end int) string {
	if start >= end {
		return h.stretch(len(text))
	}
	count := end - start
	if h.length > 0 {
		count = h.length
	}
	var usual [96]byte
	out := usual[:0]
	for _, ch := range text[:start] {
		out = utf8.AppendRune(out, ch)
	}
	for range count {
		out = utf8.AppendRune(out, h.char)
	}
	for _, ch := range text[end:] {
		out = utf8.AppendRune(out, ch)
	}
	return string(out)
}

// letters returns the places of the characters that count.
func letters(text []rune, skip string) []int {
	found := make([]int, 0, len(text))
	for i, ch := range text {
		if skip == "" || !strings.ContainsRune(skip, ch) {
			found = append(found, i)
		}
	}
	return found
}

func hideAt(text []rune, places ...[]int) []bool {
	hidden := make([]bool, len(text))
	for _, part := range places {
		for _, place := range part {
			hidden[place] = true
		}
	}
	return hidden
}

func makeFull(p parameters, _ *setting) (textMask, error) {
	return p.hiding().whole, nil
}

func makeKeep(p parameters, _ *setting) (textMask, error) {
	h, prefix, suffix, skip := p.hiding(), p.count("prefix"), p.count("suffix"), p.text("skip")
	return func(value string) string {
		text := []rune(value)
		if skip == "" {
			return h.span(text, prefix, len(text)-suffix)
		}
		own := letters(text, skip)
		end := len(own) - suffix
		if end <= prefix {
			return h.stretch(len(text))
		}
		return h.places(text, hideAt(text, own[prefix:end]))
	}, nil
}

func makeMask(p parameters, _ *setting) (textMask, error) {
	h, prefix, suffix, skip := p.hiding(), p.count("prefix"), p.count("suffix"), p.text("skip")
	return func(value string) string {
		text := []rune(value)
		own := letters(text, skip)
		end := len(own) - suffix
		if end <= prefix {
			return h.stretch(len(text))
		}
		return h.places(text, hideAt(text, own[:prefix], own[end:]))
	}, nil
}

func makeKeepRange(p parameters, _ *setting) (textMask, error) {
	h, from, to, skip := p.hiding(), p.count("from"), p.count("to"), p.text("skip")
	if to < from {
		return nil, unavailable("parameter `to` lies before `from`")
	}
	return func(value string) string {
		text := []rune(value)
		own := letters(text, skip)
		if len(own) < to {
			return h.stretch(len(text))
		}
		return h.places(text, hideAt(text, own[:from-1], own[to:]))
	}, nil
}

func makeBefore(p parameters, _ *setting) (textMask, error) {
	h, find := p.hiding(), finder(p)
	return func(value string) string {
		place, _ := find(value)
		text := []rune(value)
		return h.span(text, 0, max(place, 0))
	}, nil
}

func makeAfter(p parameters, _ *setting) (textMask, error) {
	h, find := p.hiding(), finder(p)
	return func(value string) string {
		place, size := find(value)
		text := []rune(value)
		if place < 0 {
			return h.stretch(len(text))
		}
		return h.span(text, place+size, len(text))
	}, nil
}

// finder returns a function that tells where the delimiter stands, -1 for nowhere, and its size, in characters.
func finder(p parameters) func(string) (int, int) {
	delimiter, index := p.text("delimiter"), strings.Index
	if p.text("occurrence") == "last" {
		index = strings.LastIndex
	}
	size := utf8.RuneCountInString(delimiter)
	return func(text string) (int, int) {
		place := index(text, delimiter)
		if place > 0 {
			place = utf8.RuneCountInString(text[:place])
		}
		return place, size
	}
}

func isDot(ch rune) bool { return ch == 0xB7 || ch == 0x2022 || ch == 0x2027 || ch == 0x30FB }

func isSpace(ch rune) bool { return ch == ' ' || ch == 0xA0 || ch == 0x3000 }

func isLatin(ch rune) bool {
	return 'A' <= ch && ch <= 'Z' || 'a' <= ch && ch <= 'z' || 0xC0 <= ch && ch <= 0x24F && ch != 0xD7 && ch != 0xF7
}

func makeName(p parameters, _ *setting) (textMask, error) {
	h := p.hiding()
	return func(value string) string {
		text := []rune(value)
		hidden := make([]bool, len(text))
		dotted := false
		// Where the first two characters of the name itself stand, and how many there are.
		var first [2]int
		count := 0
		for i, ch := range text {
			if isDot(ch) {
				dotted = true
			} else if !isSpace(ch) {
				hidden[i] = true
				if count < len(first) {
					first[count] = i
				}
				count++
			}
		}
		if count == 0 {
			return h.stretch(len(text))
		}
		hidden[first[0]] = false
		if !dotted {
			if count > 2 && compoundSurnames[[2]rune{text[first[0]], text[first[1]]}] {
				hidden[first[1]] = false
			}
			for i := first[0] + 1; i < len(text); i++ {
				if isSpace(text[i-1]) && isLatin(text[i]) {
					hidden[i] = false
				}
			}
		}
		return h.places(text, hidden)
	}, nil
}

func makeEmail(p parameters, _ *setting) (textMask, error) {
	h, prefix := p.hiding(), p.count("prefix")
	return func(value string) string {
		text := []rune(value)
		at := -1
		for i, ch := range text {
			if ch == '@' {
				at = i
			}
		}
		if at <= 0 || at == len(text)-1 {
			return h.stretch(len(text))
		}
		if prefix < at {
			return h.span(text, prefix, at)
		}
		return h.span(text, 0, at)
	}, nil
}

func makeAddress(p parameters, _ *setting) (textMask, error) {
	h, prefix, markers, exceptions := p.hiding(), p.count("prefix"), p.texts("markers"), p.texts("exceptions")
	endsWith := func(text string, words []string) bool {
		for _, word := range words {
			if strings.HasSuffix(text, word) {
				return true
			}
		}
		return false
	}
	var ends []rune
	for _, word := range markers {
		last, _ := utf8.DecodeLastRuneInString(word)
		ends = append(ends, last)
	}
	return func(value string) string {
		text := []rune(value)
		place := 0
		for i, ch := range value {
			place++
			if !slices.Contains(ends, ch) {
				continue
			}
			end := i + utf8.RuneLen(ch)
			if endsWith(value[:end], markers) && !endsWith(value[:end], exceptions) {
				return h.span(text, place, len(text))
			}
		}
		return h.span(text, prefix, len(text))
	}, nil
}

func isPhoneSeparator(ch rune) bool {
	return ch == '-' || ch == ' ' || ch == '(' || ch == ')' || ch == '（' || ch == '）'
}

// areaCode returns how many characters at the start are an area code: 010, 02x or 0[3-9]xx, in parentheses or not.
func areaCode(text []rune) int {
	i := 0
	at := func(n int) rune {
		if i+n < len(text) {
			return text[i+n]
		}
		return 0
	}
	digit := func(ch rune) bool { return '0' <= ch && ch <= '9' }
	if ch := at(0); ch == '(' || ch == '（' {
		i++
	}
	switch {
	case at(0) != '0':
		return 0
	case at(1) == '1' && at(2) == '0', at(1) == '2' && digit(at(2)):
		i += 3
	case '3' <= at(1) && at(1) <= '9' && digit(at(2)) && digit(at(3)):
		i += 4
	default:
		return 0
	}
	if ch := at(0); ch == ')' || ch == '）' {
		i++
	}
	return i
}

func makeLandline(p parameters, _ *setting) (textMask, error) {
	h, suffix := p.hiding(), p.count("suffix")
	return func(value string) string {
		text := []rune(value)
		hidden := make([]bool, len(text))
		shown := 0
		start := areaCode(text)
		for i := len(text) - 1; i >= start; i-- {
			if isPhoneSeparator(text[i]) {
				continue
			}
			if shown < suffix {
				shown++
			} else {
				hidden[i] = true
			}
		}
		return h.places(text, hidden)
	}, nil
}
