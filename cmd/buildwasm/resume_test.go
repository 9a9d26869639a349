package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPageResumes reloads the page during a run, with a second tab open. The second tab says that
// another one is learning, and offers to continue when that one is gone. The run continues with its
// curve and its duration.
func TestPageResumes(t *testing.T) {
	t.Parallel()
	p := testPage{T: t}
	p.server, p.got = serveSite(t, complete(t), policy)
	p.openChromium()
	p.visit("/some/folder/")
	p.until(`document.documentElement.dataset.settled === "true"`)
	for i := range 4 {
		text := fmt.Sprintf("Tea number %d", i) + strings.Repeat(", and another cup", 4)
		p.do(`fill("#add textarea", %q); document.querySelector("#add").requestSubmit()`, text)
		p.until(fmt.Sprintf(`document.querySelector("#count").textContent.startsWith("%d text")`, i+1))
	}
	began := time.Now()
	// 10 epochs of 4 texts are 20 steps, because a step has 2 texts by default.
	p.do(`fill("#epochs", "10"); document.querySelector("#train-start").click()`)
	p.untilFor(time.Minute, `shown("#train-pause") && /%/.test(document.querySelector("#train-stage").textContent)`)

	second := p
	var err error
	second.browser, err = p.browser.OpenTab(p.server.URL + "/some/folder/")
	require.NoError(t, err)
	defer second.browser.Close()
	second.addProbe()
	second.visit("/some/folder/")
	second.until(`document.querySelector("#train-note")?.textContent === "Another tab is learning from these texts."`)
	require.Equal(t, "true", second.value(`document.querySelector("#train-start").disabled`))

	// The first checkpoint is stored after half of the steps.
	p.untilFor(2*time.Minute, `parseInt(document.querySelector("#train-stage").textContent) >= 60`)
	first := time.Since(began)
	p.do(`setTimeout(() => location.reload())`)
	const interrupted = `/interrupted after 50 %/.test(document.querySelector("#train-note")?.textContent)`
	p.untilFor(time.Minute, interrupted)
	second.until(interrupted)
	require.Equal(t, "Continue learning", second.text("#train-start"))

	p.until(`shown("#train-start")`)
	began = time.Now()
	p.do(`document.querySelector("#train-start").click()`)
	// The page redraws the 10 earlier steps one by one. Without them the curve would end with 10
	// points.
	points := `document.querySelector("#charts path")?.getAttribute("d").match(/[ML]/g).length`
	p.until(points + " >= 10")
	p.untilFor(3*time.Minute, `/Done in/.test(document.querySelector("#train-stage").textContent)`)
	require.Equal(t, "20", p.value(points))
	again := time.Since(began)
	said, err := strconv.ParseFloat(p.value(`document.querySelector("#train-stage").dataset.seconds`), 64)
	require.NoError(t, err)
	t.Logf("first part %v, second %v: %q", first, again, p.text("#train-stage"))
	require.Greater(t, said, (again + first/4).Seconds(), "the duration has both parts")
}
