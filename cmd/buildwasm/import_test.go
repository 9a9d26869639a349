package main

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// whatsApp is a chat of two people.
const whatsApp = "25/03/2024, 10:00 - Ana: ¿Vienes a la cena del viernes? Somos seis.\n" +
	"25/03/2024, 10:01 - Leo: Sí, ahora voy\n25/03/2024, 10:02 - Ana: Trae pan <b>integral</b>\n" +
	"26/03/2024, 09:30 - Leo: <Media omitted>\n26/03/2024, 09:31 - Leo: ¿Este sirve?\n" +
	"26/03/2024, 09:40 - Ana: Perfecto\n"

// TestPageAsksWhoYouAre drops a chat, chooses the person by keyboard, and adds their texts.
func TestPageAsksWhoYouAre(t *testing.T) {
	p := openPage(t)
	name := filepath.Join(t.TempDir(), "chat.txt")
	require.NoError(t, os.WriteFile(name, []byte(whatsApp), 0o644))
	p.drop(name)
	p.until(`shown("#import .primary")`)
	require.Equal(t, "Check before adding", p.value(`document.activeElement.textContent`))
	require.Equal(t, `["true Ana","false Leo"]`, p.value(`probe.senders()`), "the likeliest is preselected")
	require.Equal(t, "3 texts, from 25 March 2024 to 26 March 2024", p.text("#import .found"))
	require.Contains(t, p.text("#import .samples"), "Trae pan <b>integral</b>")
	require.Contains(t, p.text("#import details"), "Left out: 3")
	require.Equal(t, "0", p.value(`document.querySelectorAll("#items li").length`), "nothing is added yet")
	p.do(`document.querySelector("#import details").open = true`)
	p.checkLayout("import-who")
	p.checkNoMarkup()

	for _, who := range []string{"Ana", "Leo"} {
		p.tabTo(fmt.Sprintf(`#import input[value=%s]`, who))
		require.NoError(t, p.browser.TypeKeys(" "))
		if who == "Ana" {
			p.until(`document.querySelector("#import .found").textContent === "Tick the name that is yours."`)
			require.Equal(t, "true", p.value(`document.querySelector("#import .primary").disabled`))
		}
	}
	p.until(`document.querySelector("#import .primary").textContent === "Add 2 texts"`)
	p.tabTo("#import .primary")
	p.do(`for (let n = 0; n < 2; n++) document.querySelector("#import .primary").click()`)
	p.until(`document.querySelector("#history-note").textContent === "2 texts added."`)
	require.Equal(t, "2 texts", p.text("#count"), "pressing twice adds once")
	require.Equal(t, "true", p.value(`document.querySelector("#import").hidden`))
	require.Equal(t, "files", p.value(`document.activeElement.id`), "the button that had the focus is gone")

	p.drop(name) // the same again, as Leo
	p.until(`shown("#import .primary")`)
	p.do(`for (const who of ["Ana", "Leo"]) document.querySelector("#import input[value=" + who + "]").click()`)
	p.until(`document.querySelector("#import .primary").textContent === "Add 2 texts"`)
	p.do(`document.querySelector("#import .primary").click()`)
	p.until(`/0 texts added, 2 already here/.test(document.querySelector("#history-note").textContent)`)
	p.checkNoMessages()
}

// TestPageReadsFoldersAndArchives drops a folder, a zip archive, a table without a usual column and
// files that cannot be read.
func TestPageReadsFoldersAndArchives(t *testing.T) {
	p := openPage(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"vault/Daily/2024-01-05.md": "---\ntags: [a]\n---\nA note of January.\n", "vault/.obsidian/app.json": "{}",
		"vault/photo.png": "\x89PNG", "vault/Ideas.md": "An idea about bread.\n",
		"old.pdf": "%PDF-1.4", "letter.doc": "\xd0\xcf\x11\xe0", "empty.txt": "",
		"diary.csv": "nr,entrada\n1,uno\n2,dos\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	archive, err := os.Create(filepath.Join(dir, "export.zip"))
	require.NoError(t, err)
	w := zip.NewWriter(archive)
	for name, text := range map[string]string{"posts/a.html": "<p>A post &amp; more</p>", "posts/pic.jpg": "\xff\xd8"} {
		f, err := w.Create(name)
		require.NoError(t, err)
		_, err = f.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, archive.Close())
	var dropped []string
	for _, name := range []string{"vault", "old.pdf", "letter.doc", "empty.txt", "diary.csv", "export.zip"} {
		dropped = append(dropped, filepath.Join(dir, name))
	}
	p.drop(dropped...)
	p.until(`shown("#import .primary")`)
	require.Equal(t, "3", p.value(`document.querySelectorAll("#import .failed li").length`))
	require.Equal(t, "3 files cannot be read:", p.text("#import .wrong"))
	require.Contains(t, p.text("#import .failed"), "old.pdf: PDF files are not read. Save the document as")
	require.Contains(t, p.text("#import .tables"), "Which column of diary.csv has your texts?")
	require.Equal(t, "Add 3 texts", p.text("#import .primary"))
	require.Contains(t, p.text("#import details"), "2 × not a text format")
	p.checkLayout("import-folder")

	p.tabTo("#import select")
	require.NoError(t, p.browser.TypeKeys("e"))
	p.until(`document.querySelector("#import .primary").textContent === "Add 5 texts"`)
	require.Equal(t, "entrada", p.value(`document.querySelector("#import select").value`), "the choice stays")
	p.tabTo("#import .primary")
	require.NoError(t, p.browser.TypeKeys(kb.Enter))
	p.until(`document.querySelector("#count").textContent === "5 texts"`)

	p.drop(filepath.Join(dir, "old.pdf"))
	p.until(`document.querySelector("#import h3")?.textContent === "There is nothing to add"`)
	require.Equal(t, "false", p.value(`shown("#import .primary")`))
	p.checkLayout("import-nothing")
	p.do(`document.querySelector("#import .row button:last-child").click()`)
	require.Equal(t, "true", p.value(`document.querySelector("#import").hidden`))
	p.checkNoMessages()
}

// TestPageImportFromRightToLeft shows the panel in a page that is laid out from right to left, with
// texts in both directions.
func TestPageImportFromRightToLeft(t *testing.T) {
	p := openPage(t)
	p.do(`document.documentElement.dir = "rtl"`)
	p.do(`probe.choose(["chat.txt", %q], ["x.pdf", "%%PDF-"])`,
		"25/03/2024, 10:00 - دانا: هل تأتي إلى العشاء يوم الجمعة؟\n"+
			"25/03/2024, 10:01 - Leo: Yes, I am on my way (10 min)\n25/03/2024, 10:05 - دانا: حسنًا\n")
	p.until(`shown("#import .primary")`)
	require.Equal(t, "auto", p.value(`document.querySelector("#import .samples .text").dir`))
	require.Equal(t, "rtl", p.value(`getComputedStyle(document.querySelector("#import .samples .text")).direction`))
	require.Equal(t, "ltr", p.value(`getComputedStyle(document.querySelectorAll("#import .said")[1]).direction`))
	p.checkLayout("import-rtl")
}

// TestPageImportFails adds texts while the storage fails, tries again, and presses Add while a
// choice is applied.
func TestPageImportFails(t *testing.T) {
	p := openPage(t)
	p.do(`probe.choose(["chat.txt", %q])`, whatsApp)
	p.until(`document.querySelector("#import .primary")?.textContent === "Add 3 texts"`)
	p.do(`probe.failStorage(true); document.querySelector("#import .primary").click()`)
	p.until(`shown("#alert")`)
	require.Contains(t, p.text("#alert"), "the change cannot be stored")
	require.Equal(t, "3 texts, from 25 March 2024 to 26 March 2024", p.text("#import .found"))
	require.Equal(t, "true", p.value(`shown("#import .primary") && shown("#import .sender input")`), "try again")
	require.Equal(t, "0", p.value(`document.querySelectorAll("#items li").length`))

	p.do(`probe.failStorage(false)`)
	require.Equal(t, `[true,"Reading again"]`, p.value(`probe.chooseAndAdd()`), "the choice is applied first")
	p.until(`document.querySelector("#import .primary").textContent === "Add 5 texts"`)
	require.Equal(t, "0", p.value(`document.querySelectorAll("#items li").length`), "the press had no effect")
	// Files that are chosen while texts are added are read afterwards; the last count.
	p.do(`document.querySelector("#import .primary").click(); probe.choose(["x.txt", "one"]);
		probe.choose(["b.txt", "two\n\nthree"])`)
	p.until(`document.querySelector("#count").textContent === "5 texts"`)
	p.until(`document.querySelector("#import .primary")?.textContent === "Add 2 texts"`)
	p.checkNoMessages()
}

// TestPageImportIsCancelled cancels while a large file is read, and after it was read.
func TestPageImportIsCancelled(t *testing.T) {
	p := openPage(t)
	p.do(`probe.choose(["large.txt", ("word ".repeat(200) + "\n\n").repeat(60000)])`)
	p.until(`document.querySelector("#import .row .quiet")?.textContent.endsWith("%")`)
	p.checkAccessibility("html", "a file is read")
	p.do(`document.querySelector("#import button").click()`)
	require.Equal(t, "Nothing was added.", p.text("#history-note"))
	require.Equal(t, "true", p.value(`document.querySelector("#import").hidden`))
	p.do(`probe.choose(["a.txt", "one"])`)
	p.until(`shown("#import .primary")`)
	p.do(`document.querySelector("#import .row button:last-child").click()`)
	require.Equal(t, "true", p.value(`document.querySelector("#import").hidden`))
	p.do(`probe.choose(["a.txt", "one"]); probe.choose(["b.txt", "two\n\nthree"])`) // the last counts
	p.until(`document.querySelector("#import .primary")?.textContent === "Add 2 texts"`)
	require.Equal(t, "0", p.value(`document.querySelectorAll("#items li").length`))
	p.checkNoMessages()
}
