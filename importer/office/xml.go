package office

import (
	"encoding/xml"
	"errors"
	"io"
)

// Bounds of an XML document: encoding/xml has none.
const (
	maxXMLDepth = 10_000
	maxXMLTag   = 1 << 20 // bytes between < and >
)

var (
	errXMLDepth = errors.New("the elements are nested too deeply")
	errXMLTag   = errors.New("a tag is too long")
)

// xmlReader reads the tokens of XML that need not be valid, within the bounds.
type xmlReader struct {
	d     *xml.Decoder
	depth int
}

func newXMLReader(r io.Reader) *xmlReader {
	d := xml.NewDecoder(&tagLimiter{r: r})
	d.Strict = false
	return &xmlReader{d: d}
}

func (x *xmlReader) Token() (xml.Token, error) {
	t, err := x.d.Token()
	switch t.(type) {
	case xml.StartElement:
		if x.depth++; x.depth > maxXMLDepth {
			return nil, errXMLDepth
		}
	case xml.EndElement:
		x.depth--
	}
	return t, err
}

// tagLimiter fails at a tag that is longer than maxXMLTag.
type tagLimiter struct {
	r    io.Reader
	open bool
	size int // of the open tag
}

func (l *tagLimiter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for _, c := range p[:n] {
		switch {
		case c == '<':
			l.open, l.size = true, 0
		case c == '>':
			l.open = false
		case l.open:
			if l.size++; l.size > maxXMLTag {
				return 0, errXMLTag
			}
		}
	}
	return n, err
}
