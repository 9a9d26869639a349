package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPageTextsAreTranslated compares the keys of the pages with those of the German texts.
func TestPageTextsAreTranslated(t *testing.T) {
	s, err := built()
	require.NoError(t, err)
	used := map[string]bool{}
	for _, page := range []string{"index.html", "download.html"} {
		keys := regexp.MustCompile(`data-t(?:-label|-placeholder)?="(\w+)"`)
		for _, m := range keys.FindAllSubmatch(s.files[page], -1) {
			used[string(m[1])] = true
		}
	}
	require.Greater(t, len(used), 50)
	raw, err := os.ReadFile(filepath.Join(s.root, "web", "page", "german.html.json"))
	require.NoError(t, err)
	var german map[string]string
	require.NoError(t, json.Unmarshal(raw, &german))
	require.Equal(t, slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(german)))
	for key, text := range german {
		require.NotEmpty(t, text, key)
	}
}

// TestPageInGerman opens the page with a German browser, and switches to English and back. The
// choice stays.
func TestPageInGerman(t *testing.T) {
	p := openPageAfter(t, `Object.defineProperty(navigator, "languages", { value: ["fr-FR", "de-AT", "en"] })`)
	require.Equal(t, "de ltr", p.value(`document.documentElement.lang + " " + document.documentElement.dir`))
	require.Equal(t, "Deine Texte", p.text("#history-title [data-t]"))
	require.Regexp(t, `^A: 42 % wahrscheinlich nach diesen früheren Texten`, p.text("#example-word"))
	p.do(`document.querySelector("#sample").click()`)
	p.until(`document.querySelector("#count").textContent === "160 Texte"`)
	require.Equal(t, "160 Texte hinzugefügt.", p.text("#history-note"))
	require.Equal(t, "Aus 160 Texten lernen (4,3 MB Download)", p.text("#train-start"))
	p.do(`for (const details of document.querySelectorAll("details")) details.open = true`)
	p.checkLayout("german")
	p.checkNoMessages()

	p.do(`probe.editFirstText(" ")`)
	p.until(`shown("#alert")`)
	require.Equal(t, "Es fehlt etwas, oder es ist nicht erreichbar.\nThe item has no text.\n"+
		"Remove it, or give it a text.", p.text("#alert p"))

	p.do(`document.querySelector("#language").click()`)
	p.until(`document.querySelector("#language")?.textContent === "Deutsch"`)
	p.until(`document.querySelector("#count").textContent === "160 texts"`)
	require.Equal(t, "en", p.value(`document.documentElement.lang`))
	p.until(`document.documentElement.dataset.settled === "true"`)
	p.do(`document.querySelector("#language").click()`)
	p.until(`document.querySelector("#language")?.textContent === "English"`)
	require.Equal(t, "de", p.value(`document.documentElement.lang`))
	p.until(`document.documentElement.dataset.settled === "true"`)
	p.checkNoMessages()
}

// TestDownloadPageInGerman opens the page that downloads a model with a German browser.
func TestDownloadPageInGerman(t *testing.T) {
	p := openPageAfter(t, `Object.defineProperty(navigator, "languages", { value: ["de"] })`)
	p.visit("/some/folder/download.html?model=Qwen/Qwen3-0.6B-GGUF")
	p.until(`document.querySelector("#download")?.disabled === false`)
	require.Equal(t, "Qwen3 0.6B herunterladen", p.text("#title"))
	require.Contains(t, p.text(".prose"), "Deine Texte werden nicht gesendet.")
	require.Regexp(t, `^VonQwen/Qwen3-0.6B-GGUFGröße des Downloads.*Speicher beim Lernen`, p.text("#facts"))
	p.visit("/some/folder/download.html?model=none")
	p.until(`/kein Modell dieses Namens/.test(document.querySelector("#alert")?.textContent)`)
	p.checkNoMessages()
}
