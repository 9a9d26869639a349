// Package mail reads the text that the sender of a mail wrote: without quotations, forwarded
// messages and signatures.
package mail

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"nextquill/importer/prose"
)

// HeaderLine is a line that starts a header field.
var HeaderLine = regexp.MustCompile(`^[!-9;-~]{1,64}:`)

// header is the header of a mail or a part, by lower-case name. Of repeated fields the first
// counts.
type header map[string]string

// splitHeader separates header and body. Folded lines are joined.
func splitHeader(data []byte) (header, []byte) {
	h := header{}
	name, value := "", []byte(nil) // the field that is read
	flush := func() {
		if name != "" {
			h[name] = string(bytes.TrimSpace(value))
		}
		name = ""
	}
	defer flush()
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			return h, rest
		}
		if line[0] == ' ' || line[0] == '\t' {
			if name != "" && len(value)+len(line) < 64<<10 {
				value = append(append(value, '\n'), line...)
			}
		} else if i := bytes.IndexByte(line, ':'); i > 0 && HeaderLine.Match(line) {
			flush()
			next := strings.ToLower(string(line[:i]))
			if _, twice := h[next]; !twice && len(h) < 1000 {
				name, value = next, append(value[:0], line[i+1:]...)
			}
		} else if !bytes.HasPrefix(line, []byte(">From ")) {
			return h, data // a body without an empty line before it
		}
		data = rest
	}
	return h, nil
}

// unfolded is the value of a field without line breaks.
func (h header) unfolded(name string) string {
	return strings.NewReplacer("\n\t", " ", "\n", "").Replace(h[name])
}

// text is the value of a field with its encoded words decoded.
func (h header) text(name string) string { return prose.OneLine(decodeWords(h.unfolded(name)), 1000) }

// Address is a sender or a recipient. The address is in lower case.
type Address struct{ Name, Address string }

// Message is one mail.
type Message struct {
	From        Address
	Known       bool // the mail has a sender
	To          []Address
	DeliveredTo []Address
	Subject     string
	ID, Parent  string
	Time        time.Time // zero without a date that is understood
	HasDate     bool
	Automatic   bool     // an automatic reply
	Sent        bool     // a label says that the owner of the mailbox sent it
	Text        string   // what the sender wrote
	HasText     bool     // the mail has a text part
	Charsets    []string // that are unknown
	Cut         bool     // the HTML has a tag longer than 16 MiB, where the text ends
}

// Parse reads a mail.
func Parse(data []byte) Message {
	h, body := splitHeader(data)
	m := Message{To: addresses(h.unfolded("to")), DeliveredTo: addresses(h.unfolded("delivered-to")),
		Subject: h.text("subject"), ID: messageID(h["message-id"]), Parent: messageID(h["in-reply-to"]),
		HasDate: h["date"] != "", Sent: sentLabel.MatchString(h.text("x-gmail-labels"))}
	m.From, m.Known = firstAddress(h.unfolded("from"))
	auto := strings.ToLower(h["auto-submitted"])
	m.Automatic = auto != "" && !strings.HasPrefix(auto, "no") || h["x-autoreply"] != "" || h["x-autorespond"] != "" ||
		strings.EqualFold(h["precedence"], "auto_reply")
	m.Time, _ = mailTime(h.unfolded("date"))
	d := &mailReader{}
	m.Text = d.part(h, body, 0)
	m.HasText, m.Charsets, m.Cut = d.leaves > 0, d.charsets, d.cut
	return m
}

// sentLabel recognizes the label of sent mail in Google's exports.
var sentLabel = regexp.MustCompile(`(?i)(^|,)\s*"?(` +
	`sent|gesendet|messages envoyés|envoyés|enviados|enviado|enviadas|inviati|posta inviata|verzonden|skickat|sendt|` +
	`wysłane|отправленные|gönderilmiş postalar|送信済み|已发邮件|寄件備份|보낸편지함)"?\s*(,|$)`)

var bracketed = regexp.MustCompile(`<([^<>\s]{1,500})>`)

func messageID(s string) string {
	if m := bracketed.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return prose.OneLine(s, 500)
}

func mailTime(s string) (time.Time, bool) {
	if len(s) > 200 {
		return time.Time{}, false
	}
	if t, err := mail.ParseDate(s); err == nil {
		return prose.InRange(t)
	}
	if i := strings.IndexByte(s, '('); i > 0 {
		s = s[:i]
	}
	return prose.ParseTime(s)
}

// addresses parses a list of addresses. What net/mail refuses is searched for addresses.
func addresses(s string) (out []Address) {
	if s == "" || len(s) > 64<<10 {
		return nil
	}
	list, err := mail.ParseAddressList(s)
	if err == nil {
		for _, a := range list {
			out = append(out, Address{Name: cleanName(a.Name, a.Address), Address: strings.ToLower(a.Address)})
		}
		return out
	}
	for part := range strings.SplitSeq(s, ",") {
		m := looseAddress.FindStringSubmatchIndex(part)
		if m == nil {
			continue
		}
		address := part[m[2]:m[3]]
		name := strings.Trim(decodeWords(strings.TrimSpace(strings.TrimRight(part[:m[0]], "< "))), `"' `)
		out = append(out, Address{Name: cleanName(name, address), Address: strings.ToLower(address)})
	}
	return out
}

func cleanName(name, address string) string {
	name = prose.OneLine(decodeWords(name), 200)
	if strings.EqualFold(name, address) {
		return ""
	}
	return name
}

var looseAddress = regexp.MustCompile(`<?([^\s<>",;:()]+@[^\s<>",;:()]+)>?`)

func firstAddress(s string) (Address, bool) {
	if list := addresses(s); len(list) > 0 {
		return list[0], true
	}
	if name := prose.OneLine(strings.Trim(decodeWords(s), `"' `), 200); name != "" {
		return Address{Name: name}, true
	}
	return Address{}, false
}

var encodedWord = regexp.MustCompile(`=\?([^?\s*]{1,40})(?:\*[\w-]*)?\?([bBqQ])\?([^?]*)\?=`)

// decodeWords decodes the encoded words of a header field. Adjacent words of one charset are joined
// before they are decoded, because programs split characters between words.
func decodeWords(s string) string {
	var b strings.Builder
	var pending []byte
	charset, last := "", 0
	flush := func() {
		if pending != nil {
			text, _ := prose.DecodeCharset(pending, charset)
			b.WriteString(text)
			pending = nil
		}
	}
	for _, m := range encodedWord.FindAllStringSubmatchIndex(s, -1) {
		between := s[last:m[0]]
		name := strings.ToLower(s[m[2]:m[3]])
		if pending == nil || strings.TrimSpace(between) != "" || name != charset {
			adjacent := pending != nil && strings.TrimSpace(between) == ""
			flush()
			if !adjacent {
				b.WriteString(between)
			}
			pending, charset = []byte{}, name
		}
		word := s[m[6]:m[7]]
		if s[m[4]] == 'b' || s[m[4]] == 'B' {
			pending = append(pending, looseBase64([]byte(word))...)
		} else {
			pending = append(pending, looseQuoted([]byte(strings.ReplaceAll(word, "_", "=20")))...)
		}
		last = m[1]
	}
	flush()
	b.WriteString(s[last:])
	if b.Len() == len(s) && b.String() == s {
		return prose.UTF8Or1252([]byte(s))
	}
	return b.String()
}

// looseBase64 decodes base64, and ignores everything that does not belong to it.
func looseBase64(data []byte) []byte {
	kept := make([]byte, 0, len(data))
	for _, c := range data {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			kept = append(kept, c)
		}
	}
	if len(kept)%4 == 1 {
		kept = kept[:len(kept)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(kept)))
	n, _ := base64.RawStdEncoding.Decode(out, kept)
	return out[:n]
}

// looseQuoted decodes quoted-printable. Invalid sequences stay as they are.
func looseQuoted(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		line, rest, more := bytes.Cut(data, []byte("\n"))
		line = bytes.TrimRight(line, " \t\r")
		soft := false
		for i := 0; i < len(line); i++ {
			if line[i] != '=' {
				out = append(out, line[i])
				continue
			}
			if i == len(line)-1 {
				soft = true
				break
			}
			if i+2 < len(line) {
				if decoded, err := hex.AppendDecode(out, line[i+1:i+3]); err == nil {
					out = decoded
					i += 2
					continue
				}
			}
			out = append(out, '=')
		}
		if more && !soft {
			out = append(out, '\n')
		}
		data = rest
	}
	return out
}

// mailReader reads the text of a mail.
type mailReader struct {
	leaves   int // text parts
	parts    int
	charsets []string // that are unknown
	cut      bool     // HTML was not read to its end
}

// Bounds on the structure of a mail.
const (
	maxDepth = 20
	maxParts = 1000
)

// part returns the sender's own text of a part.
func (d *mailReader) part(h header, body []byte, depth int) string {
	if d.parts++; d.parts > maxParts || depth > maxDepth {
		return ""
	}
	kind, params := contentType(h)
	disposition := strings.ToLower(h.unfolded("content-disposition"))
	if strings.HasPrefix(disposition, "attachment") {
		return ""
	}
	switch {
	case strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		return d.multipart(kind, params["boundary"], body, depth)
	case kind == "text/plain", kind == "text/html", kind == "text/enriched":
		if depth > 0 && (strings.Contains(disposition, "filename") || params["name"] != "") {
			return ""
		}
		d.leaves++
		text := d.decode(h, body, params["charset"])
		if kind == "text/html" {
			lines, complete := htmlLines(text)
			d.cut = d.cut || !complete
			return ownText(lines)
		}
		return ownText(plainLines(text, params))
	}
	return ""
}

// contentType parses the type of a part; what mime refuses is parsed loosely.
func contentType(h header) (string, map[string]string) {
	value := h.unfolded("content-type")
	if value == "" {
		return "text/plain", nil
	}
	kind, params, err := mime.ParseMediaType(value)
	if err == nil {
		return kind, params
	}
	first, rest, _ := strings.Cut(value, ";")
	params = map[string]string{}
	for p := range strings.SplitSeq(rest, ";") {
		if k, v, ok := strings.Cut(p, "="); ok {
			params[strings.ToLower(strings.TrimSpace(k))] = strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	if kind = strings.ToLower(strings.TrimSpace(first)); !strings.Contains(kind, "/") {
		kind = "text/plain"
	}
	return kind, params
}

// decode returns the text of a leaf, with line breaks \n.
func (d *mailReader) decode(h header, body []byte, charset string) string {
	switch strings.ToLower(strings.TrimSpace(h["content-transfer-encoding"])) {
	case "base64":
		body = looseBase64(body)
	case "quoted-printable":
		body = looseQuoted(body)
	}
	text, known := prose.DecodeCharset(body, charset)
	if !known {
		d.charsets = append(d.charsets, prose.OneLine(charset, 40))
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}

// multipart returns the text of a part with parts. Of alternatives it is the plain text, or the
// HTML if the plain text is empty. Otherwise the texts of all parts are joined.
func (d *mailReader) multipart(kind, boundary string, body []byte, depth int) string {
	var out []string
	html := ""
	for _, raw := range splitParts(body, boundary) {
		h, body := splitHeader(raw)
		if kind == "multipart/digest" && h["content-type"] == "" || kind == "multipart/report" && d.leaves > 0 {
			continue
		}
		text := d.part(h, body, depth+1)
		if text == "" {
			continue
		}
		if kind != "multipart/alternative" {
			out = append(out, text)
			continue
		}
		if sub, _ := contentType(h); sub == "text/plain" {
			return text
		}
		html = text
	}
	if kind == "multipart/alternative" {
		return html
	}
	return strings.Join(out, "\n\n")
}

// splitParts separates the parts of a multipart body. The last boundary may be missing.
func splitParts(body []byte, boundary string) (parts [][]byte) {
	mark := []byte("--" + boundary)
	start := -1
	for at := 0; at < len(body); {
		end := bytes.IndexByte(body[at:], '\n')
		next := len(body)
		if end >= 0 {
			next = at + end + 1
		}
		line := bytes.TrimRight(body[at:next], " \t\r\n")
		if bytes.HasPrefix(line, mark) {
			tail := string(line[len(mark):])
			if tail == "" || tail == "--" {
				if start >= 0 {
					parts = append(parts, trimBreak(body[start:at]))
				}
				start = next
				if tail == "--" || len(parts) > maxParts {
					return parts
				}
			}
		}
		at = next
	}
	if start >= 0 && start < len(body) {
		parts = append(parts, body[start:])
	}
	return parts
}

// trimBreak removes the line break before a boundary, which belongs to the boundary.
func trimBreak(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}
