package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/web/browsertest"
)

// TestPageInFirefox uses the page in Firefox, under its policy: it fetches the model, adds texts,
// trains, writes and explains.
func TestPageInFirefox(t *testing.T) {
	t.Parallel()
	s := complete(t)
	p := testPage{T: t}
	p.server, p.got = serveSite(t, s, policy)
	var err error
	p.firefox, err = browsertest.OpenFirefox(t.Context(), "about:blank")
	require.NoError(t, err)
	t.Cleanup(p.firefox.Close)
	p.addProbe()
	p.visit("/some/folder/")
	p.until(`document.documentElement.dataset.settled === "true"`)
	p.do(`probe.choose(["chat.txt", %q])`, whatsApp)
	p.until(`document.querySelector("#import .primary")?.textContent === "Add 3 texts"`)
	p.do(`document.querySelector("#import .row button:last-child").click()`)
	require.Equal(t, "Nothing was added.", p.text("#history-note"))
	for _, text := range [][2]string{
		{"tea", "A drink taken for an answer."}, {"bed", "A place to look for sleep."},
		{"clock", "A reproach with hands."}, {"road", "What a map is folded along."},
		{"rain", "What a picnic is held in."},
	} {
		p.do(
			`fill("#add .fields input", %q); fill("#add textarea", %q); document.querySelector("#add").requestSubmit()`,
			text[0],
			text[1],
		)
		p.until(`document.querySelector("#add textarea").value === ""`)
	}
	p.until(`document.querySelector("#count").textContent === "5 texts"`)

	p.untilFor(time.Minute, `shown("#train-start")`)
	p.do(`fill("#epochs", "1"); document.querySelector("#train-start").click()`)
	p.untilFor(3*time.Minute, `/Done|Stopped/.test(document.querySelector("#train-stage").textContent)`)
	require.Contains(t, p.text("#train-stage"), "Done in", p.text("#alert"))
	p.untilFor(time.Minute, `shown("#write-start") && shown("#draft-explain")`)

	began := time.Now()
	p.do(`fill("#write .fields input", "ambition"); document.querySelector("#write-start").click()`)
	p.untilFor(time.Minute, `shown("#write-start") && shown("#draft-explain")`)
	require.NotEmpty(t, p.text("#draft-you"))
	t.Logf("a draft, and the plain one, in %v", time.Since(began).Round(time.Millisecond))
	p.do(`document.querySelector("#draft-explain").click()`)
	p.untilFor(time.Minute, `/clearly yours/.test(document.querySelector("#explain-note").textContent)`)

	image, err := p.firefox.Screenshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), "firefox.png"), image, 0o644))
	require.Empty(t, p.firefox.TakeMessages())
}
