package importer

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/importer/prose"
)

func mailOf(body string, headers ...string) string {
	return "From: Ana <ana@a.example>\nTo: Bo <bo@b.example>\nSubject: Plan\nDate: Mon, 25 Mar 2024 10:00:00 +0100\n" +
		"Message-ID: <1@a>\n" + strings.Join(append(headers, ""), "\n") + "\n" + body
}

// TestOwnText has mails in several languages; the own words are "Mine" and what follows it.
func TestOwnText(t *testing.T) {
	for name, body := range map[string]string{
		"English": "Mine\n\nOn Mon, 25 Mar 2024 at 09:00, Bo <bo@b.example> wrote:\n> theirs\n",
		"broken line": "Mine\n\nOn Monday, March 25, 2024 at 09:00, Bo the Builder\n" +
			"<bo@b.example> wrote:\n\n> theirs\n",
		"German":     "Mine\n\nAm Mo., 25. März 2024 um 09:00 Uhr schrieb Bo <bo@b.example>:\n> theirs\n",
		"French":     "Mine\n\nLe lun. 25 mars 2024 à 09:00, Bo <bo@b.example> a écrit :\n> theirs\n",
		"Spanish":    "Mine\n\nEl lun, 25 mar 2024 a las 9:00, Bo (<bo@b.example>) escribió:\n\ntheirs\n",
		"Portuguese": "Mine\n\nEm seg., 25 de mar. de 2024 às 09:00, Bo <bo@b.example> escreveu:\n> theirs\n",
		"Italian":    "Mine\n\nIl giorno lun 25 mar 2024 alle ore 09:00 Bo <bo@b.example> ha scritto:\n> theirs\n",
		"Dutch":      "Mine\n\nOp ma 25 mrt 2024 om 09:00 schreef Bo <bo@b.example>:\n> theirs\n",
		"Polish":     "Mine\n\npon., 25 mar 2024 o 09:00 Bo <bo@b.example> napisał(a):\n> theirs\n",
		"Russian":    "Mine\n\nпн, 25 мар. 2024 г. в 09:00, Bo <bo@b.example>:\n> theirs\n",
		"Swedish":    "Mine\n\nDen mån 25 mars 2024 kl 09:00 skrev Bo <bo@b.example>:\n> theirs\n",
		"Japanese":   "Mine\n\n2024年3月25日(月) 9:00 Bo <bo@b.example>:\n> theirs\n",
		"Turkish":    "Mine\n\nBo <bo@b.example>, 25 Mar 2024 Pzt, 09:00 tarihinde şunu yazdı:\n> theirs\n",
		"Outlook, de": "Mine\n\nVon: Bo <bo@b.example>\nGesendet: Montag, 25. März 2024 09:00\n" +
			"An: Ana\nBetreff: Plan\n\ntheirs\n",
		"Outlook, fr": "Mine\n\n________________________________\n" +
			"De : Bo <bo@b.example>\nEnvoyé : lundi 25 mars 2024\nÀ : Ana\nObjet : Plan\n\ntheirs\n",
		"Outlook, bold": "Mine\n\n*From:* Bo <bo@b.example>\n*Sent:* Monday\n*To:* Ana\n*Subject:* Plan\n\ntheirs\n",
		"original":      "Mine\n\n-----Original Message-----\nFrom: Bo\n\ntheirs\n",
		"original, de":  "Mine\n\n-----Ursprüngliche Nachricht-----\nVon: Bo\n\ntheirs\n",
		"original, tr":  "Mine\n\n-----Özgün İleti-----\nKimden: Bo\nGönderildi: Pzt\n\ntheirs\n",
		"original, et":  "Mine\n\n-----Algne kiri-----\nKellelt: Bo\nTeema: Plan\n\ntheirs\n",
		"Hindi":         "Mine\n\nसोम, 25 मार्च 2024 को 9:00 am बजे को Bo <bo@b.example> ने लिखा:\n> theirs\n",
		"Catalan":       "Mine\n\nMissatge de Bo <bo@b.example> del dia dl., 25 de març 2024 a les 9:00:\n\n> theirs\n",
		"date last":     "Bo <bo@b.example> wrote on 25.03.2024 09:00:\n> theirs\nMine\n",
		"help desk":     "Mine\n\n##- Please type your reply above this line -##\n\nYour request is here.\n",
		"signed": "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nMine\n" +
			"-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n",
		"key":          "Mine\n\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN\n-----END PGP PUBLIC KEY BLOCK-----\n",
		"forward":      "Mine\n\n---------- Forwarded message ---------\nFrom: Bo\n\ntheirs\n",
		"forward, es":  "Mine\n\n---------- Mensaje reenviado ---------\nDe: Bo\n\ntheirs\n",
		"forward, Mac": "Mine\n\nBegin forwarded message:\n\n> From: Bo\n> theirs\n",
		"signature":    "Mine\n\n-- \nAna\nCEO\n",
		"phone":        "Mine\n\nSent from my iPhone\n",
		"phone, de":    "Mine\n\nVon meinem iPhone gesendet\n",
		"phone, it":    "Mine\n\nInviato da iPhone\n",
		"Outlook app":  "Mine\n\nGet Outlook for iOS<https://aka.ms/o0ukef>\n",
		"list footer":  "Mine\n\n_______________________________________________\nExample mailing list\nhttps://x/listinfo\n",
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, []string{"Mine"}, texts(read(t, "m.eml", mailOf(body), Options{})))
		})
	}
	for body, want := range map[string]string{
		"> theirs\n\nMine below\n\n> more\n\nand here": "Mine below\n\nand here",
		"From: London\nwe go to Paris.":                "From: London\nwe go to Paris.",
		"-----BEGIN PGP SIGNED MESSAGE-----\n\n- - a list\n" +
			"-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----": "- a list",
		"-----BEGIN A POEM-----\nof mine": "-----BEGIN A POEM-----\nof mine",
		"---- Part two ----\nIt went on.": "---- Part two ----\nIt went on.",
		"Write to bo@b.example, not <a@b.example>, by 5 pm or 6 pm:\nit is urgent": "Write to bo@b.example, not " +
			"<a@b.example>, by 5 pm or 6 pm:\nit is urgent",
		"First\n--\nSecond":                          "First\n--\nSecond",
		"On Sunday my sister wrote:\nnothing at all": "On Sunday my sister wrote:\nnothing at all",
		"Sent from my iPhone is what it says.\nMine": "Sent from my iPhone is what it says.\nMine",
	} {
		require.Equal(t, []string{want}, texts(read(t, "m.eml", mailOf(body), Options{})))
	}
}

func TestHTMLMail(t *testing.T) {
	for name, html := range map[string]string{
		"Gmail": `<div dir="ltr">Mine</div><br>` +
			`<div class="gmail_quote"><div class="gmail_attr">On Mon, Bo wrote:<br></div>` +
			`<blockquote class="gmail_quote">theirs</blockquote></div>`,
		"Apple": `<div>Mine</div><div><br><blockquote type="cite">` +
			`<div>On 25 Mar 2024, at 09:00, Bo &lt;bo@b.example&gt; wrote:</div><div>theirs</div></blockquote></div>`,
		"Outlook": `<p class="MsoNormal">Mine<o:p></o:p></p><div style="border-top:solid">` +
			`<p><b>From:</b> Bo &lt;bo@b.example&gt;<br><b>Sent:</b> Monday<br>` +
			`<b>To:</b> Ana<br><b>Subject:</b> Plan</p></div><p>theirs</p>`,
		"web": `<div>Mine</div><hr><div id="divRplyFwdMsg"><b>From:</b> Bo</div><div>theirs</div>`,
		"Moz": `<p>Mine</p><div class="moz-cite-prefix">On 25.03.24, Bo wrote:<br></div>` +
			`<blockquote type="cite">theirs</blockquote>`,
		"Yahoo": `<div>Mine</div><div class="yahoo_quoted">theirs</div>`,
		"sign":  `<div>Mine</div><div class="gmail_signature">Ana, CEO</div>`,
		"style": `<style>p { color: red }</style><script>var a = "<p>"</script><p>Mine</p><!-- if a > b -->`,
	} {
		t.Run(name, func(t *testing.T) {
			content := mailOf(html, "Content-Type: text/html; charset=utf-8")
			require.Equal(t, []string{"Mine"}, texts(read(t, "m.eml", content, Options{})))
		})
	}
	text, complete := prose.HTMLText("<p>a</p><p>b</p><br><pre>c  d</pre> 1 < 2 &eacute;", false)
	require.True(t, complete)
	require.Equal(t, "a\nb\n\nc  d\n1 < 2 é", text)
}

func TestFlowed(t *testing.T) {
	body := "Ein Absatz, der \nweitergeht.\n\n >kein Zitat\n From hier\n> fremd \n> fremd\n-- \nSig\n"
	r := read(t, "m.eml", mailOf(body, "Content-Type: text/plain; charset=utf-8; format=flowed"), Options{})
	require.Equal(t, []string{"Ein Absatz, der weitergeht.\n\n>kein Zitat\nFrom hier"}, texts(r))
	r = read(t, "m.eml", mailOf("日本 \n語\n", "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes"),
		Options{})
	require.Equal(t, []string{"日本語"}, texts(r))
}

const mailbox1 = `From 1@xxx Mon Mar 25 10:00:00 +0000 2024
X-Gmail-Labels: Gesendet
Message-ID: <2@a>
In-Reply-To: <1@b>
From: =?utf-8?B?w4Q=?= Nn <ana@a.example>
To: Bo <bo@b.example>
Date: Mon, 25 Mar 2024 10:00:00 +0000
Subject: Re: x

Mine.
>From here it is mine too.

From now on as well, at 10:30.

From 2@xxx Mon Mar 25 09:00:00 +0000 2024
Message-ID: <1@b>
From: Bo <bo@b.example>
To: ana@a.example
Date: Mon, 25 Mar 2024 09:00:00 +0000
Subject: x

Theirs.

From - Mon Mar 25 11:00:00 2024
From: MAILER <auto@x.example>
Auto-Submitted: auto-replied

Away.
`

func TestMailbox(t *testing.T) {
	r := read(t, "Sent.mbox", mailbox1, Options{})
	require.True(t, r.Choose)
	require.Empty(t, r.Items)
	require.Equal(t, "Ä Nn <ana@a.example>", r.Senders[0].Label())
	require.True(t, r.Senders[0].Likely)
	for _, name := range []string{"ANA@a.example", "ä nn"} {
		r = read(t, "Sent.mbox", strings.ReplaceAll(mailbox1, "\n", "\r\n"), me(name))
		require.Equal(t, []string{"Mine.\nFrom here it is mine too.\n\nFrom now on as well, at 10:30."}, texts(r))
		require.Equal(t, "Theirs.", field(r.Items[0], "in reply to"))
		require.Equal(t, "Bo", field(r.Items[0], "to"))
		require.Equal(t, "Re: x", field(r.Items[0], "subject"))
		require.Equal(t, "2024-03-25T10:00:00Z", r.Items[0].Time.Format(time.RFC3339))
		require.Equal(t, 1, left(r)["written by others"])
		require.Equal(t, 1, left(r)["an automatic message"])
	}
	r = read(t, "Takeout.zip", zipOf(t, map[string]string{"Takeout/Mail/All.mbox": mailbox1}), me("ana@a.example"))
	require.Len(t, r.Items, 1)
	r = readFolder(t, map[string]string{"Mail/Inbox": mailbox1, "Mail/copy.mbox": mailbox1}, me("ana@a.example"))
	require.Len(t, r.Items, 1, "a copy is left out")
}

func TestUnknownCharsetIsNoted(t *testing.T) {
	r := read(t, "m.eml", mailOf("Caf\xe9", "Content-Type: text/plain; charset=x-klingon"), Options{})
	require.Equal(t, []string{"Café"}, texts(r))
	require.Len(t, r.Notes, 1)
	require.Contains(t, r.Notes[0].Reason, "x-klingon")
}

func TestAttachmentsAreCutOff(t *testing.T) {
	box := mailbox1[:strings.Index(mailbox1, "Mine.")] + "Mine.\n" + strings.Repeat("x", 5000)
	r := read(t, "a.mbox", box, Options{Limits: Limits{Mail: 1000}})
	require.Equal(t, []string{"Mine."}, texts(r))
	require.Len(t, r.Notes, 1)
}

func TestReceivedMailNeedsAChoice(t *testing.T) {
	r := read(t, "m.eml", mailOf("Hello", "Delivered-To: bo@b.example"), Options{})
	require.True(t, r.Choose)
	require.Empty(t, r.Items)
	require.Equal(t, []string{"Hello"},
		texts(read(t, "m.eml", mailOf("Hello", "Delivered-To: ana@a.example"), Options{})))
}

// TestFromLineAtBufferEnd: a line of a text that looks like the start of a message is kept, also
// where the read buffer ends.
func TestFromLineAtBufferEnd(t *testing.T) {
	head := mailbox1[:strings.Index(mailbox1, "Mine.")]
	line := "From ann on Mon, 25 March, 10:30"
	for pad := 64<<10 - 150; pad < 64<<10; pad += 10 {
		body := strings.Repeat("x", pad-len(head)-len(line)-2) + "\n\n" + line + "\n" + strings.Repeat("y", 70_000)
		r := read(t, "a.mbox", head+body, Options{})
		require.Equal(t, []string{body}, texts(r))
	}
}

// TestNoMailbox: a text whose first line looks like the start of a message is a text.
func TestNoMailbox(t *testing.T) {
	text := "From a talk on Mon, 5th of May at 10:30\nI remember only one sentence."
	require.Equal(t, []string{text}, texts(read(t, "a.txt", text, Options{})))
}
