// Package office reads the text of documents of Word and LibreOffice.
package office

import (
	"encoding/xml"
	"io"
	"strings"
)

// DOCX reads the paragraphs of word/document.xml of a Word document. Deleted and hidden text,
// fields' instructions and notes go. The text ends soon after limit bytes.
func DOCX(r io.Reader, limit int) (string, error) { return read(r, limit, docx) }

// ODT reads the paragraphs and headings of content.xml of an OpenDocument text.
func ODT(r io.Reader, limit int) (string, error) { return read(r, limit, odt) }

func read(r io.Reader, limit int, text func(*xmlReader, *strings.Builder, int) error) (string, error) {
	var b strings.Builder
	if err := text(newXMLReader(r), &b, limit); err != nil && err != io.EOF {
		return "", err
	}
	return b.String(), nil
}

func docx(d *xmlReader, b *strings.Builder, limit int) error {
	text, hidden, skip := false, false, 0
	for b.Len() <= limit {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "r":
				hidden = false
			case "vanish":
				hidden = isOn(t)
			case "t":
				text = true
			case "tab":
				if skip == 0 && b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
					b.WriteByte('\t')
				}
			case "br", "cr":
				if skip == 0 {
					b.WriteByte('\n')
				}
			case "noBreakHyphen":
				if skip == 0 {
					b.WriteByte('-')
				}
			case "del", "moveFrom", "txbxContent", "Fallback":
				skip++
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "t":
				text = false
			case "p":
				if skip == 0 {
					b.WriteByte('\n')
				}
			case "del", "moveFrom", "txbxContent", "Fallback":
				skip--
			}
		case xml.CharData:
			if text && !hidden && skip == 0 {
				b.Write(t)
			}
		}
	}
	return nil
}

// isOn reports whether an element switches a property on. Its attribute val may say that it does
// not.
func isOn(t xml.StartElement) bool {
	for _, a := range t.Attr {
		if a.Name.Local == "val" {
			return a.Value != "0" && a.Value != "false" && a.Value != "off"
		}
	}
	return true
}

func odt(d *xmlReader, b *strings.Builder, limit int) error {
	depth, skip := 0, 0
	space := false
	for b.Len() <= limit {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if writing := depth > 0 && skip == 0; !writing {
				switch t.Name.Local {
				case "s", "tab", "line-break":
					continue
				}
			}
			switch t.Name.Local {
			case "p", "h":
				depth++
				space = false
			case "s":
				n := 1
				for _, a := range t.Attr {
					if a.Name.Local == "c" && len(a.Value) == 1 && a.Value[0] >= '1' {
						n = int(a.Value[0] - '0')
					}
				}
				b.WriteString(strings.Repeat(" ", n))
			case "tab":
				b.WriteByte('\t')
			case "line-break":
				b.WriteByte('\n')
			case "annotation", "tracked-changes", "note", "sequence-decls", "binary-data":
				skip++
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "p", "h":
				if depth--; skip == 0 {
					b.WriteByte('\n')
				}
			case "annotation", "tracked-changes", "note", "sequence-decls", "binary-data":
				skip--
			}
		case xml.CharData:
			if depth == 0 || skip > 0 {
				continue
			}
			for _, c := range string(t) {
				if c == '\n' || c == '\t' || c == '\r' || c == ' ' {
					if !space {
						b.WriteByte(' ')
					}
					space = true
					continue
				}
				space = false
				b.WriteRune(c)
			}
		}
	}
	return nil
}
