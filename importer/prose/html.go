package prose

import (
	"bytes"
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// hiddenElements have no text of the page.
var hiddenElements = map[atom.Atom]bool{atom.Script: true, atom.Style: true, atom.Head: true, atom.Title: true,
	atom.Noscript: true, atom.Template: true, atom.Svg: true, atom.Object: true, atom.Iframe: true, atom.Select: true,
	atom.Nav: true, atom.Textarea: true, atom.Button: true}

var blockElements = map[atom.Atom]bool{atom.P: true, atom.Div: true, atom.Li: true, atom.Ul: true, atom.Ol: true,
	atom.Tr: true, atom.Table: true, atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true,
	atom.H6: true, atom.Blockquote: true, atom.Pre: true, atom.Section: true, atom.Article: true, atom.Header: true,
	atom.Footer: true, atom.Main: true, atom.Hr: true, atom.Dl: true, atom.Dt: true, atom.Dd: true, atom.Figure: true,
	atom.Address: true, atom.Center: true, atom.Body: true, atom.Form: true, atom.Aside: true}

// quoteClasses are classes and ids by which mail programs mark what is not the sender's text.
var quoteClasses = regexp.MustCompile(
	`(?i)(^|\s)(gmail_quote(_container)?|gmail_attr|gmail_extra_quote|gmail_signature|` +
		`yahoo_quoted|moz-cite-prefix|moz-signature|moz-forward-container|protonmail_quote|` +
		`protonmail_signature_block[\w-]*|tutanota_quote|zmail_extra|ms-outlook-mobile-reference-message|` +
		`x_?gmail_quote|OutlookMessageHeader|apple-mail-signature|AppleMailSignature|apple-signature)(\s|$)`,
)

// quoteIDs start the quoted rest of a mail: everything behind is dropped too.
var quoteIDs = regexp.MustCompile(
	`^(x_)?(divRplyFwdMsg|appendonsend|stopSpelling|OLK_SRC_BODY_SECTION|mail-editor-reference-message-container)$`,
)

var signatureIDs = regexp.MustCompile(
	`^(x_)?(Signature|AppleMailSignature|ms-outlook-mobile-signature|lineBreakAtBeginningOfSignature)$`,
)

// HTMLText returns the text of HTML. With mail it drops quotations and signatures by the marks of
// mail programs. A block is a line; an empty line is one that the page shows. complete is false if
// the text ends at a tag or text that is longer than 16 MiB.
func HTMLText(s string, mail bool) (text string, complete bool) {
	z := html.NewTokenizer(strings.NewReader(s))
	z.SetMaxBuf(16 << 20)
	w := &lineWriter{}
	type open struct {
		tag  atom.Atom
		name string
		drop bool
	}
	var stack []open
	dropping, pre := 0, 0
	for {
		switch z.Next() {
		case html.ErrorToken:
			return w.String(), z.Err() != html.ErrBufferExceeded
		case html.TextToken:
			if dropping == 0 {
				w.text(string(z.Text()), pre > 0)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			raw := z.Raw()
			selfClosing := bytes.HasSuffix(raw, []byte("/>"))
			t := z.Token()
			drop := hiddenElements[t.DataAtom]
			if mail && !drop {
				quoted, rest := mailQuote(t)
				if rest && dropping == 0 {
					w.line()
					return w.String(), true
				}
				drop = quoted
			}
			if blockElements[t.DataAtom] && dropping == 0 {
				w.line()
			}
			if mail && drop && dropping == 0 && !hiddenElements[t.DataAtom] && t.DataAtom == atom.Blockquote {
				w.text(QuoteMark, false)
				w.line()
			}
			switch t.DataAtom {
			case atom.Br:
				if dropping == 0 {
					w.br()
				}
				continue
			case atom.Img, atom.Input, atom.Meta, atom.Link, atom.Hr, atom.Wbr, atom.Area, atom.Base, atom.Col,
				atom.Source, atom.Embed, atom.Param, atom.Track:
				continue
			case atom.Td, atom.Th:
				if dropping == 0 {
					w.text(" ", false)
				}
			case atom.Pre:
				pre++
			}
			if selfClosing && t.DataAtom == 0 { // such as <o:p/>
				continue
			}
			if t.DataAtom == atom.Body || t.DataAtom == atom.P { // an unclosed head, or p, ends here
				for len(stack) > 0 && (stack[len(stack)-1].tag == atom.Head || stack[len(stack)-1].tag == atom.Title ||
					stack[len(stack)-1].tag == atom.P) {
					if stack[len(stack)-1].drop {
						dropping--
					}
					stack = stack[:len(stack)-1]
				}
			}
			if len(stack) < 10_000 {
				stack = append(stack, open{t.DataAtom, t.Data, drop})
				if drop {
					dropping++
				}
			}
		case html.EndTagToken:
			t := z.Token()
			at := -1
			for i := len(stack) - 1; i >= 0 && i >= len(stack)-200; i-- {
				if stack[i].name == t.Data {
					at = i
					break
				}
			}
			if at < 0 {
				continue
			}
			for _, o := range stack[at:] {
				if o.drop {
					dropping--
				}
				if o.tag == atom.Pre {
					pre--
				}
			}
			stack = stack[:at]
			if blockElements[t.DataAtom] && dropping == 0 {
				w.line()
			}
		}
	}
}

// mailQuote reports whether an element is a quotation or signature, and whether the rest of the
// mail is one.
func mailQuote(t html.Token) (quoted, rest bool) {
	if t.DataAtom == atom.Blockquote {
		return true, false
	}
	for _, a := range t.Attr {
		switch a.Key {
		case "class":
			quoted = quoted || quoteClasses.MatchString(a.Val)
		case "id":
			rest = rest || quoteIDs.MatchString(a.Val)
			quoted = quoted || signatureIDs.MatchString(a.Val) || quoteClasses.MatchString(a.Val)
		}
	}
	return quoted, rest
}

// lineWriter joins text into lines, and collapses white space.
type lineWriter struct {
	b     strings.Builder
	cur   strings.Builder
	space bool // a space is due before the next word
}

func (w *lineWriter) text(s string, pre bool) {
	if pre {
		for i, line := range strings.Split(s, "\n") {
			if i > 0 {
				w.br()
			}
			w.cur.WriteString(line)
		}
		return
	}
	for _, c := range s {
		switch c {
		case ' ', '\n', '\t', '\r', '\f':
			w.space = true
		case '\u00ad', '\u200b', '\u200c', '\u2060', '\ufeff': // invisible; 200d joins emoji
		default:
			if w.space && w.cur.Len() > 0 {
				w.cur.WriteByte(' ')
			}
			w.space = false
			if c == '\u00a0' {
				c = ' '
			}
			w.cur.WriteRune(c)
		}
	}
}

// line ends a line that has text.
func (w *lineWriter) line() {
	if strings.TrimSpace(w.cur.String()) != "" {
		w.br()
	}
	w.space = false
	w.cur.Reset()
}

// br ends a line.
func (w *lineWriter) br() {
	s := w.cur.String()
	trimmed := strings.TrimRight(s, " \t")
	if trimmed == "--" && (w.space || s != trimmed) {
		trimmed = "-- " // the mark of a signature
	}
	w.b.WriteString(trimmed)
	w.b.WriteByte('\n')
	w.cur.Reset()
	w.space = false
}

func (w *lineWriter) String() string {
	w.line()
	return blankLines.ReplaceAllString(strings.Trim(w.b.String(), "\n"), "\n\n")
}

// QuoteMark stands for a quotation that was dropped from HTML.
const QuoteMark = "\ue000"
