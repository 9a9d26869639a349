package importer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

// TestAnonymousMessages: in a chat, a message without a sender may be anyone's.
func TestAnonymousMessages(t *testing.T) {
	for name, content := range map[string]string{
		"c.json":  `[{"author":"Ana","text":"hola"},{"author":null,"text":"deleted account"}]`,
		"c.jsonl": "{\"author\":\"Ana\",\"text\":\"hola\"}\n{\"text\":\"x\"}\n",
		"c.csv":   "author,text\nAna,hola\n,x\n",
	} {
		r := read(t, name, content, Options{})
		require.Equal(t, []string{"hola"}, texts(r), name)
		require.Equal(t, map[string]int{"the message has no sender": 1}, left(r), name)
	}
	require.Equal(t, []string{"x"}, texts(read(t, "c.csv", "author,text\n,x\n", Options{})))
}

func TestNamesWithoutSender(t *testing.T) {
	chat := "25/03/2024, 10:00 - Ana: hola\n25/03/2024, 10:01 - Leo: sí\n"
	model := `{"messages":[{"role":"user","content":"question"},{"role":"assistant","content":"answer"}]}`
	r := read(t, "c.txt", chat, me("Leo", "leo@exmaple.org"))
	require.Equal(t, []string{"sí"}, texts(r))
	require.Equal(t, `no sender is named "leo@exmaple.org"; check the spelling`, r.Notes[0].Reason)
	r = read(t, "m.json", model, me("Leo"))
	require.Equal(t, []string{"question"}, texts(r))
	require.Len(t, r.Notes, 1)
	_, err := ReadFS(folder(map[string]string{"c.txt": chat, "m.json": model}), "f", me("Leon"))
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorContains(t, err, `no sender is named "Leon"`)
	require.Equal(t, []string{"sí", "question"},
		texts(readFolder(t, map[string]string{"c.txt": chat, "m.json": model}, me("leo"))))
}

func TestEqualIDs(t *testing.T) {
	r := read(t, "a.csv", "id,text\n1,A\n1,B\n1,B\n1,A\n", Options{})
	require.Equal(t, []string{"A", "B"}, texts(r))
	require.Equal(t, map[string]int{"a copy of an earlier item": 2}, left(r))
}

// TestRepliesAcrossFiles: the message before, in a file that is older, is not answered.
func TestRepliesAcrossFiles(t *testing.T) {
	r := readFolder(t, map[string]string{
		"inbox/x/message_1.json": `{"participants":[],` +
			`"messages":[{"sender_name":"B","timestamp_ms":1711360800000,"content":"new"}]}`,
		"inbox/x/message_2.json": `{"participants":[],` +
			`"messages":[{"sender_name":"A","timestamp_ms":1611360800000,"content":"old"}]}`,
	}, me("A"))
	require.Equal(t, []string{"old"}, texts(r))
	require.Empty(t, field(r.Items[0], "in reply to"))
}

// TestManySenders: the time is linear in the number of senders.
func TestManySenders(t *testing.T) {
	var b strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&b, "{\"sender\":\"s%d\",\"text\":\"x\"}\n", i)
	}
	start := time.Now()
	r := read(t, "a.jsonl", b.String(), me("s7"))
	require.Len(t, r.Items, 1)
	require.Empty(t, field(r.Items[0], "to"))
	require.Less(t, time.Since(start), 20*time.Second)
}
