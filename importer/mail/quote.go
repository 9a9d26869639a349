package mail

import (
	"regexp"
	"strings"

	"nextquill/importer/prose"
)

// line is a line of a mail.
type line struct {
	text   string
	quoted bool
}

// plainLines splits a plain text into lines, and joins the lines of format=flowed (RFC 3676).
func plainLines(text string, params map[string]string) (out []line) {
	if !strings.EqualFold(params["format"], "flowed") {
		for s := range strings.SplitSeq(text, "\n") {
			out = append(out, line{s, strings.HasPrefix(s, ">")})
		}
		return out
	}
	delsp := strings.EqualFold(params["delsp"], "yes")
	soft, lastDepth := false, 0
	var joined strings.Builder
	flush := func() {
		if soft {
			out = append(out, line{joined.String(), lastDepth > 0})
			joined.Reset()
			soft = false
		}
	}
	for s := range strings.SplitSeq(text, "\n") {
		content := strings.TrimLeft(s, ">")
		depth := len(s) - len(content)
		content = strings.TrimPrefix(content, " ")
		if soft && depth != lastDepth || content == "-- " {
			flush()
		}
		lastDepth = depth
		if strings.HasSuffix(content, " ") && content != "-- " {
			if delsp {
				content = content[:len(content)-1]
			}
			joined.WriteString(content)
			soft = true
			continue
		}
		joined.WriteString(content)
		out = append(out, line{joined.String(), depth > 0})
		joined.Reset()
		soft = false
	}
	flush()
	return out
}

func htmlLines(html string) (out []line, complete bool) {
	text, complete := prose.HTMLText(html, true)
	for s := range strings.SplitSeq(text, "\n") {
		out = append(out, line{s, strings.HasPrefix(s, ">") || s == prose.QuoteMark})
	}
	return out, complete
}

// ownText returns the lines that the sender wrote: no quotation with its introduction, no forwarded
// or original message, no signature.
func ownText(lines []line) string {
	lines = unarmored(lines)
	var out []string
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		if l.quoted {
			continue
		}
		trimmed := strings.TrimSpace(l.text)
		if trimmed == "" {
			out = append(out, "")
			continue
		}
		if l.text == "-- " || l.text == "--\u00a0" || separators.MatchString(trimmed) || isFooter(lines, i) ||
			isHeaderBlock(lines, i) || isDashedTitle(lines, i) {
			break
		}
		if n := introduction(lines, i); n > 0 {
			next := i + n
			for next < len(lines) && strings.TrimSpace(lines[next].text) == "" {
				next++
			}
			if next < len(lines) && !lines[next].quoted {
				break // the rest is a quotation without marks
			}
			i += n - 1
			continue
		}
		out = append(out, strings.TrimRight(l.text, " \t\u00a0"))
	}
	for len(out) > 0 {
		last := strings.TrimSpace(out[len(out)-1])
		if last != "" && !phones.MatchString(last) && strings.Trim(last, "_-–— ") != "" {
			break
		}
		out = out[:len(out)-1]
	}
	return prose.Squeeze(strings.TrimSpace(strings.Join(out, "\n")))
}

// introductions are lines before a quotation. The verb ends the line, before a colon; German and
// Dutch put the name behind it.
var introductions = regexp.MustCompile(`(?i)^(?:` + strings.Join([]string{
	`(?:on|at)\s.+\swrote\s?:`, `.+\swrote\s?:`,
	`am\s.+\sschrieb(?:en)?(?:\s.*)?:`, `.+\sschrieb(?:en)?\s(?:am|um)\s.+:`,
	`le\s.+\sa\s[eé]crit\s?:`, `.+\sa\s[eé]crit\s(?:le|:).*:?`,
	`el\s.+\sescribi[oó]\s?:`, `.+\sescribi[oó]\s?:`,
	`(?:em|a|no dia|on)\s.+\sescreveu\s?:`, `.+\sescreveu\s?:`,
	`(?:il|in data)\s.+\sha scritto\s?:`, `.+\sha scritto\s?:`,
	`op\s.+\s(?:schreef|heeft)(?:\s.*)?:`, `.+\sschreef(?:\s.*)?:`,
	`(?:w dniu|dnia|dn\.)\s.+\s(?:napisa[lł]\(?a?\)?|pisze).*:`, `.+\s(?:napisa[lł]\(?a?\)?)\s?:`,
	`(?:den|på|kl|skrev)\s.+\sskrev(?:\s.*)?:`, `.+\sskrev(?:\s.*)?:`,
	`.+\skirjoitti(?:\s.*)?:`, `.+\snapsal\(?a?\)?\s?:`, `.+\s(?:пишет|написала?|написал\(а\)|пише|написав)\s?:`,
	`.+\syazdı\s?:`, `.+\sírta(?:\s.*)?:`, `.+\sa scris\s?:`, `.+\sέγραψε\s?:`,
	`.+(?:のメール|書きました|のメッセージ|wrote)\s?[:：]`, `.+(?:写道|寫道)\s?[:：]`, `.+(?:작성|님이 작성)\s?[:：]`,
	`.+(?:כתב|כתבה|כתב/ה|\x{200f}כתב).*:`, `.+(?:كتب|كتبت)\s?:`,
}, `|`) + `)$`)

// addressed is an introduction in any language: a date, and an address before the colon. Before a
// quotation, the address may be anywhere.
var addressed = regexp.MustCompile(`^.*\d.*<[^<>\s@]+@[^<>\s@]+>\)?\s?[:：]$`)

var anyAddress = regexp.MustCompile(`[<(\x{202a}]?[^<>()\s@]+@[^<>()\s@]+[>)]`)

var numbers = regexp.MustCompile(`\d+`)

// introduction returns the number of lines, from i, that introduce a quotation, or 0. Long ones are
// broken into up to three lines. They have an address, or a date.
func introduction(lines []line, i int) int {
	joined := ""
	for n := 1; n <= 3 && i+n-1 < len(lines); n++ {
		l := lines[i+n-1]
		s := strings.Trim(strings.TrimSpace(l.text), "*_\u200e\u200f\u202a\u202c")
		if s == "" || l.quoted || len(joined)+len(s) > 400 {
			return 0
		}
		if joined != "" {
			joined += " "
		}
		joined += s
		if !strings.HasSuffix(s, ":") && !strings.HasSuffix(s, "：") {
			continue
		}
		if addressed.MatchString(joined) && len(numbers.FindAllString(joined, 2)) >= 2 {
			return n
		}
		if anyAddress.MatchString(joined) && len(numbers.FindAllString(joined, 2)) >= 2 && quotedNext(lines, i+n) {
			return n
		}
		if introductions.MatchString(joined) &&
			(strings.Contains(joined, "@") || len(numbers.FindAllString(joined, 3)) >= 2) {
			return n
		}
		return 0
	}
	return 0
}

// quotedNext reports whether the next line with a text, from i, is quoted.
func quotedNext(lines []line, i int) bool {
	for i < len(lines) && !lines[i].quoted && strings.TrimSpace(lines[i].text) == "" {
		i++
	}
	return i < len(lines) && lines[i].quoted
}

// separators are lines before an original or forwarded message.
var separators = regexp.MustCompile(`(?i)^(?:[-_=]{2,}\s*(?:` + strings.Join([]string{
	`(?:begin )?forwarded (?:message|by .*)`, `original (?:message|appointment)`, `weitergeleitete nachricht`,
	`urspr(?:ü|ue)ngliche nachricht`, `message (?:transféré|d'origine|d’origine|original)`,
	`mensaje (?:reenviado|original)`,
	`mensagem (?:encaminhada|original)`, `messaggio (?:inoltrato|originale)`, `doorgestuurd bericht`,
	`oorspronkelijk bericht`, `vidarebefordrat meddelande`, `ursprungligt meddelande`,
	`videresendt (?:meddelelse|melding)`,
	`oprindelig meddelelse`, `opprinnelig melding`,
	`(?:przekazana wiadomość|wiadomość oryginalna|oryginalna wiadomość)`,
	`(?:пересылаемое сообщение|исходное сообщение|пересланное сообщение)`,
	`(?:iletilen ileti|orijinal mesaj|özgün ileti)`,
	`välitetty viesti`, `alkuperäinen viesti`, `původní zpráva`, `přeposlaná zpráva`,
	`(?:転送されたメッセージ|元のメッセージ|转发邮件|原始邮件|已转发邮件|轉寄郵件|原始訊息)`, `전달된 메시지`, `원본 메시지`,
}, `|`) + `)\s*[-_=]{2,}|##-.{5,100}-##|(?:` + strings.Join([]string{
	`begin forwarded message`, `anfang der weitergeleiteten (?:nachricht|e-mail)`,
	`début du message (?:réexpédié|transféré)`, `inicio del mensaje reenviado`,
	`início da mensagem (?:reencaminhada|encaminhada)`, `inizio messaggio inoltrato`, `begin doorgestuurd bericht`,
	`vidarebefordrat brev`, `videresendt (?:besked|melding)`, `начало переадресованного сообщения`,
}, `|`) + `)\s?:)$`)

const (
	fromLabels = `from|von|de|da|van|från|fra|od|от|від|kimden|gönderen|lähettäjä|` +
		`feladó|差出人|发件人|寄件者|寄件人|보낸 사람|보낸사람|מאת|من`
	moreLabels = `sent|date|to|cc|subject|reply-to|importance|` +
		`gesendet|datum|an|kopie|betreff|` +
		`envoyé|envoyée|à|objet|` +
		`enviado|enviado el|enviada|enviada em|fecha|para|asunto|data|assunto|` +
		`inviato|a|oggetto|` +
		`verzonden|aan|onderwerp|` +
		`skickat|till|kopia|ämne|sendt|dato|til|kopi|emne|` +
		`wysłano|do|dw|temat|odesláno|komu|předmět|` +
		`отправлено|дата|кому|копия|тема|відправлено|` +
		`gönderildi|tarih|kime|bilgi|konu|` +
		`lähetetty|päivämäärä|vastaanottaja|aihe|` +
		`送信日時|日付|宛先|件名|发送时间|日期|收件人|抄送|主题|寄件日期|收件者|副本|主旨|보낸 날짜|날짜|받는 사람|제목|נשלח|אל|נושא|תאריך`
)

var (
	fromHeader = regexp.MustCompile(`(?i)^\*?(?:` + fromLabels + `)\s?[:：]\*?\s*\S`)
	moreHeader = regexp.MustCompile(`(?i)^\*?(?:` + moreLabels + `)\s?[:：]\*?(?:\s|$|\S)`)
)

// isHeaderBlock recognizes the header that Outlook puts before the original message: a sender, and
// at least two more fields in the next lines.
func isHeaderBlock(lines []line, i int) bool {
	if !fromHeader.MatchString(strings.TrimSpace(lines[i].text)) {
		return false
	}
	found, seen := 0, 0
	for _, l := range lines[i+1 : min(len(lines), i+10)] {
		s := strings.TrimSpace(l.text)
		if s == "" {
			continue
		}
		if seen++; seen > 5 {
			break
		}
		if moreHeader.MatchString(s) {
			found++
		}
	}
	return found >= 2
}

var (
	dashedTitle = regexp.MustCompile(`^-{3,}\s*\p{L}[\p{L}\p{M}\s'’.]{3,60}-{3,}$`)
	anyHeader   = regexp.MustCompile(`^\*?\p{L}[\p{L}\p{M}\s-]{0,25}[:：]\*?\s*\S`)
)

// isDashedTitle recognizes the line before an original message in any language: a title between
// dashes, and then at least two header fields.
func isDashedTitle(lines []line, i int) bool {
	if !dashedTitle.MatchString(strings.TrimSpace(lines[i].text)) {
		return false
	}
	fields := 0
	for _, l := range lines[i+1 : min(len(lines), i+5)] {
		s := strings.TrimSpace(l.text)
		if s == "" {
			continue
		}
		if !anyHeader.MatchString(s) {
			return false
		}
		if fields++; fields == 2 {
			return true
		}
	}
	return false
}

// isFooter recognizes the footer of a mailing list.
func isFooter(lines []line, i int) bool {
	s := strings.TrimSpace(lines[i].text)
	if len(s) < 20 || strings.Trim(s, "_-") != "" {
		return false
	}
	for _, l := range lines[i+1 : min(len(lines), i+4)] {
		lower := strings.ToLower(l.text)
		if strings.Contains(lower, "mailing list") || strings.Contains(lower, "unsubscribe") ||
			isHeaderBlock(lines, i+1) {
			return true
		}
	}
	return false
}

// phones are the signatures that phones and mail programs add.
var phones = regexp.MustCompile(`(?i)^(?:` + strings.Join([]string{
	`(?:sent|send) (?:from|via|with) (?:my |the )?(?:iphone|ipad|android|samsung|galaxy|huawei|blackberry|phone|` +
		`mobile|mail for|yahoo|outlook|gmail|proton|nine|windows|tutanota|fairphone|pixel|xiaomi|k-9).{0,60}`,
	`get outlook for (?:ios|android).{0,60}`, `download outlook.{0,40}`,
	`(?:von (?:meinem|unterwegs|mein).{0,60} gesendet|gesendet (?:von|mit|aus) .{0,60}|` +
		`diese nachricht wurde von .{0,60} gesendet)\.?`,
	`hol(?:en sie sich|e dir) outlook.{0,60}`,
	`envoyé (?:de|depuis|à partir de) (?:mon|ma|outlook|yahoo|l'app|proton).{0,60}`, `télécharge[rz] outlook.{0,40}`,
	`enviado (?:desde|do|de|a partir do|via) (?:mi|meu|minha|el|o|outlook|yahoo|iphone|samsung|gmail|android).{0,60}`,
	`obtener outlook.{0,40}`, `obtenha o outlook.{0,40}`,
	`inviato da(?:l| ) ?.{0,60}`, `ottieni outlook.{0,40}`,
	`verzonden (?:vanaf|met|van|via) .{0,60}`, `skickat från (?:min|mitt|outlook|yahoo).{0,60}`,
	`sendt fra (?:min|mit|outlook|yahoo).{0,60}`,
	`wysłan[eo] (?:z|przy użyciu) .{0,60}`, `отправлено (?:с|из|через) .{0,60}`, `надіслано (?:з|із) .{0,60}`,
	`.{0,40}'?[ıi]mden gönderildi`, `lähetetty (?:iphone|ipad|android|outlook).{0,40}`, `odesláno z .{0,40}`,
	`(?:iphone|ipad|android).{0,20}(?:から送信|에서 보냄)`, `(?:发自|從我的|发送自|傳送自).{0,40}`, `나의 .{0,20}에서 보냄`,
	`נשלח מ.{0,40}`, `أُرسلت من .{0,40}`,
}, `|`) + `)$`)
