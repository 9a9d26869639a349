package whatsapp

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDateOrder has chats whose last message was sent on 4 March 2024 at 21:07.
func TestDateOrder(t *testing.T) {
	for name, chat := range map[string]string{
		"German":            "28.02.24, 10:00 - A: x\n04.03.24, 21:07 - A: y",
		"German, ambiguous": "03.03.24, 10:00 - A: x\n04.03.24, 21:07 - A: y",
		"American":          "2/28/24, 10:00 AM - A: x\n3/4/24, 9:07 PM - A: y",
		"American, early":   "2/3/24, 10:00 AM - A: x\n2/11/24, 10:00 AM - A: x\n3/4/24, 9:07 PM - A: y",
		"American, one day": "3/4/24, 9:06 PM - A: x\n3/4/24, 9:07 PM - A: y",
		"American, iOS":     "[2/28/24, 10:00:00 AM] A: x\n[3/4/24, 9:07:00\u202fPM] A: y",
		"British":           "28/02/2024, 10:00 - A: x\n04/03/2024, 21:07 - A: y",
		"British, one day":  "04/03/2024, 9:06 pm - A: x\n04/03/2024, 9:07 pm - A: y",
		"Swedish":           "2024-02-28, 10:00 - A: x\n2024-03-04 21:07 - A: y",
		"Japanese":          "2024/02/28 10:00 - A: x\n2024/03/04 21:07 - A: y",
		"Korean":            "2024년 2월 28일 오전 10:00 - A: x\n2024년 3월 4일 오후 9:07 - A: y",
		"Thai":              "28/2/2567 10:00 - A: x\n4/3/2567 21:07 - A: y",
		"Arabic":            "٢٨/٢/٢٠٢٤، ١٠:٠٠ ص - A: x\n٤/٣/٢٠٢٤، ٩:٠٧ م - A: y",
	} {
		require.True(t, Is(chat), name)
		entries, complete := Parse(chat, 10)
		require.True(t, complete)
		last := entries[len(entries)-1]
		require.Equal(t, "y", last.Text, name)
		require.Equal(t, "2024-03-04T21:07:00Z", last.Time.Format(time.RFC3339), name)
	}
}

func TestParse(t *testing.T) {
	chat := "[25.03.24, 10:00:00] Gruppe: \u200eNachrichten sind verschlüsselt.\r\n" +
		"[25.03.24, 10:01:00] ~\u202fAna B: Eins\r\nzwei: drei\r\n\r\nvier\r\n" +
		"[25.03.24, 10:02:00] Leo: \u200eBild weggelassen\r\nmit Text\r\n" +
		"[25.03.24, 10:03:00] Leo: Du hast diese Nachricht gelöscht.\r\n" +
		"[25.03.24, 10:04:00] Leo: neu \u200e<Diese Nachricht wurde bearbeitet.>\r\n" +
		"[25.03.24, 10:05:00] Leo hat die Gruppe verlassen\r\n" +
		"[31.02.2024, 10:06:00] Leo: kein Tag"
	got, _ := Parse(chat, 100)
	at := func(day, minute int) time.Time { return time.Date(2024, 3, day, 10, minute, 0, 0, time.UTC) }
	require.Equal(t, []Entry{
		{Line: 1, Name: "Gruppe", Note: "a note about a picture, file, call or place", Time: at(25, 0)},
		{Line: 2, Name: "Ana B", Text: "Eins\nzwei: drei\n\nvier", Time: at(25, 1)},
		{Line: 6, Name: "Leo", Text: "mit Text", Time: at(25, 2)},
		{Line: 8, Name: "Leo", Note: "a deleted message", Mine: true, Time: at(25, 3)},
		{Line: 9, Name: "Leo", Text: "neu", Time: at(25, 4)},
		{Line: 10, Note: "a note of the chat program", Time: at(25, 5)},
		{Line: 11, Name: "Leo", Text: "kein Tag"},
	}, got)
	got, complete := Parse(chat, 2)
	require.Len(t, got, 2)
	require.False(t, complete)
	require.Equal(t, "Eins\nzwei: drei\n\nvier", got[1].Text)
}

func TestIs(t *testing.T) {
	for _, text := range []string{"", "Dear diary", "25/03/2024, 10:00 - left the house", "10:00 - A: x",
		"[25/03/2024, 10:00 - A: x", "25/03/2024, 25:00 - A: x"} {
		require.False(t, Is(text), text)
	}
	require.True(t, Is("\u200e[25/03/2024, 10:00:00] A:\nx"))
}

// TestLongMessage: a message with many lines takes linear time.
func TestLongMessage(t *testing.T) {
	const lines = 1 << 20
	start := time.Now()
	got, _ := Parse("25/03/2024, 10:00 - A: x"+strings.Repeat("\ny", lines), 10)
	require.Len(t, got[0].Text, 1+2*lines)
	require.Less(t, time.Since(start), 20*time.Second)
}
