// Package whatsapp reads the chats that WhatsApp exports as text.
package whatsapp

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// headPattern is the head of a message, after normalHead. Android writes "12/05/2023, 09:14 - ",
// iOS writes "[12/05/2023, 09:14:05] ". The order of the date and the time of day follow the
// phone's language; some write the half of the day before the time.
var headPattern = regexp.MustCompile(
	`^(\[)?(\d{1,4})([./-]|년 |年)\s?(\d{1,2})([./-]|월 |月)\s?(\d{1,4})(?:\.|日|일)?,?\s+` +
		`(?:(?:de|um|kl\.?|alle|à|às|a las|o|om|godz\.)\s)?` +
		`(\p{L}[\p{L}\p{M}.]{0,10}\s?)?(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\s?(\p{L}[\p{L}\p{M}. ]{0,10}?))?` +
		`(?:\s(?:Uhr|Uhr,))?(?:\]\s?|\s[-–]\s)`,
)

// halves are the names of the two halves of the day, without dots and spaces, in lower case.
var halves = map[string]int{
	"am": 0, "pm": 12, "a": 0, "p": 12, "午前": 0, "午後": 12, "上午": 0, "下午": 12, "오전": 0, "오후": 12,
	"ص": 0, "م": 12, "πμ": 0, "μμ": 12, "öö": 0, "ös": 12, "de": 0, "du": 12, "sa": 0, "ch": 12, "凌晨": 0,
	"早上": 0, "清晨": 0, "中午": 12, "晚上": 12, "पूर्वाह्न": 0, "अपराह्न": 12, "vm": 0, "nm": 12, "पू": 0,
	"mañana": 0, "tarde": 12, "noche": 12, "md": 12, "dop": 0, "odp": 12, "ip": 12, "ap": 0,
}

// normalHead makes the head of a line comparable, up to the colon behind the sender: no direction
// marks, plain spaces, ASCII digits. What follows keeps its marks, which tell a note of the program
// from a message.
func normalHead(line string) string {
	rest := ""
	if colon := strings.Index(line, ": "); colon >= 0 {
		line, rest = line[:colon], line[colon:]
	}
	if len(line) > 400 {
		line, rest = line[:400], line[400:]+rest
	}
	var b strings.Builder
	b.Grow(len(line))
	for _, c := range line {
		switch {
		case c == '\u200e' || c == '\u200f' || c == '\u202a' || c == '\u202b' || c == '\u202c' || c == '\ufeff':
		case c == '\u00a0' || c == '\u202f':
			b.WriteByte(' ')
		case c == '،':
			b.WriteByte(',')
		case c >= '٠' && c <= '٩':
			b.WriteByte(byte('0' + c - '٠'))
		case c >= '۰' && c <= '۹':
			b.WriteByte(byte('0' + c - '۰'))
		case c >= '०' && c <= '९':
			b.WriteByte(byte('0' + c - '०'))
		default:
			b.WriteRune(c)
		}
	}
	return b.String() + rest
}

// stamp is the head of a message, before the order of the date is known.
type stamp struct {
	date         [3]int
	digits       [3]int // number of digits of each
	separator    string
	hour         int
	minute, secs int
	half         string
}

// parseStamp reads the head of a line. ok is false for a line that continues a message.
func parseStamp(line string) (s stamp, rest string, ok bool) {
	if len(line) < 12 {
		return s, "", false
	}
	line = normalHead(line)
	m := headPattern.FindStringSubmatchIndex(line)
	if m == nil {
		return s, "", false
	}
	group := func(i int) string {
		if m[2*i] < 0 {
			return ""
		}
		return line[m[2*i]:m[2*i+1]]
	}
	head := line[:m[1]]
	if strings.HasPrefix(head, "[") != strings.HasSuffix(strings.TrimSpace(head), "]") {
		return s, "", false
	}
	for i, g := range []int{2, 4, 6} {
		s.date[i], _ = strconv.Atoi(group(g))
		s.digits[i] = len(group(g))
	}
	s.separator = group(3)
	s.hour, _ = strconv.Atoi(group(8))
	s.minute, _ = strconv.Atoi(group(9))
	s.secs, _ = strconv.Atoi(group(10))
	key := func(g int) string {
		return strings.ToLower(strings.NewReplacer(".", "", " ", "").Replace(group(g)))
	}
	if s.half = key(7); s.half == "" {
		s.half = key(11)
	}
	if _, known := halves[s.half]; s.half != "" && !known {
		return s, "", false
	}
	if s.hour > 24 || s.minute > 59 || s.secs > 60 {
		return s, "", false
	}
	return s, line[m[1]:], true
}

// order is the positions of year, month and day in a date.
type order struct{ year, month, day int }

var orders = []order{{2, 1, 0}, {2, 0, 1}, {0, 1, 2}} // day first, month first, year first

// time returns the time of a stamp, in UTC. ok is false for a date that does not exist in an order.
func (s stamp) time(o order) (t time.Time, ok bool) {
	year, month, day := s.date[o.year], s.date[o.month], s.date[o.day]
	switch digits := s.digits[o.year]; {
	case digits == 3 || digits == 1 || s.digits[o.month] > 2 || s.digits[o.day] > 2:
		return t, false
	case digits == 2:
		year += 2000
	case year >= 2500 && year < 2700: // the Buddhist calendar
		year -= 543
	case year >= 1380 && year < 1500: // the Persian or Islamic calendar: not converted
		return t, false
	}
	if month < 1 || month > 12 || day < 1 || day > 31 || year < 2000 || year > 2200 {
		return t, false
	}
	hour := s.hour
	if s.half != "" {
		switch h := halves[s.half]; {
		case hour == 12:
			hour = h
		case hour < 12:
			hour += h
		}
	}
	t = time.Date(year, time.Month(month), day, hour, s.minute, s.secs, 0, time.UTC)
	return t, t.Day() == day || hour == 24
}

// dateOrder finds the order of the dates of a complete file: the one in which all dates exist and
// the fewest go back in time. Chats are in order of time, so one month usually decides.
func dateOrder(stamps []stamp) order {
	best, bestScore := orders[0], -1
	for i, o := range orders {
		wrong, back := 0, 0
		var last time.Time
		for _, s := range stamps {
			t, ok := s.time(o)
			if !ok {
				wrong++
				continue
			}
			if t.Before(last) {
				back++
			}
			last = t
		}
		score := wrong*1000 + back*10 + preference(i, stamps)
		if bestScore < 0 || score < bestScore {
			best, bestScore = o, score
		}
	}
	return best
}

// preference breaks ties: slashes with upper-case AM or PM are American, everything else has the
// day first. Lower is better.
func preference(i int, stamps []stamp) int {
	american := len(stamps) > 0 && stamps[0].separator == "/" && (stamps[0].half == "am" || stamps[0].half == "pm") &&
		stamps[0].digits[2] == 2
	switch {
	case i == 1 && american:
		return 0
	case i == 0:
		return 1
	}
	return 2 + i
}

// Is recognizes a chat: the first line has a head, and a line among the first has a sender.
func Is(text string) bool {
	n, sender := 0, false
	for line := range strings.SplitSeq(text[:min(len(text), 64<<10)], "\n") {
		line = strings.TrimRight(line, "\r")
		if strings.TrimSpace(strings.Trim(line, "\u200e\u200f\ufeff")) == "" {
			continue
		}
		_, rest, ok := parseStamp(line)
		if n == 0 && !ok {
			return false
		}
		if n++; ok {
			name, _, has := strings.Cut(rest, ": ")
			if !has {
				name, has = strings.CutSuffix(strings.TrimSpace(rest), ":")
			}
			sender = sender || has && name != "" && len(name) < 120
		}
		if sender {
			return true
		}
	}
	return false
}

// Entry is one message of a chat.
type Entry struct {
	Line int       // of the file, from 1
	Name string    // of the sender; "" for a note of the program
	Text string    // what the sender wrote; "" if Note is set
	Note string    // why the entry has no text
	Mine bool      // a note says that the owner of the phone is the sender
	Time time.Time // zero for a date that does not exist
}

// Parse reads a chat of at most limit messages. A line without a head continues the message before.
// complete is false if there are more messages.
func Parse(text string, limit int) (entries []Entry, complete bool) {
	var stamps []stamp
	var more strings.Builder // lines that continue the last entry
	flush := func() {
		if more.Len() > 0 {
			entries[len(entries)-1].Text += more.String()
			more.Reset()
		}
	}
	number := 0
	complete = true
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		number++
		s, rest, ok := parseStamp(line)
		if !ok {
			if len(entries) > 0 {
				more.WriteByte('\n')
				more.WriteString(line)
			}
			continue
		}
		flush()
		if len(entries) >= limit {
			complete = false
			break
		}
		name, body, has := strings.Cut(rest, ": ")
		if !has {
			if name, has = strings.CutSuffix(strings.TrimSpace(rest), ":"); has {
				body = ""
			}
		}
		name = strings.TrimSpace(strings.Trim(name, "\u200e\u200f\u202a\u202c~ \u202f\u00a0"))
		if !has || utf8.RuneCountInString(name) > 60 || strings.ContainsAny(name, "\"“„«") {
			name = ""
		}
		entries = append(entries, Entry{Line: number, Name: name, Text: body})
		stamps = append(stamps, s)
	}
	flush()
	o := dateOrder(stamps)
	for i := range entries {
		e := &entries[i]
		if t, ok := stamps[i].time(o); ok {
			e.Time = t
		}
		if e.Name == "" {
			e.Text, e.Note = "", "a note of the chat program"
			continue
		}
		e.Text, e.Note, e.Mine = ownText(e.Text)
		if e.Text != "" {
			e.Note = ""
		} else if e.Note == "" {
			e.Note = "has no text"
		}
	}
	return entries, complete
}

var (
	angled     = regexp.MustCompile(`^<[^<>]*[\p{L}\p{M}]{3}[^<>]*>$`)
	attachment = regexp.MustCompile(`^[\w .,()&+@-]{1,120}\.\w{2,5} \([^()]{3,40}\)$`)
	edited     = regexp.MustCompile(`\s*\x{200e}?<[^<>]*[\p{L}\p{M}]{3}[^<>]*>$`)
)

// ownText removes notes about media, deleted messages and calls from a message. mine: the note
// says that the reader of the chat wrote the message.
func ownText(s string) (text, reason string, mine bool) {
	s = strings.TrimSpace(s)
	first, rest, _ := strings.Cut(s, "\n")
	note := strings.HasPrefix(first, "\u200e") || strings.HasPrefix(first, "\u200f\u200e")
	first = strings.TrimSpace(strings.Trim(first, "\u200e\u200f\u202a\u202c"))
	bare := strings.ToLower(strings.TrimRight(first, ".!。। "))
	deletedByMe := deletedMine[bare]
	switch {
	case deletedByMe || deleted[bare]:
		return "", "a deleted message", deletedByMe
	case isPoll(first, rest):
		return "", "a poll", false
	case angled.MatchString(first), attachment.MatchString(first), omitted[bare], note:
		return strings.TrimSpace(rest), "a note about a picture, file, call or place", false
	case bare == "null" || strings.HasPrefix(bare, "location: http") || strings.HasPrefix(bare, "standort: http"):
		return strings.TrimSpace(rest), "a note about a picture, file, call or place", false
	}
	if loc := edited.FindStringIndex(s); loc != nil &&
		(strings.Contains(s[loc[0]:], "\u200e") || editedNotes(s[loc[0]:])) {
		s = strings.TrimSpace(s[:loc[0]])
	}
	s = strings.Map(func(c rune) rune {
		if c == '\u200e' || c == '\u202a' || c == '\u202c' {
			return -1
		}
		return c
	}, s)
	return strings.TrimSpace(s), "", false
}

var (
	pollTitle  = regexp.MustCompile(`^\p{Lu}[\p{Lu}\p{M} ]{2,30}:$`)
	pollChoice = regexp.MustCompile(`(?m)^\x{200e}?\p{Lu}[\p{Lu}\p{M} ]{2,30}: .*\(\d+ \p{L}+\)\s*$`)
)

// isPoll recognizes a poll: a title in capitals, the question, and choices with their votes. The
// words POLL and OPTION are in the language of the phone.
func isPoll(first, rest string) bool {
	return pollTitle.MatchString(first) && pollChoice.MatchString(rest)
}

// editedNotes recognizes the note that a message was edited.
func editedNotes(s string) bool {
	s = strings.ToLower(s)
	for _, word := range []string{"edited", "bearbeitet", "modifié", "editó", "editado", "editada", "modificato",
		"bewerkt", "изменено", "отредактировано", "відредаговано", "змінено", "düzenlendi", "redigerat", "redigerades",
		"redigeret", "redigert", "edytowan", "upraven", "muokattu", "szerkesztett", "editat", "diedit", "chỉnh sửa",
		"編集", "编辑", "編輯", "수정", "बदलाव किया", "संपादित", "נערכה", "تم تعديل", "επεξεργ", "แก้ไข"} {
		if strings.Contains(s, word) {
			return true
		}
	}
	return false
}

func set(words ...string) map[string]bool {
	out := map[string]bool{}
	for _, w := range words {
		out[w] = true
	}
	return out
}

var (
	// deletedMine are the notes in place of a message that the owner of the phone deleted.
	deletedMine = set("you deleted this message", "du hast diese nachricht gelöscht", "vous avez supprimé ce message",
		"eliminaste este mensaje", "você apagou esta mensagem", "apagou esta mensagem", "apagaste esta mensagem",
		"hai eliminato questo messaggio", "je hebt dit bericht verwijderd", "u hebt dit bericht verwijderd",
		"usunięto tę wiadomość", "usunąłeś tę wiadomość", "вы удалили данное сообщение", "вы удалили это сообщение",
		"bu mesajı sildiniz", "du raderade detta meddelande", "du slettede denne besked", "du slettet denne meldingen",
		"您已删除此消息", "你已删除此消息", "你刪除了這則訊息", "あなたはこのメッセージを削除しました", "לחמסת הודעה זו",
		"מחקת הודעה זו", "لقد حذفت هذه الرسالة", "poistit tämän viestin", "smazali jste tuto zprávu",
		"आपने यह मैसेज डिलीट किया", "आपने यह मैसेज डिलीट कर दिया", "आपने यह मैसेज डिलीट कर दिया है",
		"anda menghapus pesan ini", "anda telah menghapus pesan ini", "du raderade det här meddelandet",
		"ai șters acest mesaj", "törölted ezt az üzenetet", "διαγράψατε αυτό το μήνυμα", "ви видалили це повідомлення",
		"bạn đã xóa tin nhắn này", "คุณลบข้อความนี้", "anda telah memadam mesej ini", "আপনি এই মেসেজটি মুছে ফেলেছেন")
	deleted = set("this message was deleted", "this message was deleted by admin", "diese nachricht wurde gelöscht",
		"ce message a été supprimé", "este mensaje fue eliminado", "se eliminó este mensaje", "este mensaje se eliminó",
		"esta mensagem foi apagada", "mensagem apagada", "esta mensagem foi eliminada",
		"questo messaggio è stato eliminato", "dit bericht is verwijderd", "ta wiadomość została usunięta",
		"сообщение удалено", "данное сообщение удалено", "это сообщение удалено", "bu mesaj silindi",
		"detta meddelande raderades", "denne besked blev slettet", "denne meldingen ble slettet", "此消息已被删除", "此訊息已刪除",
		"此訊息已被刪除", "このメッセージは削除されました", "삭제된 메시지입니다", "הודעה זו נמחקה", "تم حذف هذه الرسالة",
		"यह मैसेज डिलीट कर दिया गया", "यह मैसेज डिलीट किया गया", "यह मैसेज डिलीट कर दिया गया है",
		"pesan ini telah dihapus", "pesan ini dihapus", "det här meddelandet raderades",
		"det här meddelandet har raderats",
		"acest mesaj a fost șters", "ezt az üzenetet törölték", "αυτό το μήνυμα διαγράφηκε", "це повідомлення видалено",
		"tin nhắn này đã bị xóa", "ข้อความนี้ถูกลบแล้ว", "mesej ini telah dipadam",
		"এই মেসেজটি মুছে ফেলা হয়েছে", "tämä viesti poistettiin", "tato zpráva byla smazána",
		"повідомлення видалено")
	// omitted are notes about media and calls.
	omitted = set("image omitted", "video omitted", "audio omitted", "sticker omitted", "gif omitted",
		"document omitted", "contact card omitted", "video note omitted", "media omitted", "missed voice call",
		"missed video call", "bild weggelassen", "video weggelassen", "audio weggelassen", "sticker weggelassen",
		"dokument weggelassen", "gif weggelassen", "medien ausgeschlossen", "verpasster sprachanruf",
		"verpasster videoanruf", "image absente", "vidéo absente", "audio omis", "médias omis", "sticker non inclus",
		"appel vocal manqué", "appel vidéo manqué", "imagen omitida", "video omitido", "audio omitido",
		"sticker omitido", "multimedia omitido", "archivo omitido", "documento omitido", "llamada perdida",
		"videollamada perdida", "llamada de voz perdida", "imagem ocultada", "vídeo omitido", "áudio ocultado",
		"mídia oculta", "figurinha omitida", "arquivo de mídia oculto", "chamada de voz perdida",
		"chamada de vídeo perdida", "immagine omessa", "video omesso", "audio omesso", "media omessi", "sticker omesso",
		"chiamata persa", "chiamata vocale persa", "videochiamata persa", "afbeelding weggelaten", "media weggelaten",
		"video weggelaten", "gemiste spraakoproep", "gemiste video-oproep", "без медиафайлов",
		"изображение отсутствует", "пропущенный аудиозвонок", "пропущенный видеозвонок", "görüntü dahil edilmedi",
		"medya dahil edilmedi", "cevapsız sesli arama", "cevapsız görüntülü arama",
		"live location shared", "waiting for this message. this may take a while", "waiting for this message",
		"画像は省略されました", "メディアは含まれていません",
		"省略媒体文件", "图像已忽略", "已略去圖片", "圖片已略去")
)
