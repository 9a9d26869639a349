package importer

import (
	"archive/zip"
	"io"

	"nextquill/core/fault"
	"nextquill/importer/office"
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
			return in.document(f, z, office.DOCX)
		case "content.xml":
			return in.document(f, z, office.ODT)
		}
	}
	if f.ext() == ".docx" || f.ext() == ".odt" {
		return fault.New(fault.Malformed, f.name, "", "the document has no text part").
			WithRemedy("open it in a word processor and save it again")
	}
	return in.archive(f)
}

// document imports the text of a document as one item.
func (in *input) document(f file, z *zip.File, read func(io.Reader, int) (string, error)) error {
	part := f
	part.open, part.size = z.Open, -1
	data, err := in.reader(part)
	if err != nil {
		return err
	}
	defer data.Close()
	text, err := read(io.LimitReader(data, in.lim.File), in.lim.Text)
	if err != nil {
		if fault.KindOf(err) != "" {
			return err
		}
		return fault.New(fault.Malformed, f.name, "", "the document cannot be read").WithCause(err).
			WithRemedy("open it in a word processor and save it again")
	}
	in.add(message{place: f.name, text: prose.Squeeze(text), time: f.modified})
	return nil
}
