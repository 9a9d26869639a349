package main

import (
	"bytes"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	edge "nextquill/edge/site"
	"nextquill/models"
	"nextquill/web/browsertest"
	"nextquill/web/moduletest/hubserver"
)

// smallestListed is the repository of the smallest model of the list.
const smallestListed = "bartowski/SmolLM2-135M-Instruct-GGUF"

// TestPageModels opens the list of models, downloads one of them from a hub on this machine, and
// opens a file. The weights are those of the embedded model. The page with the texts sends nothing
// to the hub; the page for downloads does.
func TestPageModels(t *testing.T) {
	t.Parallel()
	hub := hubserver.New()
	t.Cleanup(hub.Close)
	files, err := hubserver.Files(models.DefaultFS())
	require.NoError(t, err)
	hub.Push(smallestListed, map[string][]byte{
		"SmolLM2-135M-Instruct-Q8_0.gguf": files["model.gguf"], "tokenizer.json": files["tokenizer.json"],
	})
	s := complete(t)
	servers := strings.NewReplacer(edge.ModelServers, hub.URL+" "+hub.CDN, "https://huggingface.co", hub.URL)
	for name, data := range s.files {
		if ext := path.Ext(name); ext == ".js" || ext == ".html" {
			s.files[name] = []byte(servers.Replace(string(data)))
		}
	}
	p := testPage{T: t}
	p.server, p.got = serveSite(t, s, "")
	p.browser, err = browsertest.Open(t.Context(), "about:blank", "disable_workgroup_init")
	require.NoError(t, err)
	t.Cleanup(p.browser.Close)
	p.addProbe()
	p.visit("/some/folder/")
	p.until(`document.documentElement.dataset.settled === "true"`)
	p.do(`document.querySelector("#sample").click()`)
	p.until(`/^160 texts/.test(document.querySelector("#count").textContent)`)
	p.do(`document.querySelector("#fetch").click()`)
	p.untilFor(2*time.Minute, `shown("#write-start") && !document.querySelector("#write-start").disabled`)

	rows := `[...document.querySelectorAll(".models li")].map((li) => li.innerText)`
	p.do(`document.querySelector("#models button").click()`)
	p.untilFor(2*time.Minute, rows+`.filter((row) => / to learn 160 texts/.test(row)).length === 5`)
	list := p.value(rows + `.join("\n")`)
	t.Log(list)
	require.Equal(t, 5, strings.Count(list, " to learn 160 texts."))
	require.Equal(t, 1, strings.Count(list, "In use"))
	p.checkLayoutOf("models", "#start")

	require.Empty(t, hub.TakeRequests())
	p.do(`document.querySelector(".models a").click()`)
	p.until(`document.querySelector("#download")?.disabled === false`)
	require.Equal(t, "Download SmolLM2 135M", p.text("#title"))
	p.checkLayout("download")
	require.Empty(t, hub.TakeRequests(), "nothing is requested before the person agrees")
	p.do(`document.querySelector("#download").click()`)
	p.untilFor(2*time.Minute, `document.querySelector("#write-start")?.disabled === false`)
	require.NotEmpty(t, hub.TakeRequests())

	// The page opens the stored model, with its own adapters and the same texts.
	p.until(`/^160 texts/.test(document.querySelector("#count").textContent)`)
	p.do(`document.querySelector("#models button").click()`)
	p.untilFor(2*time.Minute, rows+`.filter((row) => / to learn 160 texts/.test(row)).length === 5`)
	require.Contains(t, p.value(rows+`[1]`), "In use")
	require.Contains(t, p.value(rows+`[0]`), "Use")
	require.Empty(t, hub.TakeRequests(), "the page with the texts never reaches the hub")

	// On a slow device, the newest texts that fit five minutes are selected.
	p.do(`for (const key of Object.keys(localStorage)) if (key.startsWith("nextquill.speed."))
		localStorage.setItem(key, "50");
		document.documentElement.dataset.old = "true";
		setTimeout(() => location.reload(), 0)`)
	p.untilFor(2*time.Minute, `!document.documentElement.dataset.old && shown("#budget") && `+
		`document.querySelectorAll("#budget input").length === 2`)
	require.Regexp(t, `^Learning from all your texts takes about \d+ minutes on this device\.`+
		` ?The newest \d+ texts \(about [45] minutes\) ?All 160 texts \(about \d+ minutes\)$`, p.text("#budget"))
	p.checkLayoutOf("budget", "#train")

	// A file of the person.
	p.do(`document.querySelector("#models button").click()`)
	p.until(`document.querySelector("#model-file") !== null`)
	p.do(`void fetch("model/model.gguf").then((r) => r.blob()).then((b) => {
		const d = new DataTransfer();
		d.items.add(new File([b], "mine.gguf"));
		const input = document.querySelector("#model-file");
		input.files = d.files;
		input.dispatchEvent(new Event("change"));
	})`)
	p.untilFor(2*time.Minute, `/mine.gguf[^]*In use/.test(`+rows+`[5] ?? "")`)
	p.do(`document.querySelector(".models li button").click()`)
	p.untilFor(2*time.Minute, `/In use/.test(`+rows+`[0])`)
	require.Empty(t, hub.TakeRequests())
	p.checkNoMessages()
}

// TestModelServers checks that the servers of the download page are those that its script uses.
func TestModelServers(t *testing.T) {
	s, err := built()
	require.NoError(t, err)
	require.Contains(t, string(s.files["download.html"]), "connect-src 'self' "+edge.ModelServers)
	require.NotContains(t, string(s.files["index.html"]), "https:")
	script := s.files[s.hashed["download.js"]]
	require.True(t, bytes.Contains(script, []byte("https://huggingface.co")))
}
