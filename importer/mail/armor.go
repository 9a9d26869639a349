package mail

import (
	"regexp"
	"strings"
)

var armorHead = regexp.MustCompile(`^-----BEGIN ([A-Z0-9 ]{3,40})-----$`)

const signedMessage = "PGP SIGNED MESSAGE"

// unarmored removes blocks of ASCII armor (RFC 9580): signatures, keys and encrypted messages. Of a
// signed message it keeps the text.
func unarmored(lines []line) []line {
	var out []line
	signed := false
	for i := 0; i < len(lines); i++ {
		m := armorHead.FindStringSubmatch(strings.TrimSpace(lines[i].text))
		switch {
		case m == nil:
			l := lines[i]
			if signed { // a dash at the start of a line is escaped
				l.text = strings.TrimPrefix(l.text, "- ")
			}
			out = append(out, l)
		case m[1] == signedMessage:
			signed = true
			for i+1 < len(lines) && strings.HasPrefix(lines[i+1].text, "Hash:") {
				i++
			}
		default:
			end := armorEnd(lines, i+1, m[1])
			if end < 0 {
				out = append(out, lines[i])
				continue
			}
			i, signed = end, false
		}
	}
	return out
}

// armorEnd returns the index of the last line of a block, or -1.
func armorEnd(lines []line, from int, name string) int {
	for i := from; i < len(lines); i++ {
		if strings.TrimSpace(lines[i].text) == "-----END "+name+"-----" {
			return i
		}
	}
	return -1
}
