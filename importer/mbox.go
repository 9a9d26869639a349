package importer

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"nextquill/core/fault"
	"nextquill/importer/mail"
)

// fromLine is the line before a message of a mailbox. It has an address or an id, and a date: a
// line of a text that starts with "From " has no date.
var fromLine = regexp.MustCompile(
	`^From (?:\S+ .*|- ?|\S+ ?)?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? .*|\d{4}-\d\d-\d\d[ T])\d{1,2}:\d{2}`,
)

// isMailbox recognizes a mailbox by its first bytes: the line before a message, and a header field.
func isMailbox(head []byte) bool {
	line, next, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), []byte("\n"))
	return fromLine.Match(line) && (mail.HeaderLine.Match(next) || len(next) == 0)
}

// mbox imports a mailbox, one message at a time. It has no limit of its own on the size, only on a
// message.
func (in *input) mbox(f file) error {
	r, err := in.reader(f)
	if err != nil {
		return err
	}
	defer r.Close()
	b := bufio.NewReaderSize(r, 64<<10)
	if bom, _ := b.Peek(3); string(bom) == "\xef\xbb\xbf" {
		b.Discard(3)
	}
	var message []byte
	number, started, cutOff := 0, false, false
	flush := func() {
		if !started {
			return
		}
		number++
		place := fmt.Sprintf("%s: message %d", f.name, number)
		if cutOff {
			in.note("the message is longer than the limit; the rest, such as attachments, was skipped", place)
		}
		in.mail(place, message)
		message, cutOff = message[:0], false
	}
	blank, whole := true, true // whole: the slice starts a line
	for {
		line, err := b.ReadSlice('\n')
		if whole && bytes.HasPrefix(line, []byte("From ")) && blank && fromLine.Match(line) {
			line = bytes.Clone(line) // Peek may overwrite the buffer
			next, _ := b.Peek(200)
			if mail.HeaderLine.Match(next) || len(next) == 0 {
				flush()
				started = true
				blank = false
				if err != nil && err != bufio.ErrBufferFull {
					break
				}
				continue
			}
		}
		if whole {
			blank = len(bytes.TrimRight(line, "\r\n")) == 0
			if escaped.Match(line) {
				line = line[1:]
			}
		}
		if started && len(message)+len(line) <= in.lim.Mail {
			message = append(message, line...)
		} else if started && len(line) > 0 {
			cutOff = true
		}
		whole = err != bufio.ErrBufferFull
		if err == io.EOF {
			break
		}
		if err != nil && err != bufio.ErrBufferFull {
			flush()
			return unreadable(f, err)
		}
	}
	flush()
	return nil
}

var escaped = regexp.MustCompile(`^>+From `)

// eml imports one message. Apple's .emlx has a line with its length before it.
func (in *input) eml(f file, data []byte) error {
	if f.ext() == ".emlx" {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		if n, err := strconv.Atoi(string(bytes.TrimSpace(line))); err == nil && n >= 0 {
			data = rest[:min(n, len(rest))]
		}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !mail.HeaderLine.Match(data) {
		return fault.New(fault.Malformed, f.name, "line 1", "is not a mail: a header field is expected").
			WithRemedy("save the message as .eml again")
	}
	in.mail(f.name, data)
	return nil
}

// mail imports one message.
func (in *input) mail(place string, data []byte) {
	parsed := mail.Parse(data)
	from := personOf(parsed.From)
	switch {
	case !parsed.Known:
		in.leave("the mail has no sender", place)
		return
	case parsed.Automatic:
		in.leave("an automatic message", place)
		return
	}
	for _, a := range append(parsed.DeliveredTo, parsed.To...) {
		if p := personOf(a); p.key() != from.key() {
			in.mark(p, 1)
		}
	}
	if parsed.Sent {
		in.mark(from, 10)
	}
	if n := len(parsed.DeliveredTo); n > 0 && personOf(parsed.DeliveredTo[0]).key() != from.key() {
		in.mark(from, -1) // a received mail
	}
	for _, c := range parsed.Charsets {
		in.note("the charset "+c+" is unknown; the text is read as UTF-8 or windows-1252", place)
	}
	if parsed.Cut {
		in.note("a tag of the message is too long; the text behind it was skipped", place)
	}
	switch {
	case !parsed.HasText:
		in.leave("the mail has no text part", place)
		return
	case strings.TrimSpace(parsed.Text) == "":
		in.leave("the mail has no text of its own", place)
		return
	}
	if parsed.HasDate && parsed.Time.IsZero() {
		in.note("the time is not understood; the text is imported without it", place)
	}
	var names []string
	for i, a := range parsed.To {
		if i == 5 {
			names = append(names, "…")
			break
		}
		names = append(names, cmp.Or(a.Name, a.Address))
	}
	in.add(message{conversation: "mail", place: place, sender: from, text: parsed.Text, subject: parsed.Subject,
		to: strings.Join(names, ", "), id: parsed.ID, parent: parsed.Parent, time: parsed.Time})
}

func personOf(a mail.Address) person { return person{name: a.Name, address: a.Address} }
