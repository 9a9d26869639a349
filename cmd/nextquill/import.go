package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/importer"
)

// importFlags choose the person's texts in the files of --history.
type importFlags struct {
	Me         []string `group:"texts" sep:"none" placeholder:"NAME" help:"Your name or address in chats and mail, where there are several senders; repeat the flag for several names."`
	TextColumn string   `group:"texts" placeholder:"NAME" help:"Column of a table, or key of a JSON object, that has the text. Default: text, body, content or message."`
}

// importFiles imports a file or a folder.
func importFiles(path string, flags importFlags) (importer.Result, error) {
	options := importer.Options{Me: flags.Me, TextColumn: flags.TextColumn}
	info, err := os.Stat(path)
	if err != nil {
		return importer.Result{}, unreadable(path, err)
	}
	if info.IsDir() {
		return importer.ReadFS(os.DirFS(path), path, options)
	}
	if !info.Mode().IsRegular() {
		return importer.Result{}, fault.New(fault.Unsupported, path, "", "is not a file or a folder").
			WithRemedy("save its content to a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return importer.Result{}, unreadable(path, err)
	}
	defer f.Close()
	return importer.Read(f, info.Size(), path, info.ModTime(), options)
}

// readExchange reads texts that an earlier command wrote.
func readExchange(path string) ([]history.Item, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	return history.ReadJSONL(f, path, history.Limits{})
}

// readTexts imports a person's texts. Where there are several senders and none is chosen, it lists
// them and fails: texts of others must not be used by mistake.
func (a *app) readTexts(path string, flags importFlags) ([]history.Item, error) {
	r, err := importFiles(path, flags)
	if err != nil {
		return nil, err
	}
	if r.Choose {
		printSenders(a.stderr, r.Senders)
		return nil, chooseFault(path, r.Senders)
	}
	if !a.JSON && len(r.LeftOut)+len(r.Notes) > 0 {
		fmt.Fprintf(a.stderr, "%s: %s imported, %s (--dry-run shows them)\n", path, count(len(r.Items), "text"),
			summary(r))
	}
	return r.Items, nil
}

// summary counts what was left out and what was changed.
func summary(r importer.Result) string {
	left, changed := 0, 0
	for _, l := range r.LeftOut {
		left += l.Count
	}
	for _, l := range r.Notes {
		changed += l.Count
	}
	if changed == 0 {
		return fmt.Sprintf("%d left out", left)
	}
	return fmt.Sprintf("%d left out, %d imported with a change", left, changed)
}

func chooseFault(path string, senders []importer.Sender) error {
	likely := senders[0]
	for _, s := range senders {
		if s.Likely {
			likely = s
		}
	}
	return fault.New(fault.Missing, path, "", "has messages of %s", count(len(senders), "sender")).
		WithRemedy("name yourself with --me, probably: --me %s", quoteArgument(likely.ID()))
}

// maxSenders is the number of senders that are listed.
const maxSenders = 20

func printSenders(w io.Writer, senders []importer.Sender) {
	fmt.Fprintln(w, "Senders:")
	for i, s := range senders {
		if i == maxSenders {
			fmt.Fprintf(w, "  … and %d more\n", len(senders)-i)
			break
		}
		mark := " "
		if s.Chosen {
			mark = "*"
		}
		note := ""
		if s.Likely && !s.Chosen {
			note = "  (probably you)"
		}
		fmt.Fprintf(w, "%s %6d  --me %s%s\n            %s\n", mark, s.Count, quoteArgument(s.ID()), note,
			oneSample(s.Sample))
	}
}

func oneSample(s string) string { return "“" + printable(s) + "”" }

// printable replaces control characters, so that a text cannot change the terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return ' '
		}
		return c
	}, s)
}

var plainArgument = regexp.MustCompile(`^[\p{L}\p{N}@.+_/-]+$`)

// quoteArgument quotes an argument for a shell, if it needs quotes.
func quoteArgument(s string) string {
	if plainArgument.MatchString(s) {
		return s
	}
	if !strings.ContainsAny(s, "\"$`\\!") {
		return `"` + printable(s) + `"`
	}
	return "'" + strings.ReplaceAll(printable(s), "'", `'\''`) + "'"
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// dryRun shows what an import finds.
func (a *app) dryRun(path string, flags importFlags) error {
	if path == "" {
		return fault.New(fault.Missing, "--dry-run", "", "needs --history").
			WithRemedy("set a file or folder with --history")
	}
	r, err := importFiles(path, flags)
	if err != nil {
		return err
	}
	if a.JSON {
		return ui.WriteJSON(a.stdout, map[string]any{"event": "result", "label": "import", "method": "import",
			"texts": len(r.Items), "result": r})
	}
	w := a.stdout
	if len(r.Senders) > 0 {
		printSenders(w, r.Senders)
	}
	if r.Choose {
		fmt.Fprintln(w, "No messages are imported yet: say which sender is you with --me.")
	}
	if len(r.Items) > 0 {
		fmt.Fprintf(w, "Imported: %s%s\n", count(len(r.Items), "text"), period(r.From, r.To))
	}
	for _, i := range sampleIndices(len(r.Items)) {
		it := r.Items[i]
		fmt.Fprintf(w, "  %s%s\n", day(it.Time), oneSample(short(it.Text)))
	}
	printLeftOut(w, "Left out:", r.LeftOut)
	printLeftOut(w, "Imported with a change:", r.Notes)
	return nil
}

func printLeftOut(w io.Writer, title string, list []importer.LeftOut) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, title)
	for _, l := range list {
		fmt.Fprintf(w, "  %6d  %s\n", l.Count, printable(l.Reason))
		for i, place := range l.Places {
			if i == 3 {
				fmt.Fprintln(w, "            …")
				break
			}
			fmt.Fprintf(w, "            %s\n", printable(place))
		}
	}
}

// sampleIndices are the indices of the first, the middle and the last of n texts.
func sampleIndices(n int) []int {
	switch {
	case n == 0:
		return nil
	case n <= 3:
		return []int{0, 1, 2}[:n]
	}
	return []int{0, n / 2, n - 1}
}

func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 90 {
		s = string(r[:89]) + "…"
	}
	return s
}

func period(from, to time.Time) string {
	if from.IsZero() {
		return ", without dates"
	}
	return ", " + from.Format("2006-01-02") + " to " + to.Format("2006-01-02")
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 ")
}

// split holds out the newest texts for testing. Those that are copies of a training text are left
// out, because the model has seen them. If none remain, it returns all of them, and the core leaves
// them out: then nothing is tested.
func (a *app) split(items []history.Item, fraction float64) (training, heldout []history.Item, err error) {
	training, heldout, err = history.SplitFraction(items, fraction)
	if err != nil {
		return nil, nil, err
	}
	unseen, copies := history.Unseen(training, heldout)
	switch {
	case copies == 0:
	case len(unseen) == 0:
		fmt.Fprintf(a.stderr,
			"All %d held-out texts are also training texts: they are left out, and nothing is tested.\n", copies)
		return training, heldout, nil
	default:
		fmt.Fprintf(a.stderr, "%d of %d held-out texts are left out: they are also training texts.\n", copies,
			len(heldout))
	}
	return training, unseen, nil
}
