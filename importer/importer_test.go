package importer

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/core/history"
)

// when is the modification time of the fixtures.
var when = time.Date(2025, 2, 3, 4, 5, 6, 0, time.UTC)

func read(t *testing.T, name, content string, o Options) Result {
	t.Helper()
	r, err := Read(strings.NewReader(content), int64(len(content)), name, when, o)
	require.NoError(t, err)
	return r
}

func me(names ...string) Options { return Options{Me: names} }

func texts(r Result) []string {
	var out []string
	for _, it := range r.Items {
		out = append(out, it.Text)
	}
	return out
}

func field(it history.Item, name string) string {
	for _, f := range it.Context {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// left is the number of things that were left out, by reason.
func left(r Result) map[string]int {
	out := map[string]int{}
	for _, l := range r.LeftOut {
		out[l.Reason] = l.Count
	}
	return out
}

func folder(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, content := range files {
		out[name] = &fstest.MapFile{Data: []byte(content), ModTime: when}
	}
	return out
}

func readFolder(t *testing.T, files map[string]string, o Options) Result {
	t.Helper()
	r, err := ReadFS(folder(files), "folder", o)
	require.NoError(t, err)
	return r
}

func zipOf(t testing.TB, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		f, err := w.Create(name)
		require.NoError(t, err)
		_, err = f.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String()
}

func TestWhatsAppHeads(t *testing.T) {
	for _, c := range []struct{ name, head, want string }{
		{"Android, day first", "25/03/2024, 21:07 - ", "2024-03-25T21:07:00Z"},
		{"Android, German", "25.03.24, 21:07 - ", "2024-03-25T21:07:00Z"},
		{"Android, American", "3/25/24, 9:07 PM - ", "2024-03-25T21:07:00Z"},
		{"narrow space", "3/25/24, 9:07\u202fPM - ", "2024-03-25T21:07:00Z"},
		{"Android, Spanish", "25/3/2024, 9:07 p. m. - ", "2024-03-25T21:07:00Z"},
		{"Android, Dutch", "25-03-2024 21:07 - ", "2024-03-25T21:07:00Z"},
		{"Android, ISO", "2024-03-25, 21:07 - ", "2024-03-25T21:07:00Z"},
		{"Android, French", "25/03/2024 à 21:07 - ", "2024-03-25T21:07:00Z"},
		{"Android, Japanese", "2024/03/25 21:07 - ", "2024-03-25T21:07:00Z"},
		{"Android, Chinese", "2024/3/25 下午9:07 - ", "2024-03-25T21:07:00Z"},
		{"Android, Arabic digits", "٢٥\u200f/٣\u200f/٢٠٢٤، ٩:٠٧ م - ", "2024-03-25T21:07:00Z"},
		{"Android, Thai year", "25/3/2567 21:07 - ", "2024-03-25T21:07:00Z"},
		{"Android, Hindi", "२५/०३/२०२४, ९:०७ अपराह्न - ", "2024-03-25T21:07:00Z"},
		{"iOS", "[25/03/2024, 21:07:09] ", "2024-03-25T21:07:09Z"},
		{"iOS, mark", "\u200e[25.03.24, 21:07:09] ", "2024-03-25T21:07:09Z"},
		{"iOS, American", "[3/25/24, 9:07:09 PM] ", "2024-03-25T21:07:09Z"},
		{"iOS, Swedish", "[2024-03-25 21:07:09] ", "2024-03-25T21:07:09Z"},
		{"iOS, Korean", "[2024. 3. 25. 오후 9:07:09] ", "2024-03-25T21:07:09Z"},
		{"midnight", "3/25/24, 12:05 AM - ", "2024-03-25T00:05:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := read(t, "chat.txt", c.head+"Zoë O’Neil: erste Zeile: so\nzweite\r\n"+c.head+"Ed: hm\n",
				me("zoë o’neil"))
			require.Equal(t, []string{"erste Zeile: so\nzweite"}, texts(r))
			require.Equal(t, c.want, r.Items[0].Time.Format(time.RFC3339))
			require.Equal(t, "Ed", field(r.Items[0], "to"))
			require.Empty(t, r.Notes)
		})
	}
}

func TestWhatsAppDateOrder(t *testing.T) {
	for _, c := range []struct{ name, first, second, want string }{
		{"a day above 12 decides", "02/03/2024", "13/03/2024", "2024-03-02"},
		{"a month above 12 is none", "02/03/2024", "03/13/2024", "2024-02-03"},
		{"the order of the chat decides, day first", "30/01/2024", "01/02/2024", "2024-01-30"},
		{"ambiguous dates in order of time", "12/01/2024", "01/02/2024", "2024-01-12"},
		{"ambiguous dates, month first", "01/12/2024", "02/01/2024", "2024-01-12"},
		{"ambiguous, no sign", "02/03/2024", "02/03/2024", "2024-03-02"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := read(t, "c.txt", c.first+", 10:00 - A: x\n"+c.second+", 10:00 - B: y\n", me("A"))
			require.Equal(t, c.want, r.Items[0].Time.Format(time.DateOnly))
		})
	}
}

func TestWhatsAppNotesAreDropped(t *testing.T) {
	notes := []string{"<Media omitted>", "<Medien ausgeschlossen>", "<Médias omis>", "<Без медиафайлов>",
		"\u200eimage omitted", "\u200eBild weggelassen", "\u200e<attached: 0001-PHOTO.jpg>",
		"IMG-20240325-WA0001.jpg (file attached)", "PTT-20240325-WA0002.opus (Datei angehängt)",
		"This message was deleted", "Diese Nachricht wurde gelöscht.", "Ce message a été supprimé",
		"Eliminaste este mensaje.", "Данное сообщение удалено", "Missed voice call", "null", "\u200eMissed video call",
		"このメッセージは削除されました", "<मीडिया के बिना>", "आपने यह मैसेज डिलीट किया।", "Anda menghapus pesan ini",
		"Det här meddelandet raderades", "Live location shared", "POLL:\nWhere?\nOPTION: Here (2 votes)",
		"\u200eUMFRAGE:\nWo?\n\u200eOPTION: Hier (1 Stimme)"}
	var b strings.Builder
	b.WriteString("25/03/2024, 09:00 - Ana created group \"Casa: norte\"\n")
	for _, n := range notes {
		b.WriteString("25/03/2024, 10:00 - Ana: " + n + "\n")
	}
	b.WriteString("25/03/2024, 10:01 - Ana: 3 < 4 and 5 > 4\n" +
		"25/03/2024, 10:02 - Ana: IMG-1.jpg (file attached)\nLa playa\n" +
		"25/03/2024, 10:03 - Ana: Sí <This message was edited>\n25/03/2024, 10:04 - Bo added Cy\n" +
		"25/03/2024, 10:05 - Ana: हाँ <इस मैसेज में बदलाव किया गया है>\n" +
		"25/03/2024, 10:06 - Ana: TODO:\nOPTION: buy bread\n")
	r := read(t, "group.txt", b.String(), Options{})
	require.Equal(t, []string{"3 < 4 and 5 > 4", "La playa", "Sí", "हाँ", "TODO:\nOPTION: buy bread"}, texts(r))
	require.Equal(t, 2, left(r)["a note of the chat program"])
}

func TestWhatsAppLikelySender(t *testing.T) {
	chat := "25/03/2024, 10:00 - Ana Ruiz: hola\n25/03/2024, 10:01 - Ana Ruiz: estás?\n25/03/2024, 10:02 - Leo: sí\n"
	r := read(t, "Chat de WhatsApp con Ana Ruiz.txt", chat, Options{})
	require.True(t, r.Choose)
	require.Empty(t, r.Items)
	require.Equal(t, []Sender{{Name: "Ana Ruiz", Count: 2, Sample: "estás?"}, {Name: "Leo", Count: 1, Sample: "sí",
		Likely: true}}, r.Senders)
	r = read(t, "x.txt", chat+"25/03/2024, 10:03 - Ana Ruiz: You deleted this message\n", Options{})
	require.True(t, r.Senders[0].Likely)
	_, err := Read(strings.NewReader(chat), int64(len(chat)), "x.txt", when, me("Tom"))
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorContains(t, err, "Ana Ruiz, Leo")
}

func TestReplies(t *testing.T) {
	r := read(t, "c.txt",
		"25/03/2024, 10:00 - A: Where?\n25/03/2024, 10:01 - B: Here.\n28/03/2024, 10:02 - B: Later.\n", me("B"))
	require.Equal(t, "Where?", field(r.Items[0], "in reply to"))
	require.Equal(t, "", field(r.Items[1], "in reply to"), "three days later")
}

func TestTelegram(t *testing.T) {
	chat := `{"name":"Oli","type":"personal_chat","id":7,"messages":[
		{"id":1,"type":"message","date":"2024-03-25T10:00:00","date_unixtime":"1711360800","from":"Oli",` +
		`"from_id":"user5","text":"Kaffee?"},
		{"id":2,"type":"message","date":"2024-03-25T10:01:00","from":"Ida","from_id":"user9","reply_to_message_id":1,
		 "text":["Gern, ",{"type":"bold","text":"um drei"},"!"]},
		{"id":3,"type":"message","date":"2024-03-25T10:02:00","from":"Ida","forwarded_from":"X","text":"nicht meins"},
		{"id":4,"type":"service","date":"2024-03-25T10:03:00","actor":"Ida","text":""},
		{"id":5,"type":"message","date":"2024-03-25T10:04:00","from":"Ida","photo":"a.jpg","text":""}]}`
	r := read(t, "result.json", chat, me("ida"))
	require.Equal(t, []string{"Gern, um drei!"}, texts(r))
	require.Equal(t, "Kaffee?", field(r.Items[0], "in reply to"))
	require.Equal(t, "Oli", field(r.Items[0], "to"))
	require.True(t, read(t, "result.json", chat, Options{}).Choose)
	all := `{"personal_information":{"user_id":9},"chats":{"list":[` + chat + `]}}`
	require.Equal(t, []string{"Gern, um drei!"}, texts(read(t, "result.json", all, Options{})),
		"the export names its owner")
}

func TestChatsWithModels(t *testing.T) {
	for name, content := range map[string]string{
		"openai.jsonl": `{"messages":[{"role":"system","content":"s"},{"role":"user","content":"Mine"},` +
			`{"role":"assistant","content":"Its"}]}`,
		"parts.json": `[{"messages":[{"role":"user","content":[{"type":"text","text":"Mine"}]},` +
			`{"role":"assistant","content":"Its"}]}]`,
		"sharegpt.json": `[{"id":"a","conversations":[{"from":"human","value":"Mine"},{"from":"gpt","value":"Its"}]}]`,
		"claude.json": `[{"uuid":"a","name":"t","chat_messages":[{"sender":"human","text":"Mine"},` +
			`{"sender":"assistant","text":"Its"}]}]`,
		"conversations.json": `[{"title":"t","current_node":"c","mapping":{
			"r":{"parent":null,"message":null},
			"a":{"parent":"r","message":{"id":"a","author":{"role":"user"},"create_time":1711360800.5,` +
			`"content":{"content_type":"text","parts":["Mine"]}}},
			"b":{"parent":"r","message":{"id":"b","author":{"role":"user"},` +
			`"content":{"content_type":"text","parts":["An abandoned branch"]}}},
			"c":{"parent":"a","message":{"id":"c","author":{"role":"assistant"},` +
			`"content":{"content_type":"text","parts":["Its"]}}}}}]`,
	} {
		r := read(t, name, content, Options{})
		require.Equal(t, []string{"Mine"}, texts(r), name)
		require.False(t, r.Choose, name)
		if name != "conversations.json" {
			require.Equal(t, []string{"Its"}, texts(read(t, name, content, me("assistant"))), name)
		}
	}
}

func TestSlackDiscordMeta(t *testing.T) {
	slack := map[string]string{
		"users.json": `[{"id":"U1","name":"kim","profile":{"real_name":"Kim Lee"}},` +
			`{"id":"U2","profile":{"real_name":"Bo"}},{"id":"U3","name":"clock","is_bot":true}]`,
		"channels.json": `[{"id":"C1","name":"general"}]`,
		"general/2024-03-25.json": `[{"type":"message","user":"U2","text":"ready?","ts":"1711360800.1"},` +
			`{"type":"message","user":"U1","text":"yes &amp; <@U2> see <https://x.org|this>","ts":"1711360801.1"},` +
			`{"type":"message","subtype":"channel_join","user":"U1","text":"<@U1> has joined","ts":"1711360802.1"},` +
			`{"type":"message","user":"U3","text":"It is ten.","ts":"1711360802.2"},` +
			`{"type":"message","subtype":"bot_message","text":"beep","ts":"1711360803.1"}]`,
	}
	r := readFolder(t, slack, me("Kim Lee"))
	require.Equal(t, []string{"yes & @Bo see this"}, texts(r))
	require.Equal(t, 2, left(r)["written by a bot"])
	require.Equal(t, "ready?", field(r.Items[0], "in reply to"))
	require.Equal(t, "general", field(r.Items[0], "to"))
	require.Equal(t, []string{"yes & @Bo see this"}, texts(read(t, "export.zip", zipOf(t, slack), me("Kim Lee"))))

	discord := `{"guild":{"name":"G"},"channel":{"id":"1","name":"chat","type":"GuildTextChat"},"messages":[
		{"id":"1","type":"Default","timestamp":"2024-03-25T10:00:00+00:00","content":"hello","author":{"name":"bo"}},
		{"id":"2","type":"Reply","timestamp":"2024-03-25T10:01:00+00:00","content":"hi <a:wave:123>",` +
		`"author":{"name":"kim"},"reference":{"messageId":"1"}},
		{"id":"3","type":"GuildMemberJoin","content":"Joined","author":{"name":"kim"}},
		{"id":"4","type":"Default","content":"beep","author":{"name":"b","isBot":true}}]}`
	r = read(t, "discord.json", discord, me("kim"))
	require.Equal(t, []string{"hi :wave:"}, texts(r))
	require.Equal(t, "hello", field(r.Items[0], "in reply to"))
	require.Equal(t, []string{"own"}, texts(read(t, "messages.json",
		`[{"ID":12,"Timestamp":"2024-03-25 10:00:00","Contents":"own","Attachments":""}]`, Options{})))

	r = read(t, "message_1.json", `{"participants":[{"name":"Ren\u00c3\u00a9"},{"name":"Kim"}],`+
		`"title":"Ren\u00c3\u00a9","messages":[
		{"sender_name":"Kim","timestamp_ms":1711360801000,"content":"caf\u00c3\u00a9 ?"},
		{"sender_name":"Ren\u00c3\u00a9","timestamp_ms":1711360800000,"content":"oui"}]}`, me("Kim"))
	require.Equal(t, []string{"café ?"}, texts(r))
	require.Equal(t, "oui", field(r.Items[0], "in reply to"))
	require.Equal(t, "René", field(r.Items[0], "to"))
}

func TestKeep(t *testing.T) {
	r := readFolder(t, map[string]string{
		"Takeout/Keep/a.json": `{"title":"Shop","textContent":"Buy bread.","userEditedTimestampUsec":1711360800000000}`,
		"Takeout/Keep/b.json": `{"listContent":[{"text":"one","isChecked":true},{"text":"two"}],` +
			`"userEditedTimestampUsec":1711360801000000}`,
		"Takeout/Keep/c.json": `{"textContent":"Old.","isTrashed":true,"userEditedTimestampUsec":1}`,
	}, Options{})
	require.Equal(t, []string{"Buy bread.", "one\ntwo"}, texts(r))
	require.Equal(t, "Shop", field(r.Items[0], "subject"))
	require.Equal(t, "2024-03-25T10:00:00Z", r.Items[0].Time.Format(time.RFC3339))
	require.Equal(t, 1, left(r)["a deleted note"])
}

func TestSocialArchives(t *testing.T) {
	tweets := `window.YTD.tweets.part0 = [
		{"tweet":{"id_str":"1","full_text":"A &lt; B https://t.co/x1","created_at":"Mon Mar 25 10:00:00 +0000 2024"}},
		{"tweet":{"id_str":"2","full_text":"RT @a: theirs","created_at":"Mon Mar 25 10:00:00 +0000 2024"}},
		{"tweet":{"id_str":"3","full_text":"@a @b agreed","created_at":"Mon Mar 25 10:00:00 +0000 2024"}}]`
	r := read(t, "tweets.js", tweets, Options{})
	require.Equal(t, []string{"A < B", "agreed"}, texts(r))
	require.Equal(t, "@a, @b", field(r.Items[1], "to"))
	require.Equal(t, "2024-03-25T10:00:00Z", r.Items[0].Time.Format(time.RFC3339))
	archive := zipOf(t, map[string]string{"data/tweets.js": tweets, "data/like.js": `window.YTD.like.part0 = []`,
		"data/account.js":   `window.YTD.account.part0 = [{"account":{"accountId":"7"}}]`,
		"Your archive.html": "<p>x",
		"assets/app.js":     "function f() {}",
		"data/pic.jpg":      "\xff\xd8",
		"data/direct-messages.js": `window.YTD.direct_messages.part0 = [` +
			`{"dmConversation":{"conversationId":"7-8","messages":[
			{"messageCreate":{"id":"2","senderId":"7","text":"dm mine","createdAt":"2024-03-25T10:01:00.000Z"}},
			{"messageCreate":{"id":"1","senderId":"8","text":"dm theirs","createdAt":"2024-03-25T10:00:00.000Z"}}]}}]`})
	got := texts(read(t, "twitter.zip", archive, Options{}))
	require.Subset(t, got, []string{"A < B", "agreed", "dm mine"})
	require.NotContains(t, got, "dm theirs")

	r = read(t, "Journal.json", `{"metadata":{},"entries":[{"uuid":"E","creationDate":"2024-03-25T10:00:00Z",`+
		`"text":"Один\\. ![](dayone-moment://A)\n\nДва","tags":["a","b"]}]}`, Options{})
	require.Equal(t, []string{"Один.\n\nДва"}, texts(r))
	require.Equal(t, "a, b", field(r.Items[0], "tags"))

	r = read(t, "outbox.json", `{"@context":"x","type":"OrderedCollection","orderedItems":[
		{"type":"Create","published":"2024-03-25T10:00:00Z","object":{"type":"Note","id":"n1",`+
		`"summary":"cw","content":"<p>Eins<br/>zwei</p><p>drei</p>"}},
		{"type":"Announce","object":"https://x"}]}`, Options{})
	require.Equal(t, []string{"Eins\nzwei\ndrei"}, texts(r))
	require.Equal(t, "cw", field(r.Items[0], "subject"))

	r = read(t, "posts.json",
		`[{"uri":"at://1","value":{"$type":"app.bsky.feed.post","text":"sky","createdAt":"2024-03-25T10:00:00Z"}},
		{"$type":"app.bsky.feed.like","subject":{}},`+
			`{"$type":"app.bsky.feed.post","text":"blue","createdAt":"2024-03-25T10:00:00Z"}]`, Options{})
	require.Equal(t, []string{"sky", "blue"}, texts(r))
}
