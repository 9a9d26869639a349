package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/wasm/guest/guesttest"
)

// TestBenchPage measures the device in Chromium, under the site's policy, until its time limit.
// Then it cancels a second measurement.
func TestBenchPage(t *testing.T) {
	s := complete(t)
	path := filepath.Join(t.TempDir(), "guest.wasm")
	require.NoError(t, os.WriteFile(path, guesttest.Test(t), 0o666))
	require.NoError(t, s.benchPage(path))
	p := testPage{T: t}
	p.server, p.got = serveSite(t, s, policy)
	p.openChromium()
	p.visit("/some/folder/bench.html?cases=^swiglu")
	p.until(`document.readyState === "complete"`)
	p.checkAccessibility("html", "the device report, before the measurement")
	p.do(`document.querySelector("#minutes").value = "0.1"; document.querySelector("#start").click()`)
	p.untilFor(3*time.Minute, `!document.querySelector("#save").hidden || !document.querySelector("#alert").hidden`)
	require.Empty(t, p.text("#alert"))
	require.Regexp(t, `^All \d+ kernel cases agree`, p.text("#result"))
	require.Regexp(t, `embedded model, q8(\d|\.)+`, strings.ReplaceAll(p.text("#result tbody tr"), " MB", ""))
	require.Contains(t, p.text("#result"), "There was no time for")
	require.Contains(t, p.text("#status"), "finished in")
	p.checkAccessibility("html", "the device report")

	p.do(`document.querySelector("#start").click()`)
	p.until(`!document.querySelector("#cancel").hidden`)
	p.do(`document.querySelector("#cancel").click()`)
	p.until(`document.querySelector("#status").textContent === "Cancelled."`)
	require.Equal(t, "true", p.value(`document.querySelector("#alert").hidden`))
	p.checkNoMessages()
}
