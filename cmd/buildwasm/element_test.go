package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/causal"
)

// openExample opens a page of examples/ as it is in the repository, next to the site in dist/.
func openExample(t *testing.T, name string) testPage {
	t.Helper()
	site, err := built()
	require.NoError(t, err)
	return openExampleOf(t, site, name)
}

// openExampleOf is openExample with another site.
func openExampleOf(t *testing.T, dist *site, name string) testPage {
	t.Helper()
	s := newSite(dist.root)
	for file, data := range dist.files {
		s.files[path.Join("dist", file)] = data
	}
	examples := os.DirFS(filepath.Join(dist.root, "examples"))
	require.NoError(t, fs.WalkDir(examples, name, func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			s.files[path.Join("examples", file)], err = s.read("examples/" + file)
		}
		return err
	}))
	p := testPage{T: t}
	// A site that uses the element needs no policy of the page.
	policy := strings.Replace(policy, "trusted-types nextquill nextquill-page", "trusted-types nextquill", 1)
	p.server, _ = serveSite(t, s, policy+"; form-action 'self'")
	p.openChromium()
	p.visit("/some/folder/examples/" + name + "/")
	p.until(`document.querySelector("next-quill")?.shadowRoot instanceof ShadowRoot`)
	return p
}

// TestSmallestEmbed uses the element by keyboard, on a page without scripts.
func TestSmallestEmbed(t *testing.T) {
	p := openExample(t, "embed")
	inside := func(script string) string {
		return fmt.Sprintf(`((root) => %s)(document.querySelector("next-quill").shadowRoot)`, script)
	}
	p.until(inside(`root.querySelector("details").open`)) // it is open while there are no texts
	p.tabTo("next-quill")
	for range 10 {
		require.NoError(p, p.browser.TypeKeys("\t"))
		if p.value(inside(`root.activeElement?.id`)) == "text" {
			break
		}
	}
	require.NoError(t, p.browser.TypeKeys("A text of mine."))
	require.NoError(t, p.browser.TypeKeys("\t\r"))
	p.until(inside(`root.querySelectorAll("li").length === 1`))
	require.Equal(t, "Your texts: 1", p.value(inside(`root.querySelector("summary").textContent`)))
	p.checkLayoutOf("embed", "next-quill")
	p.checkNoMessages()
}

// TestElementOnASite has the element in a form, with the site's style.
func TestElementOnASite(t *testing.T) {
	p := openExample(t, "site")
	p.checkLayout("site")
	style := func(part, property string) string {
		return p.value(fmt.Sprintf(`probe.styleOfPart(%q, %q)`, part, property))
	}
	require.Equal(t, "rgb(255, 255, 255)", style("box", "backgroundColor"), "a custom property of the page")
	require.Equal(t, "0px", style("box", "borderLeftWidth"), "a part that the page styles")
	require.Contains(t, style("draft", "fontFamily"), "Courier")
	require.Equal(
		t,
		`{"before":false,"sent":"Dear editor","after":true}`,
		p.value(`probe.formWithDraft("Dear editor")`),
	)
	p.checkNoMessages()
}

// TestElementDisabled adds a text while the element is disabled.
func TestElementDisabled(t *testing.T) {
	p := openExample(t, "site")
	const element, controls = `document.querySelector("next-quill")`, `probe.controls()`
	p.do(element + `.disabled = true; ` + element + `.history.add({ text: "mine" })`)
	p.until(element + `.shadowRoot.querySelectorAll("li").length === 1`)
	require.Equal(
		t,
		"true",
		p.value(element+`.matches(":disabled[disabled]") && `+controls+`.every((control) => control.disabled)`),
	)
	require.Equal(
		t,
		"true",
		p.value(`(`+element+`.value = "draft", new FormData(document.querySelector("form")).get("letter") === null)`),
	)
	p.do(element + `.disabled = false`)
	require.Equal(t, "true", p.value(controls+`.every((control) => !control.disabled)`))
	p.do(element + `.value = ""; ` + element + `.required = false`)
	p.do(`document.querySelector("form").elements[0].value = "Ann"`)
	require.Equal(t, "true", p.value(`document.querySelector("form").checkValidity()`))
	p.checkNoMessages()
}

// TestElementSaysWhatIsMissing presses Add without a text, and chooses two files of which one
// cannot be read.
func TestElementSaysWhatIsMissing(t *testing.T) {
	p := openExample(t, "embed")
	const root = `document.querySelector("next-quill").shadowRoot`
	p.until(root + `.querySelector("details").open`)
	p.do(root + `.querySelector("[part~=add]").click()`)
	p.until(root + `.querySelector("[role=status]").textContent === "Type or paste a text first."`)
	require.Equal(t, "text", p.value(root+`.activeElement.id`))
	p.do(root + `.querySelector("[part~=explain]").click()`)
	p.until(root + `.querySelector("[role=status].status").textContent === "Write a draft first."`)
	require.Equal(t, "draft", p.value(root+`.activeElement.id`))
	p.do(`probe.chooseInElement(["a.exe", "\x00"], ["b.txt", "one"])`)
	p.until(root + `.querySelector("[part~=import-add]")?.textContent === "Add 1 text"`)
	require.Contains(t, p.value(root+`.querySelector(".failed").textContent`), "a.exe: ")
	p.do(root + `.querySelector("[part~=import-add]").click()`)
	p.until(root + `.querySelectorAll("[part=items] li").length === 1`)
	require.Equal(t, "1 text added.", p.value(root+`.querySelector("[role=status].status").textContent`))
	p.checkNoMessages()
}

// TestElementAsksWhoYouAre chooses a chat of two people in the element, by keyboard.
func TestElementAsksWhoYouAre(t *testing.T) {
	p := openExample(t, "embed")
	const root = `document.querySelector("next-quill").shadowRoot`
	p.until(root + `.querySelector("details").open`)
	p.do(`probe.chooseInElement(["chat.txt", %q])`, whatsApp)
	p.until(root + `.querySelector("[part~=import-add]")?.textContent === "Add 3 texts"`)
	require.Equal(t, "Check before adding", p.value(root+`.activeElement.textContent`))
	p.checkLayoutOf("embed-import", "next-quill")
	require.NoError(t, p.browser.TypeKeys("\t \t ")) // not Ana, but Leo
	p.until(root + `.querySelector("[part~=import-add]").textContent === "Add 2 texts"`)
	p.do(`document.querySelector("next-quill").disabled = true`)
	require.Equal(t, "true", p.value(root+`.querySelector("[part~=import-add]").disabled`))
	p.do(`document.querySelector("next-quill").disabled = false`)
	p.do(root + `.querySelector("[part~=import-cancel]").focus()`)
	require.NoError(t, p.browser.TypeKeys(kb.Enter))
	require.Equal(t, "file", p.value(root+`.activeElement.id`), "the focus moves to the file field")
	require.Equal(t, "true", p.value(root+`.querySelector("[part=import]").hidden`))
	require.Equal(t, "0", p.value(root+`.querySelectorAll("[part=items] li").length`))
	p.checkNoMessages()
}

// TestElementExplains colours a draft with the model, and moves through it by keyboard.
func TestElementExplains(t *testing.T) {
	t.Parallel()
	p := openExampleOf(t, complete(t), "embed")
	const element, root = `document.querySelector("next-quill")`, `document.querySelector("next-quill").shadowRoot`
	p.do(element + `.history.add({ text: "Tea, n. A drink that is taken for an answer." })`)
	p.until(root + `.querySelectorAll("li").length === 1`)
	p.do(element + `.value = "Coffee, n. A drink that is taken for tea."`)
	p.do(root + `.querySelector("[part~=explain]").click()`)
	p.until(root + `.querySelectorAll("[role=listbox] [role=option]").length > 8`)
	require.Equal(
		t,
		p.value(element+`.value`),
		strings.TrimSpace(p.value(root+`.querySelector("[role=listbox]").textContent`)),
	)
	p.do(root + `.querySelector("#draft").focus()`)
	require.NoError(t, p.browser.TypeKeys("\t"))
	about := func() string { return p.value(root + `.querySelector("[part=effect]").textContent`) }
	first := about()
	require.Regexp(t, "^(Coffee|C).*: .*your texts$", first)
	require.NoError(t, p.browser.TypeKeys(kb.ArrowRight+kb.ArrowRight))
	require.NotEqual(t, first, about())
	require.Equal(t, "2", p.value(`[...`+root+`.querySelectorAll("[role=option]")].indexOf(`+root+`.activeElement)`))
	require.Equal(t, "1", p.value(root+`.querySelectorAll("[role=option][tabindex='0']").length`))
	p.do(root + `.querySelector("#steer").value = "0.5"`)
	p.do(root + `.querySelector("#steer").dispatchEvent(new Event("input"))`)
	require.Equal(t, "0.5", p.value(root+`.querySelector("output").value`))
	p.checkLayoutOf("embed-explained", "next-quill")
	p.checkNoMessages()
}

// TestElementManifest checks custom-elements.json against the element.
func TestElementManifest(t *testing.T) {
	p := openExample(t, "embed")
	read := func(name string) string {
		s, err := built()
		require.NoError(t, err)
		data, err := s.read("web/" + name)
		require.NoError(t, err)
		return string(data)
	}
	type named []struct {
		Name   string
		Static bool
	}
	names := func(n named, static bool) (out []string) {
		for _, one := range n {
			if one.Static == static {
				out = append(out, one.Name)
			}
		}
		slices.Sort(out)
		return out
	}
	var manifest struct {
		Modules []struct {
			Declarations []struct{ Attributes, CSSProperties, CSSParts, Events, Members named }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read("element/custom-elements.json")), &manifest))
	d := manifest.Modules[0].Declarations[0]
	element, view, explained := read("element/element.ts"), read("element/view.ts"), read("element/explained.ts")
	panel := read("ui/importPanel.ts")

	found := func(source, pattern string) []string {
		set := map[string]bool{}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(source, -1) {
			for one := range strings.FieldsSeq(m[1]) {
				set[one] = true
			}
		}
		return slices.Sorted(maps.Keys(set))
	}
	require.Equal(t, names(d.CSSProperties, false), found(read("element/styles.ts"), `(?m)^\s+(--nq-[a-z-]+):`))
	parts := found(element+view+explained+panel, `part: "([^"]+)"`)
	parts = append(parts, found(element+view, `button\("([a-z]+)"`)...)
	parts = append(parts, "button") // every button has this part
	slices.Sort(parts)
	require.Equal(t, names(d.CSSParts, false), slices.Compact(parts))
	events := append(found(element, `#fire\("([a-z-]+)"`), found(element, `new Event\("([a-z]+)"`)...)
	slices.Sort(events)
	require.Equal(t, names(d.Events, false), events)
	// Some attributes are read where they are used, the others are observed.
	require.Subset(t, names(d.Attributes, false), found(element, `[gh](?:et|as)Attribute\("([a-z-]+)"`))
	require.Subset(
		t,
		names(d.Attributes, false),
		strings.Split(p.value(`customElements.get("next-quill").observedAttributes.join()`), ","),
	)
	for _, attribute := range names(d.Attributes, false) {
		require.Contains(t, element, `"`+attribute+`"`)
	}

	require.Equal(t, strings.Join(names(d.Members, false), ","), p.value(`probe.publicMembers().join()`))
	for _, static := range names(d.Members, true) {
		require.Equal(t, "true", p.value(fmt.Sprintf(`%q in customElements.get("next-quill")`, static)))
	}
}

// TestElementManifestDefaults checks the presets and defaults in custom-elements.json against
// core/api.
func TestElementManifestDefaults(t *testing.T) {
	raw, err := os.ReadFile("../../web/element/custom-elements.json")
	require.NoError(t, err)
	var manifest struct {
		Modules []struct {
			Declarations []struct {
				Attributes []struct{ Name, Description, Default string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &manifest))
	defaults := api.ModuleDefaults()
	want := map[string]string{
		"preset": defaults.Preset, "epochs": fmt.Sprint(defaults.Epochs),
		"max-tokens": fmt.Sprint(*defaults.Sampling.MaxTokens),
	}
	got := map[string]string{}
	for _, a := range manifest.Modules[0].Declarations[0].Attributes {
		if _, ok := want[a.Name]; ok {
			got[a.Name] = a.Default
		}
		if a.Name == "preset" {
			_, list, _ := strings.Cut(strings.TrimSuffix(a.Description, "."), ": ")
			require.ElementsMatch(t, causal.Presets(), strings.Split(strings.ReplaceAll(list, " or ", ", "), ", "))
		}
	}
	require.Equal(t, want, got)
}
