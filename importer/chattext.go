package importer

import (
	"fmt"
	"path"
	"strings"

	"nextquill/importer/whatsapp"
)

// whatsApp imports a chat of WhatsApp. The name of the file or folder names the other side.
func (in *input) whatsApp(f file, text string) {
	title := strings.ToLower(f.title() + " " + path.Base(f.dir()))
	others := map[string]bool{}
	entries, complete := whatsapp.Parse(text, in.lim.Messages)
	if !complete {
		in.leave("there are too many messages; import fewer files", f.name)
	}
	for _, e := range entries {
		place := fmt.Sprintf("%s: line %d", f.name, e.Line)
		p := person{name: e.Name}
		if e.Name != "" && !others[e.Name] && strings.Contains(title, strings.ToLower(e.Name)) {
			others[e.Name] = true
			in.mark(p, -1000)
		}
		if e.Mine {
			in.mark(p, 100)
		}
		if e.Note != "" {
			in.leave(e.Note, place)
			continue
		}
		if e.Time.IsZero() {
			in.note("the time is not understood; the text is imported without it", place)
		}
		in.add(message{conversation: "whatsapp " + f.name, place: place, sender: p, text: e.Text, time: e.Time,
			thread: true})
	}
}
