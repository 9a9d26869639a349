package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	manyTexts = 10_000
	longText  = 1 << 20 // bytes of the longest of them
)

// TestPageManyTexts imports 10,000 texts, one of them very long, searches them and adds another. No
// task of the main thread blocks the page.
func TestPageManyTexts(t *testing.T) {
	p := openPage(t)
	name, matches := writeManyTexts(t, "word777")
	p.drop(name)
	p.untilFor(time.Minute, fmt.Sprintf(`document.querySelector("#import .primary")?.textContent === "Add %s texts"`,
		"10,000"))
	stop, err := p.browser.TraceMainThread(t.Context())
	require.NoError(t, err)

	began := time.Now()
	p.do(`document.querySelector("#import .primary").click()`)
	p.until(`document.querySelector("#import progress")?.value > 0`)
	require.Equal(t, "Adding 10,000 texts…", p.text("#import .found"))
	p.untilFor(time.Minute, `document.querySelector("#count").textContent === "10,000 texts"`)
	t.Logf("%d texts added in %v", manyTexts, time.Since(began).Round(time.Millisecond))

	p.do(`document.querySelector("#search").focus()`)
	for n, typed := range []string{"w", "wo", "word7", "word77", "WORD777 "} {
		began = time.Now()
		p.do(`fill("#search", %q)`, typed)
		p.until(fmt.Sprintf(`document.querySelector("#count").textContent.endsWith(" of 10,000 texts") &&
			document.querySelector("#items mark")?.textContent.toLowerCase() === %q`,
			strings.ToLower(strings.TrimSpace(typed))))
		t.Logf("search %d: %s in %v", n, p.text("#count"), time.Since(began).Round(time.Millisecond))
	}
	require.Equal(t, fmt.Sprint(matches), strings.Fields(p.text("#count"))[0], "counts are exact")

	p.do(`fill("#search", "needle")`)
	p.until(`document.querySelector("#count").textContent === "1 of 10,000 texts"`)
	require.Equal(t, "needle", p.text("#items mark"), "a match at the end of a long text is shown")
	require.Equal(t, "true", p.value(`document.querySelector("#items .text").textContent.length < 1000`))
	require.Regexp(t, `^Show all 1,0\d\d,\d{3} characters$`, p.text("#items .whole"))
	p.do(`document.querySelector("#items .whole").click()`)
	p.until(`document.querySelector("#items .long")?.lastChild.textContent.endsWith("needle")`)
	require.Equal(t, "true", p.value(`document.querySelector("#items .long").offsetHeight <= innerHeight`))
	require.Equal(t, "true", p.value(`document.documentElement.scrollHeight < 8000`), "the page stays short")
	require.Equal(t, "true", p.value(`document.activeElement.matches("#items .whole")`))

	p.do(`fill("#search", "")`)
	p.do(`fill("#add textarea", "One more text."); document.querySelector("#add").requestSubmit()`)
	p.until(`document.querySelector("#count").textContent === "10,001 texts"`)
	p.until(`document.querySelector("#items .text").textContent === "One more text."`)
	p.do(`document.querySelector("#more").click()`)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tasks, err := stop(ctx)
	require.NoError(t, err)
	wall, cpu := tasks.Longest()
	t.Logf("%d tasks, queued for %v in all; longest wall time: %v; longest CPU time: %v",
		len(tasks.All), tasks.Queued.Round(time.Millisecond), wall, cpu)
	require.Empty(t, tasks.Blocking(50*time.Millisecond), "the page was blocked")
	p.checkAccessibility("#history", "many texts")
	p.checkNoMessages()
}

// writeManyTexts writes a file of texts of a realistic length. One is long and ends with a word
// that no other has. matches is the number of texts that have a word, in the text or its context.
func writeManyTexts(t *testing.T, word string) (name string, matches int) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "posts.jsonl")
	f, err := os.Create(name)
	require.NoError(t, err)
	defer f.Close()
	w := bufio.NewWriter(f)
	random := rand.New(rand.NewPCG(1, 2))
	text := func(bytes int) string {
		var b strings.Builder
		for b.Len() < bytes {
			fmt.Fprintf(&b, "word%d ", random.IntN(4000))
		}
		return b.String()
	}
	day := time.Date(2015, 1, 1, 8, 0, 0, 0, time.UTC)
	for n := range manyTexts {
		body := text(60 + random.IntN(500))
		if n == manyTexts/2 {
			body = text(longText) + "needle"
		}
		subject := text(20)
		if strings.Contains(subject, word) || strings.Contains(body, word) {
			matches++
		}
		fmt.Fprintf(w, `{"context":{"to":"Person %d","subject":"%s"},"text":%q,"time":%q}`+"\n",
			n%40, subject, body, day.Add(time.Duration(n)*7*time.Hour).Format(time.RFC3339))
	}
	require.NoError(t, w.Flush())
	return name, matches
}
