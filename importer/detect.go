package importer

import (
	"bytes"
	"io"
	"maps"
	"path"
	"regexp"
	"strings"

	"nextquill/core/fault"
	"nextquill/importer/mail"
	"nextquill/importer/prose"
	"nextquill/importer/whatsapp"
)

// refused are formats that are recognized but not read, with what to do.
var refused = map[string]string{
	".pdf":   "PDF files are not read; save the document as .docx, .odt, .html or .txt",
	".doc":   "old Word files are not read; save the document as .docx",
	".rtf":   "RTF files are not read; save the document as .docx",
	".pages": "Pages documents are not read; export the document as .docx",
	".epub":  "EPUB files are not read; convert the book to .html or .txt",
	".pst":   "Outlook data files are not read; export the mail as .mbox or .eml",
	".ost":   "Outlook data files are not read; export the mail as .mbox or .eml",
	".msg":   "Outlook messages are not read; save them as .eml",
	".olm":   "Outlook data files are not read; export the mail as .mbox or .eml",
	".xlsx":  "spreadsheets are not read; save the sheet as .csv",
	".xls":   "spreadsheets are not read; save the sheet as .csv",
	".ods":   "spreadsheets are not read; save the sheet as .csv",
	".car":   "Bluesky repositories (.car) are not read; export the posts as JSON",
	".rar":   "only zip archives are read; extract it and import the folder",
	".7z":    "only zip archives are read; extract it and import the folder",
	".tgz":   "only zip archives are read; extract it and import the folder",
	".gz":    "only zip archives are read; extract it and import the folder",
	".tar":   "only zip archives are read; extract it and import the folder",
}

// textFormats are the extensions that are read inside folders and archives. Other files have no
// texts of the person: pictures, programs, settings.
var textFormats = map[string]bool{
	"": true, ".txt": true, ".text": true, ".md": true, ".markdown": true, ".mdown": true, ".json": true,
	".jsonl": true, ".ndjson": true, ".csv": true, ".tsv": true, ".tab": true, ".eml": true, ".emlx": true,
	".mbox": true, ".mbx": true, ".html": true, ".htm": true, ".xhtml": true, ".docx": true, ".odt": true,
	".zip": true, ".js": true,
}

// file imports one file. The extension and the content determine the format.
func (in *input) file(f file) error {
	ext := f.ext()
	if reason, ok := refused[ext]; ok {
		what, remedy, _ := strings.Cut(reason, "; ")
		return fault.New(fault.Unsupported, f.name, "", "%s", what).WithRemedy("%s", remedy)
	}
	if !f.named {
		if !textFormats[ext] && !inMailFolder(f) {
			in.leave("not a text format", f.name)
			return nil
		}
	}
	head, err := in.head(f)
	if err != nil {
		return err
	}
	switch {
	case len(head) == 0:
		return fault.New(fault.Missing, f.name, "", "holds no text").WithRemedy("add at least one text")
	case bytes.HasPrefix(head, []byte("%PDF-")):
		what, remedy, _ := strings.Cut(refused[".pdf"], "; ")
		return fault.New(fault.Unsupported, f.name, "", "%s", what).WithRemedy("%s", remedy)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return in.zipped(f)
	case ext == ".zip" || ext == ".docx" || ext == ".odt":
		return fault.New(fault.Malformed, f.name, "", "is not a complete zip archive").
			WithRemedy("download or export it again")
	case isMailbox(head):
		return in.mbox(f)
	}
	data, err := in.readAll(f)
	if err != nil {
		return err
	}
	switch {
	case ext == ".eml" || ext == ".emlx", inMailFolder(f) && isMail(data):
		return in.eml(f, data)
	case ext == ".mbox" || ext == ".mbx":
		return fault.New(fault.Malformed, f.name, "line 1", "is not a mailbox: a line such as "+
			`"From ann@example.org Fri May 17 12:00:00 2024" is expected`).WithRemedy("export the mailbox again")
	}
	text, ok := prose.Decode(data)
	if !ok {
		if !f.named {
			in.leave("not a text format", f.name)
			return nil
		}
		return fault.New(fault.Unsupported, f.name, "", "the file is not a text").
			WithRemedy("use a format of docs/texts.md, such as .txt, .csv, .jsonl, .mbox, .docx or .zip")
	}
	return in.text(f, data, text)
}

// text imports a file that is a text.
func (in *input) text(f file, data []byte, text string) error {
	switch f.ext() {
	case ".jsonl", ".ndjson":
		return in.jsonl(f, text)
	case ".json":
		return in.json(f, text)
	case ".js":
		if ytd.MatchString(text) {
			return in.twitter(f, text)
		}
		in.leave("not a text format", f.name)
		return nil
	case ".csv", ".tsv", ".tab":
		return in.table(f, text)
	case ".md", ".markdown", ".mdown":
		in.markdown(f, text)
		return nil
	case ".html", ".htm", ".xhtml":
		return in.html(f, data)
	}
	trimmed := strings.TrimLeft(text, " \t\r\n")
	switch {
	case whatsapp.Is(text):
		in.whatsApp(f, text)
		return nil
	case ytd.MatchString(text):
		return in.twitter(f, text)
	case isMail(data):
		return in.eml(f, data)
	case strings.HasPrefix(trimmed, "{\"") || strings.HasPrefix(trimmed, "[{") || strings.HasPrefix(trimmed, "{\n"):
		if jsonValid(trimmed) {
			return in.json(f, text)
		}
		if first, _, _ := strings.Cut(trimmed, "\n"); jsonValid(first) {
			return in.jsonl(f, text)
		}
	case strings.HasPrefix(strings.ToLower(trimmed), "<!doctype html"),
		strings.HasPrefix(strings.ToLower(trimmed), "<html"):
		return in.html(f, data)
	case strings.HasPrefix(trimmed, "<?xml"):
		if strings.Contains(strings.ToLower(trimmed[:min(len(trimmed), 2000)]), "<html") {
			return in.html(f, data)
		}
		return fault.New(fault.Unsupported, f.name, "", "XML files are not read").
			WithRemedy("export the texts as CSV, JSON or HTML")
	}
	if isUnknownChat(text) {
		return fault.New(fault.Unsupported, f.name, "",
			"looks like a chat of several people, in a format that is not read").
			WithRemedy("save it as CSV with the columns sender, time and text")
	}
	in.plain(f, text)
	return nil
}

// chatLine is a line of a log: a time, a name, and a text.
var chatLine = regexp.MustCompile(
	`^\[?(?:(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\p{L}{3,9}\.? \d{1,2}, \d{4}),?[T ])?` +
		`\d{1,2}:\d{2}(?::\d{2})?(?: ?[AP]M)?\]?[\s-]+` +
		`<?([^:<>\t]{1,40})(?:: |> |\t)`,
)

// isUnknownChat recognizes the log of a chat in no known format, such as that of LINE or IRC: most
// lines have a time and a name, and there are several names.
func isUnknownChat(text string) bool {
	lines, found := 0, 0
	names := map[string]bool{}
	for line := range strings.SplitSeq(text[:min(len(text), 256<<10)], "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		lines++
		if m := chatLine.FindStringSubmatch(line); m != nil {
			found++
			names[m[1]] = true
		}
	}
	return found >= 3 && found*2 > lines && len(names) > 1 && len(names)*3 <= found*2
}

// plain imports a plain text: each paragraph is an item.
func (in *input) plain(f file, text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	var paragraph strings.Builder
	flush := func() {
		if paragraph.Len() > 0 {
			in.add(message{place: f.name, text: paragraph.String(), time: f.modified})
		}
		paragraph.Reset()
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(line) == "" {
			flush()
			continue
		}
		paragraph.WriteString(line)
		paragraph.WriteByte('\n')
	}
	flush()
}

// head returns the first bytes of a file.
func (in *input) head(f file) ([]byte, error) {
	r, err := in.reader(f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(r, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	if err != nil {
		return nil, unreadable(f, err)
	}
	return head[:n], nil
}

// inMailFolder recognizes the files of Thunderbird's .sbd folders, and those of a Maildir.
func inMailFolder(f file) bool {
	folder := path.Base(f.dir())
	return strings.Contains(f.dir(), ".sbd") || folder == "cur" || folder == "new"
}

// isMail recognizes a message by its header: From, and Date or Message-ID, among lines that are all
// header fields.
func isMail(data []byte) bool {
	from, other := false, false
	for range 200 {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 || !ok {
			break
		}
		if line[0] != ' ' && line[0] != '\t' {
			if !mail.HeaderLine.Match(line) {
				return false
			}
			name := strings.ToLower(string(line[:bytes.IndexByte(line, ':')]))
			from = from || name == "from"
			other = other || name == "message-id" || name == "received" || name == "mime-version"
		}
		data = rest
	}
	return from && other
}

// lookUp reads the files that explain ids in others: users.json of Slack, account.js of Twitter.
func (in *input) lookUp(list []file) {
	for _, f := range list {
		switch f.base() {
		case "users.json", "org_users.json":
			if data, err := in.readAll(f); err == nil {
				if n, bots := slackUsers(data); len(n) > 0 {
					in.names[f.dir()] = n
					maps.Copy(in.bots, bots)
				}
			}
		case "account.js":
			if data, err := in.readAll(f); err == nil {
				in.twitterAccount(data)
			}
		}
	}
}
