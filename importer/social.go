package importer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/importer/prose"
)

// ytd is the start of a file of a Twitter archive.
var ytd = regexp.MustCompile(`\A\s*window\.YTD\.(\w+)\.part\d+\s*=\s*`)

// twitter imports a file of a Twitter archive: tweets, notes and direct messages.
func (in *input) twitter(f file, text string) error {
	m := ytd.FindStringSubmatch(text)
	if m == nil {
		return fault.New(fault.Malformed, f.name, "", "is not a file of a Twitter archive")
	}
	data := []byte(strings.TrimRight(strings.TrimSpace(text[len(m[0]):]), ";"))
	if !json.Valid(data) {
		return fault.New(fault.Malformed, f.name, "", "is not valid JSON after window.YTD").
			WithRemedy("download the archive again")
	}
	if err := checkLists(f, data); err != nil {
		return err
	}
	list := objects(data)
	switch kind := m[1]; {
	case kind == "tweet" || kind == "tweets" || kind == "community_tweet":
		in.tweets(f, list)
	case kind == "note_tweet":
		for i, o := range list {
			o = o.object("noteTweet")
			t, _ := prose.ParseTime(o.str("createdAt"))
			in.add(message{place: fmt.Sprintf("%s: item %d", f.name, i+1), text: o.object("core").str("text"), time: t,
				id: o.str("noteTweetId")})
		}
	case strings.HasPrefix(kind, "direct_message") && !strings.Contains(kind, "headers"):
		for _, o := range list {
			in.twitterMessages(f, o.object("dmConversation"))
		}
	default:
		in.leave("settings of an export", f.name)
	}
	return nil
}

func (in *input) twitterAccount(data []byte) {
	text, _ := prose.Decode(data)
	for _, o := range objects([]byte(strings.TrimPrefix(text, ytd.FindString(text)))) {
		if id := o.object("account").str("accountId"); id != "" {
			in.accounts[id] = true
		}
	}
}

func (in *input) twitterMessages(f file, o object) {
	conversation := "twitter " + o.str("conversationId")
	for i, m := range o.list("messages") {
		place := fmt.Sprintf("%s: message %d", f.name, i+1)
		m = m.object("messageCreate")
		if m == nil {
			in.leave("a note of the chat program", place)
			continue
		}
		p := person{name: "Twitter user " + m.str("senderId")}
		if in.accounts[m.str("senderId")] {
			in.isMe(conversation, p)
		}
		t, _ := prose.ParseTime(m.str("createdAt"))
		in.add(message{conversation: conversation, place: place, sender: p, time: t, id: m.str("id"),
			text: shortLinks.ReplaceAllString(m.str("text"), ""), thread: true})
	}
}

var (
	shortLinks = regexp.MustCompile(`\s*https?://t\.co/\w+`)
	mentions   = regexp.MustCompile(`\A(?:\.?@\w{1,20}\s+)+`)
)

// tweets imports tweets. Retweets go. The people that a reply starts with become the field to.
func (in *input) tweets(f file, list []object) {
	for i, o := range list {
		place := fmt.Sprintf("%s: item %d", f.name, i+1)
		if o.has("tweet") {
			o = o.object("tweet")
		}
		text := html.UnescapeString(cmp.Or(o.str("full_text"), o.str("text")))
		if o.str("retweeted") == "true" || strings.HasPrefix(text, "RT @") {
			in.leave("written by others: a retweet", place)
			continue
		}
		m := message{place: place, id: cmp.Or(o.str("id_str"), o.str("id"))}
		m.time, _ = prose.ParseTime(o.str("created_at"))
		text = shortLinks.ReplaceAllString(text, "")
		if to := mentions.FindString(text); to != "" {
			m.to = strings.Join(strings.Fields(strings.TrimPrefix(to, ".")), ", ")
			text = text[len(to):]
		}
		m.text = text
		in.add(m)
	}
}

var (
	dayOneMedia   = regexp.MustCompile(`[ \t]*!\[[^\]]*\]\(dayone-moment:[^)]*\)`)
	dayOneEscapes = regexp.MustCompile(`\\([.!()\[\]{}#+\-_*~>|` + "`" + `])`)
)

// dayOne imports a journal of Day One.
func (in *input) dayOne(f file, o object) {
	for i, e := range o.list("entries") {
		place := fmt.Sprintf("%s: entry %d", f.name, i+1)
		text := dayOneMedia.ReplaceAllString(e.str("text"), "")
		text = dayOneEscapes.ReplaceAllString(text, "$1")
		m := message{place: place, text: prose.PlainMarkdown(text), id: e.str("uuid")}
		m.time, _ = prose.ParseTime(e.str("creationDate"))
		var tags []string
		_ = json.Unmarshal(e["tags"], &tags)
		m.fields = append(m.fields, history.Field{Name: "tags", Value: strings.Join(tags, ", ")})
		if l := e.object("location"); l != nil {
			m.fields = append(m.fields, history.Field{
				Name: "place", Value: cmp.Or(l.str("placeName"), l.str("localityName")),
			})
		}
		in.add(m)
	}
}

// keep imports a note of Google Keep. Its title becomes the subject.
func (in *input) keep(f file, o object) {
	if o.str("isTrashed") == "true" {
		in.leave("a deleted note", f.name)
		return
	}
	text := o.str("textContent")
	for _, entry := range o.list("listContent") {
		text += "\n" + entry.str("text")
	}
	m := message{place: f.name, text: text, subject: o.str("title")}
	if us, err := strconv.ParseFloat(o.str("userEditedTimestampUsec"), 64); err == nil {
		m.time, _ = prose.UnixTime(us)
	}
	in.add(m)
}

// mastodon imports outbox.json. Boosts go.
func (in *input) mastodon(f file, o object) {
	for i, a := range o.list("orderedItems") {
		place := fmt.Sprintf("%s: item %d", f.name, i+1)
		if a.str("type") != "Create" {
			in.leave("written by others: a boost", place)
			continue
		}
		note := a.object("object")
		text, _ := prose.HTMLText(note.str("content"), false)
		m := message{place: place, id: note.str("id"), subject: note.str("summary")}
		m.time, _ = prose.ParseTime(cmp.Or(note.str("published"), a.str("published")))
		if to := mastodonMentions.FindString(text); to != "" && note.str("inReplyTo") != "" {
			m.to = strings.Join(strings.Fields(to), ", ")
			text = text[len(to):]
		}
		m.text = text
		in.add(m)
	}
}

var mastodonMentions = regexp.MustCompile(`\A(?:@[\w.-]+(?:@[\w.-]+)?\s+)+`)

// bluesky imports a post of Bluesky: a record, or an object that holds one. Other records go.
func (in *input) bluesky(f file, o object, place string) bool {
	author := ""
	if o.has("reason") {
		in.leave("written by others: a repost", place)
		return true
	}
	if p := o.object("post"); p.has("record") {
		o = p
	}
	if o.has("author", "record") {
		author = o.object("author").str("handle")
	}
	uri := o.str("uri")
	for _, key := range []string{"record", "value"} {
		if r := o.object(key); r.has("$type") {
			o = r
			break
		}
	}
	kind := o.str("$type")
	if !strings.HasPrefix(kind, "app.bsky.") {
		return false
	}
	if kind != "app.bsky.feed.post" {
		in.leave("settings of an export", place)
		return true
	}
	m := message{place: place, text: o.str("text"), id: uri}
	if author != "" {
		m.sender, m.conversation = person{name: author}, "bluesky"
	}
	m.time, _ = prose.ParseTime(o.str("createdAt"))
	in.add(m)
	return true
}
