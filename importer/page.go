package importer

import (
	"bytes"
	"regexp"
	"strings"

	"nextquill/core/fault"
	"nextquill/importer/prose"
)

// html imports a page as one item.
func (in *input) html(f file, data []byte) error {
	text, ok := prose.Decode(data)
	for _, mark := range chatPages {
		if strings.Contains(text, mark) {
			return fault.New(fault.Unsupported, f.name, "", "the page is a chat of several people").
				WithRemedy("export the chat as JSON")
		}
	}
	if m := metaCharset.FindSubmatch(data[:min(len(data), 4096)]); ok && m != nil &&
		!bytes.HasPrefix(data, []byte("\xff")) &&
		!bytes.HasPrefix(data, []byte("\xfe")) {
		text, _ = prose.DecodeCharset(data, string(m[1]))
	}
	text, complete := prose.HTMLText(text, false)
	if !complete {
		return fault.New(fault.TooLarge, f.name, "", "a tag of the page is too long").WithLimit("16 MiB").
			WithRemedy("save the page without its pictures")
	}
	in.add(message{place: f.name, text: text, time: f.modified})
	return nil
}

var metaCharset = regexp.MustCompile(`(?i)<meta[^>]{0,200}charset=["']?([\w-]+)`)

// chatPages are marks of chats that were exported as HTML: Telegram, Discord, Facebook, Instagram.
// They have the words of everybody.
var chatPages = []string{`class="from_name"`, `class="chatlog__`, `class="_a6-g`, `class="_3-95 _a6-g`,
	`class="pam _3-95`}
