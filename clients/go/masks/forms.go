package masks

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

func makeIP(p parameters, _ *setting) (textMask, error) {
	v4, v6, char := p.count("ipv4"), p.count("ipv6"), p.text("char")
	if v4 > 3 || v6 > 7 {
		return nil, unavailable("parameter `ipv4` or `ipv6` would show everything")
	}
	return func(text string) string {
		// A zone would show more than the address.
		if strings.Contains(text, "%") {
			return Hidden
		}
		address, err := netip.ParseAddr(text)
		if err != nil {
			return Hidden
		}
		if address.Is4() {
			octets := strings.Split(text, ".")
			for i := v4; i < 4; i++ {
				octets[i] = char
			}
			return strings.Join(octets, ".")
		}
		bytes := address.As16()
		groups := make([]string, 8)
		for i := range groups {
			groups[i] = char
			if i < v6 {
				groups[i] = strconv.FormatUint(uint64(bytes[2*i])<<8|uint64(bytes[2*i+1]), 16)
			}
		}
		return strings.Join(groups, ":")
	}, nil
}

// piece is a part of a template: a text, or the number of a group when above 0.
type piece struct {
	text  string
	group int
}

func makeRegex(p parameters, _ *setting) (textMask, error) {
	pattern := p.text("pattern")
	// Alone first: `a)(b` is no pattern, and would be one in brackets.
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, unavailable("parameter `pattern` is not RE2")
	}
	compiled, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil, unavailable("parameter `pattern` is not RE2")
	}
	pieces, err := template(p.text("template"), compiled.NumSubexp())
	if err != nil {
		return nil, err
	}
	return func(text string) string {
		found := compiled.FindStringSubmatch(text)
		if found == nil {
			return Hidden
		}
		var out strings.Builder
		for _, part := range pieces {
			if part.group > 0 {
				out.WriteString(found[part.group])
			} else {
				out.WriteString(part.text)
			}
		}
		if out.String() == text {
			return Hidden
		}
		return out.String()
	}, nil
}

func template(text string, groups int) ([]piece, error) {
	var pieces []piece
	for rest := text; rest != ""; {
		plain, after, found := strings.Cut(rest, "$")
		if plain != "" {
			pieces = append(pieces, piece{text: plain})
		}
		if !found {
			break
		}
		switch {
		case after != "" && after[0] == '$':
			pieces = append(pieces, piece{text: "$"})
		case after != "" && '1' <= after[0] && after[0] <= '9' && int(after[0]-'0') <= groups:
			pieces = append(pieces, piece{group: int(after[0] - '0')})
		default:
			return nil, unavailable("parameter `template` uses a group that the pattern does not have")
		}
		rest = after[1:]
	}
	return pieces, nil
}
