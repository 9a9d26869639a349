package importer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/importer/prose"
)

// jsonValid reports whether a text is one JSON value.
func jsonValid(s string) bool { return json.Valid([]byte(s)) }

// object is a JSON object whose values are not decoded yet.
type object map[string]json.RawMessage

func (o object) has(keys ...string) bool {
	for _, k := range keys {
		if _, ok := o[k]; !ok {
			return false
		}
	}
	return true
}

// str returns a string or number as text, or "".
func (o object) str(key string) string { return scalar(o[key]) }

func scalar(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || string(raw) == "null" {
		return ""
	}
	if raw[0] != '"' {
		return string(raw)
	}
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

func (o object) object(key string) object {
	var out object
	_ = json.Unmarshal(o[key], &out)
	return out
}

func (o object) list(key string) []object {
	return objects(o[key])
}

// objects decodes a list of objects. Elements of other types become nil.
func objects(raw json.RawMessage) []object {
	var parts []json.RawMessage
	_ = json.Unmarshal(raw, &parts)
	return decodeAll(parts)
}

func decodeAll(parts []json.RawMessage) []object {
	out := make([]object, len(parts))
	for i, p := range parts {
		_ = json.Unmarshal(p, &out[i])
	}
	return out
}

// maxElements bounds the elements of a list. A decoded element takes about 100 bytes, even if it is
// empty.
const maxElements = 2_000_000

// checkLists fails if a list or an object of JSON has too many elements.
func checkLists(f file, data []byte) error {
	if len(data) < 2*maxElements {
		return nil
	}
	var counts []int // of the open lists and objects
	quoted := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\':
			i++
		case quoted:
		case c == '[' || c == '{':
			counts = append(counts, 1)
		case len(counts) == 0:
		case c == ']' || c == '}':
			counts = counts[:len(counts)-1]
		case c == ',':
			if counts[len(counts)-1]++; counts[len(counts)-1] > maxElements {
				return fault.New(fault.TooLarge, f.name, "", "a list has too many elements").
					WithLimit("%d", maxElements).
					WithRemedy("split the file into several files")
			}
		}
	}
	return nil
}

// json imports a JSON file of any supported kind.
func (in *input) json(f file, text string) error {
	data := []byte(strings.TrimSpace(text))
	if len(data) == 0 {
		return fault.New(fault.Missing, f.name, "", "holds no text").WithRemedy("add at least one text")
	}
	if !json.Valid(data) {
		if first, rest, ok := strings.Cut(string(data), "\n"); ok && jsonValid(first) &&
			strings.TrimSpace(rest) != "" {
			return in.jsonl(f, text)
		}
		var v any
		err := json.Unmarshal(data, &v)
		line := 1
		if e, ok := err.(*json.SyntaxError); ok {
			line += bytes.Count(data[:min(int(e.Offset), len(data))], []byte("\n"))
		}
		return fault.New(fault.Malformed, f.name, fmt.Sprintf("line %d", line), "is not valid JSON").WithCause(err).
			WithRemedy("export the file again")
	}
	if err := checkLists(f, data); err != nil {
		return err
	}
	switch data[0] {
	case '{':
		var o object
		if err := json.Unmarshal(data, &o); err != nil {
			return unreadable(f, err)
		}
		if in.jsonObject(f, o) {
			return nil
		}
		if in.itemKey(f, o) != "" {
			return in.jsonItem(f, f.name, o, data)
		}
		in.askKey(f, o)
	case '[':
		return in.jsonList(f, data)
	}
	return in.unknownJSON(f)
}

func (in *input) unknownJSON(f file) error {
	if !f.named {
		in.leave("not a known kind of JSON", f.name)
		return nil
	}
	return fault.New(fault.Unsupported, f.name, "", "is not a known kind of JSON").
		WithRemedy(`use a list of {"text": "…"}, or %s`, in.columnHint("key", ""))
}

// jsonObject imports a file that is one object of a known kind.
func (in *input) jsonObject(f file, o object) bool {
	switch {
	case o.has("chats") && o.object("chats").has("list"): // all chats of Telegram
		me := o.object("personal_information")
		for _, chat := range o.object("chats").list("list") {
			in.telegram(f, chat, me)
		}
	case o.has("messages", "type") && (o.has("id") || o.has("name")) && !o.has("guild"):
		in.telegram(f, o, nil)
	case o.has("messages", "channel") || o.has("messages", "guild"):
		in.discord(f, o)
	case o.has("participants", "messages"):
		in.meta(f, o)
	case o.has("mapping"):
		in.chatGPT(f, o, f.name)
	case in.isTurns(o.list("messages")) || in.isTurns(o.list("conversations")) || o.has("chat_messages"):
		in.turns(f, o, f.name)
	case len(o.list("messages")) > 0:
		return in.jsonList(f, o["messages"]) == nil
	case o.has("entries"):
		in.dayOne(f, o)
	case o.has("orderedItems"):
		in.mastodon(f, o)
	case o.has("userEditedTimestampUsec") && (o.has("textContent") || o.has("listContent")):
		in.keep(f, o)
	case o.has("feed") || o.has("records") || o.has("posts"):
		found := false
		for _, key := range []string{"feed", "records", "posts"} {
			for i, p := range o.list(key) {
				found = in.bluesky(f, p, fmt.Sprintf("%s: item %d", f.name, i+1)) || found
			}
		}
		return found
	default:
		return in.bluesky(f, o, f.name) || in.wrapped(f, o)
	}
	return true
}

// wrapped imports the first list of items in an object, such as {"data": [{"text": "…"}]}.
func (in *input) wrapped(f file, o object) bool {
	if !f.named || in.itemKey(f, o) != "" {
		return false
	}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if list := o.list(key); len(list) > 0 && list[0] != nil && in.itemKey(f, list[0]) != "" {
			return in.jsonList(f, o[key]) == nil
		}
	}
	return false
}

// jsonList imports a file that is one list.
func (in *input) jsonList(f file, data []byte) error {
	var parts []json.RawMessage
	_ = json.Unmarshal(data, &parts)
	list := decodeAll(parts)
	var sample object
	for _, o := range list {
		if o != nil {
			sample = o
			break
		}
	}
	switch f.base() {
	case "users.json", "channels.json", "integration_logs.json", "canvases.json", "dms.json", "groups.json",
		"mpims.json":
		if len(in.names) > 0 {
			in.leave("settings of an export", f.name)
			return nil
		}
	}
	switch {
	case sample == nil && len(parts) > 0 && parts[0][0] == '"':
		for i, p := range parts {
			in.add(message{place: fmt.Sprintf("%s: item %d", f.name, i+1), text: scalar(p)})
		}
	case sample == nil:
		return in.unknownJSON(f)
	case sample.has("mapping"):
		for i, o := range list {
			in.chatGPT(f, o, fmt.Sprintf("%s: conversation %d", f.name, i+1))
		}
	case sample.has("chat_messages"):
		for i, o := range list {
			in.turns(f, o, fmt.Sprintf("%s: conversation %d", f.name, i+1))
		}
	case in.isTurns(sample.list("messages")) || in.isTurns(sample.list("conversations")):
		for i, o := range list {
			in.turns(f, o, fmt.Sprintf("%s: conversation %d", f.name, i+1))
		}
	case in.isTurns(list):
		in.turns(f, object{"messages": data}, f.name)
	case sample.has("ts") && (sample.has("type") || sample.has("user")):
		in.slack(f, list)
	case sample.has("ID", "Contents"):
		for i, o := range list {
			t, _ := prose.ParseTime(o.str("Timestamp"))
			in.add(message{place: fmt.Sprintf("%s: item %d", f.name, i+1), text: discordText(o.str("Contents")),
				time: t, id: o.str("ID")})
		}
	case sample.has("tweet") || sample.has("full_text"):
		in.tweets(f, list)
	default:
		found := false
		for i, p := range parts {
			place := fmt.Sprintf("%s: item %d", f.name, i+1)
			if list[i] != nil && in.bluesky(f, list[i], place) {
				found = true
				continue
			}
			if list[i] == nil || in.itemKey(f, list[i]) == "" {
				in.askKey(f, list[i])
				in.leave("the item has no text; "+in.columnHint("key", ""), place)
				continue
			}
			found = true
			if err := in.jsonItem(f, place, list[i], p); err != nil {
				in.leaveFault(err, place)
			}
		}
		if !found {
			return in.unknownJSON(f)
		}
	}
	return nil
}

// telegram imports one chat. Service messages, forwarded messages and media without text go.
func (in *input) telegram(f file, chat, me object) {
	title, kind := chat.str("name"), chat.str("type")
	conversation := "telegram " + f.name + " " + chat.str("id")
	own := ""
	if me != nil {
		own = "user" + me.str("user_id")
	}
	for i, m := range chat.list("messages") {
		place := fmt.Sprintf("%s: message %s", f.name, cmp.Or(m.str("id"), strconv.Itoa(i+1)))
		switch {
		case m == nil || m.str("type") != "message" && m.str("type") != "":
			in.leave("a note of the chat program", place)
			continue
		case m.str("forwarded_from") != "":
			in.leave("a forwarded message", place)
			continue
		case m.str("via_bot") != "":
			in.leave("written by a bot", place)
			continue
		}
		p := person{name: cmp.Or(m.str("from"), "deleted account "+m.str("from_id"))}
		if own != "" && m.str("from_id") == own {
			in.isMe(conversation, p)
		}
		if kind == "saved_messages" {
			in.isMe(conversation, p)
		} else if kind == "personal_chat" && p.name == title {
			in.mark(p, -1000)
		}
		text := telegramText(m["text"])
		if strings.TrimSpace(text) == "" {
			in.leave("a note about a picture, file, call or place", place)
			continue
		}
		t, ok := prose.ParseTime(m.str("date_unixtime"))
		if !ok {
			t, _ = prose.ParseTime(m.str("date"))
		}
		to := ""
		if kind != "personal_chat" && kind != "saved_messages" {
			to = title
		}
		in.add(message{conversation: conversation, place: place, sender: p, text: text, time: t, to: to,
			parent: m.str("reply_to_message_id"), id: m.str("id"), thread: true})
	}
}

// telegramText joins the parts of a text: strings, and objects with a type.
func telegramText(raw json.RawMessage) string {
	if s := scalar(raw); s != "" {
		return s
	}
	var parts []json.RawMessage
	_ = json.Unmarshal(raw, &parts)
	var b strings.Builder
	for _, p := range parts {
		var o object
		if json.Unmarshal(p, &o) == nil && o != nil {
			b.WriteString(o.str("text"))
			continue
		}
		b.WriteString(scalar(p))
	}
	return b.String()
}

// The sender that is the person in chats with a model.
var chatUser = person{name: "user"}

// isTurns recognizes a list of messages of a chat with a model.
func (in *input) isTurns(list []object) bool {
	for _, o := range list {
		if o != nil {
			return o.has("role", "content") || o.has("from", "value") || o.has("role", "parts")
		}
	}
	return false
}

// turns imports a chat with a model: OpenAI's "messages", ShareGPT's "conversations", or the
// "chat_messages" of Claude. The person is the user, unless another role is chosen.
func (in *input) turns(f file, o object, place string) {
	list := o.list("messages")
	for _, key := range []string{"conversations", "chat_messages"} {
		if len(list) == 0 {
			list = o.list(key)
		}
	}
	conversation := "turns " + place
	subject := cmp.Or(o.str("title"), o.str("name"))
	started, _ := prose.ParseTime(cmp.Or(o.str("created_at"), o.str("create_time"), o.str("time")))
	for i, m := range list {
		at := fmt.Sprintf("%s: message %d", place, i+1)
		role := strings.ToLower(cmp.Or(m.str("role"), m.str("from"), m.str("sender")))
		switch role {
		case "human", "user":
			role = "user"
		case "gpt", "assistant", "model", "bot", "chatgpt":
			role = "assistant"
		case "":
			in.leave("the message has no sender", at)
			continue
		default:
			in.leave("an instruction or a tool message", at)
			continue
		}
		text := contentText(m["content"])
		if text == "" {
			text = cmp.Or(m.str("value"), m.str("text"), contentText(m["parts"]))
		}
		t, ok := prose.ParseTime(cmp.Or(m.str("created_at"), m.str("timestamp")))
		if !ok {
			t = started
		}
		p := person{name: role}
		in.isMe(conversation, chatUser)
		in.add(message{conversation: conversation, place: at, sender: p, text: text, time: t, subject: subject,
			thread: true})
	}
}

// contentText returns the text of OpenAI's content: a string, or a list of parts.
func contentText(raw json.RawMessage) string {
	if s := scalar(raw); s != "" {
		return s
	}
	var parts []json.RawMessage
	_ = json.Unmarshal(raw, &parts)
	var out []string
	for _, p := range parts {
		if s := scalar(p); s != "" {
			out = append(out, s)
			continue
		}
		var o object
		_ = json.Unmarshal(p, &o)
		if s := o.str("text"); s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n")
}

// chatGPT imports one conversation of a ChatGPT export. Its messages are a tree; the current branch
// is imported, in order.
func (in *input) chatGPT(f file, o object, place string) {
	mapping := map[string]struct {
		Parent  string
		Message object
	}{}
	_ = json.Unmarshal(o["mapping"], &mapping)
	var branch []object
	seen := map[string]bool{}
	for id := o.str("current_node"); id != "" && !seen[id]; id = mapping[id].Parent {
		seen[id] = true
		if m := mapping[id].Message; m != nil {
			branch = append(branch, m)
		}
	}
	if len(branch) == 0 { // no current node: all messages, by time
		for _, n := range mapping {
			if n.Message != nil {
				branch = append(branch, n.Message)
			}
		}
		slices.SortFunc(branch, func(a, b object) int {
			x, _ := strconv.ParseFloat(b.str("create_time"), 64)
			y, _ := strconv.ParseFloat(a.str("create_time"), 64)
			return cmp.Or(cmp.Compare(x, y), strings.Compare(a.str("id"), b.str("id")))
		})
	}
	slices.Reverse(branch)
	conversation := "chatgpt " + place + " " + o.str("id")
	for _, m := range branch {
		role := m.object("author").str("role")
		content := m.object("content")
		switch {
		case role != "user" && role != "assistant":
			continue
		case content.str("content_type") != "text" && content.str("content_type") != "multimodal_text":
			continue
		}
		text := contentText(content["parts"])
		if text == "" {
			continue
		}
		t, _ := prose.ParseTime(cmp.Or(m.str("create_time"), o.str("create_time")))
		in.isMe(conversation, chatUser)
		in.add(message{conversation: conversation, place: place, sender: person{name: role}, text: text, time: t,
			subject: o.str("title"), thread: true, id: m.str("id")})
	}
}

// slackUsers reads users.json: the names of people, and which of them are bots.
func slackUsers(data []byte) (out names, bots map[string]bool) {
	out, bots = names{}, map[string]bool{}
	for _, u := range objects(data) {
		p := u.object("profile")
		if id := u.str("id"); id != "" {
			bots[id] = u.str("is_bot") == "true" || id == "USLACKBOT"
			out[id] = cmp.Or(p.str("real_name"), u.str("real_name"), p.str("display_name"), u.str("name"), id)
		}
	}
	return out, bots
}

var (
	slackMention = regexp.MustCompile(`<@([A-Z0-9]+)(?:\|[^>]*)?>`)
	slackChannel = regexp.MustCompile(`<[#!](?:[A-Z0-9]+\|)?([^>|]*)(?:\|[^>]*)?>`)
	slackLink    = regexp.MustCompile(`<((?:https?|mailto)[^>|]*)(?:\|([^>]*))?>`)
)

// slack imports a day of a channel.
func (in *input) slack(f file, list []object) {
	channel := path.Base(f.dir())
	users := in.names[path.Dir(f.dir())]
	if users == nil {
		users = in.names[f.dir()]
	}
	conversation := "slack " + f.dir()
	for i, m := range list {
		place := fmt.Sprintf("%s: item %d", f.name, i+1)
		subtype := m.str("subtype")
		switch {
		case m == nil || m.str("type") != "" && m.str("type") != "message":
			in.leave("a note of the chat program", place)
			continue
		case subtype == "bot_message" || m.str("bot_id") != "" || in.bots[m.str("user")]:
			in.leave("written by a bot", place)
			continue
		case subtype != "" && subtype != "thread_broadcast" && subtype != "me_message" && subtype != "file_share":
			in.leave("a note of the chat program", place)
			continue
		}
		id := m.str("user")
		name := cmp.Or(users[id], m.object("user_profile").str("real_name"), id, m.str("username"))
		if name == "" {
			in.leave("the message has no sender", place)
			continue
		}
		text := slackMention.ReplaceAllStringFunc(m.str("text"), func(s string) string {
			id := slackMention.FindStringSubmatch(s)[1]
			return "@" + cmp.Or(users[id], id)
		})
		text = slackLink.ReplaceAllStringFunc(text, func(s string) string {
			part := slackLink.FindStringSubmatch(s)
			return cmp.Or(part[2], part[1])
		})
		text = html.UnescapeString(slackChannel.ReplaceAllString(text, "#$1"))
		t, _ := prose.ParseTime(m.str("ts"))
		parent := m.str("thread_ts")
		if parent == m.str("ts") {
			parent = ""
		}
		in.add(message{conversation: conversation, place: place, sender: person{name: name}, text: text, time: t,
			to: channel, id: m.str("ts"), parent: parent, thread: true})
	}
}

var discordMarks = regexp.MustCompile(`<(a?:\w+:)\d+>|<@[!&]?\d+>|<#\d+>`)

// discordText shortens custom emoji, and removes mentions by number.
func discordText(s string) string {
	return discordMarks.ReplaceAllStringFunc(s, func(m string) string {
		if i := strings.IndexByte(m, ':'); i >= 0 {
			return ":" + m[i+1:strings.LastIndexByte(m, ':')] + ":"
		}
		return ""
	})
}

// discord imports a channel as DiscordChatExporter writes it.
func (in *input) discord(f file, o object) {
	channel := o.object("channel")
	conversation := "discord " + f.name + channel.str("id")
	direct := strings.HasPrefix(channel.str("type"), "Direct")
	for i, m := range o.list("messages") {
		place := fmt.Sprintf("%s: message %d", f.name, i+1)
		author := m.object("author")
		switch kind := m.str("type"); {
		case kind != "" && kind != "Default" && kind != "Reply" && kind != "0" && kind != "19":
			in.leave("a note of the chat program", place)
			continue
		case author.str("isBot") == "true" || author.str("bot") == "true":
			in.leave("written by a bot", place)
			continue
		}
		p := person{name: cmp.Or(author.str("name"), author.str("username"), author.str("id"))}
		if direct && strings.EqualFold(channel.str("name"), cmp.Or(author.str("nickname"), p.name)) {
			in.mark(p, -1000)
		}
		to := ""
		if !direct {
			to = channel.str("name")
		}
		t, _ := prose.ParseTime(m.str("timestamp"))
		in.add(message{conversation: conversation, place: place, sender: p, text: discordText(m.str("content")),
			time: t, id: m.str("id"), parent: m.object("reference").str("messageId"), to: to, thread: true})
	}
}

// meta imports a chat of Facebook or Instagram. Their exports store UTF-8 bytes as Latin-1
// characters.
func (in *input) meta(f file, o object) {
	title := latin1(o.str("title"))
	list := o.list("messages")
	slices.Reverse(list) // newest first
	conversation := "meta " + f.dir()
	for i, m := range list {
		place := fmt.Sprintf("%s: message %d", f.name, len(list)-i)
		p := person{name: latin1(cmp.Or(m.str("sender_name"), m.str("senderName")))}
		if p.name == "" {
			in.leave("the message has no sender", place)
			continue
		}
		if p.name == title {
			in.mark(p, -1000)
		}
		var t time.Time
		if ms, err := strconv.ParseFloat(cmp.Or(m.str("timestamp_ms"), m.str("timestamp")), 64); err == nil {
			t, _ = prose.UnixTime(ms)
		}
		text := latin1(cmp.Or(m.str("content"), m.str("text")))
		if text == "" || m.str("is_unsent") == "true" || m.has("share") && !m.has("content") {
			in.leave("a note about a picture, file, call or place", place)
			continue
		}
		in.add(message{conversation: conversation, place: place, sender: p, text: text, time: t, thread: true})
	}
}

// latin1 repairs UTF-8 that was stored as Latin-1 characters; other text is unchanged.
func latin1(s string) string {
	b := make([]byte, 0, len(s))
	high := false
	for _, c := range s {
		if c > 0xff {
			return s
		}
		high = high || c >= 0x80
		b = append(b, byte(c))
	}
	if !high || prose.UTF8Or1252(b) != string(b) {
		return s
	}
	return string(b)
}

// fieldsOf makes context fields of the scalar values of an object, in the order of the file.
func fieldsOf(raw json.RawMessage, skip map[string]bool) []history.Field {
	var out []history.Field
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	for d.More() && len(out) < history.MaxFields {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			break
		}
		var v json.RawMessage
		if d.Decode(&v) != nil {
			break
		}
		if !skip[key] {
			out = append(out, history.Field{Name: key, Value: scalar(v)})
		}
	}
	return out
}
