package main

import (
	"bytes"
	"fmt"

	"nextquill/web/bundle"
	"nextquill/web/example"
)

// example inserts the example into the page.
func (s *site) example(html []byte) ([]byte, error) {
	data, err := s.read(example.File)
	if err != nil {
		return nil, err
	}
	e, err := example.Decode(data)
	if err != nil {
		return nil, err
	}
	return example.Insert(html, e)
}

// chunks adds the parts of the page's script. The page loads those that it needs at once together
// with the script that imports them.
func (s *site) chunks(chunks []bundle.Chunk) edit {
	return func(html []byte) ([]byte, error) {
		for _, c := range chunks {
			name := "assets/" + c.Name // has a hash
			s.add(name, c.JS)
			if c.Lazy {
				s.lazy = append(s.lazy, name)
				continue
			}
			link := fmt.Sprintf("<link rel=\"modulepreload\" href=%q>\n</head>", name)
			html = bytes.Replace(html, []byte("</head>"), []byte(link), 1)
		}
		return html, nil
	}
}
