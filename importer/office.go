package importer

import (
	"archive/zip"
	"encoding/xml"
	"io"
	"strings"

	"nextquill/core/fault"
	"nextquill/importer/prose"
)

// zipped imports a file that is a zip archive: a document of Word or LibreOffice, or an archive.
func (in *input) zipped(f file) error {
	if f.ext() == ".zip" {
		return in.archive(f)
	}
	r, err := in.openZip(f)
	if err != nil {
		return err
	}
	for _, z := range r.File {
		switch z.Name {
		case "word/document.xml":
			return in.document(f, z, docxText)
		case "content.xml":
			return in.document(f, z, odtText)
		}
	}
	if f.ext() == ".docx" || f.ext() == ".odt" {
		return fault.New(fault.Malformed, f.name, "", "the document has no text part").
			WithRemedy("open it in a word processor and save it again")
	}
	return in.archive(f)
}

// document imports the text of a document as one item.
func (in *input) document(f file, z *zip.File, read func(*xmlReader, *strings.Builder, int) error) error {
	part := f
	part.open, part.size = z.Open, -1
	data, err := in.reader(part)
	if err != nil {
		return err
	}
	defer data.Close()
	d := newXMLReader(io.LimitReader(data, in.lim.File))
	var b strings.Builder
	if err := read(d, &b, in.lim.Text); err != nil && err != io.EOF {
		if fault.KindOf(err) != "" {
			return err
		}
		return fault.New(fault.Malformed, f.name, "", "the document cannot be read").WithCause(err).
			WithRemedy("open it in a word processor and save it again")
	}
	in.add(message{place: f.name, text: prose.Squeeze(b.String()), time: f.modified})
	return nil
}

// docxText reads the paragraphs of a Word document. Deleted text, fields' instructions and notes
// go.
func docxText(d *xmlReader, b *strings.Builder, limit int) error {
	text, skip := false, 0
	for b.Len() <= limit {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
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
			if text && skip == 0 {
				b.Write(t)
			}
		}
	}
	return nil
}

// odtText reads the paragraphs and headings of an OpenDocument text.
func odtText(d *xmlReader, b *strings.Builder, limit int) error {
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
