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

	"nextquill/web/browsertest"
)

// openExample opens a page of examples/ as it lies in the repository, beside what the site has in dist/.
func openExample(t *testing.T, name string) testPage {
	t.Helper()
	site, err := built()
	require.NoError(t, err)
	return openExampleOf(t, site, name)
}

// openExampleOf is openExample with a site that the caller has built.
func openExampleOf(t *testing.T, dist *site, name string) testPage {
	t.Helper()
	s := newSite(dist.root)
	for file, data := range dist.files {
		s.files[path.Join("dist", file)] = data
	}
	require.NoError(t, fs.WalkDir(os.DirFS(filepath.Join(dist.root, "examples")), name, func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			s.files[path.Join("examples", file)], err = s.read("examples/" + file)
		}
		return err
	}))
	p := testPage{T: t}
	p.server, _ = serveSite(t, s, strings.Replace(policy, "trusted-types nextquill nextquill-page", "trusted-types nextquill", 1)+"; form-action 'self'")
	var err error
	p.browser, err = browsertest.Open(t.Context(), p.server.URL+"/some/folder/examples/"+name+"/")
	require.NoError(t, err)
	t.Cleanup(p.browser.Close)
	p.until(`document.querySelector("next-quill")?.shadowRoot !== undefined && document.querySelector("next-quill").shadowRoot !== null`)
	return p
}

// TestSmallestEmbed uses the element on a page without a line of script, by keyboard.
func TestSmallestEmbed(t *testing.T) {
	p := openExample(t, "embed")
	inside := func(script string) string {
		return fmt.Sprintf(`((root) => %s)(document.querySelector("next-quill").shadowRoot)`, script)
	}
	p.until(inside(`root.querySelector("details").open`)) // there are no texts: adding some is the first thing to do
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
	p.lookAtPart("embed", "next-quill")
	p.browserSaidNothing()
}

// TestElementOnASite has the element in a form, in the site's own style.
func TestElementOnASite(t *testing.T) {
	p := openExample(t, "site")
	p.lookAt("site")
	style := func(part, property string) string {
		return p.value(fmt.Sprintf(`getComputedStyle(document.querySelector("next-quill").shadowRoot.querySelector("[part~=%s]"))[%q]`, part, property))
	}
	require.Equal(t, "rgb(255, 255, 255)", style("box", "backgroundColor"), "a custom property of the page's")
	require.Equal(t, "0px", style("box", "borderLeftWidth"), "a part that the page styles")
	require.Contains(t, style("draft", "fontFamily"), "Courier")
	require.Equal(t, `{"before":false,"sent":"Dear editor","after":true}`, p.value(`(() => {
		const [form, element] = [document.querySelector("form"), document.querySelector("next-quill")];
		form.elements[0].value = "Ann";
		const before = form.checkValidity();
		element.value = "Dear editor";
		return { before, sent: new FormData(form).get("letter"), after: form.checkValidity() };
	})()`))
	p.browserSaidNothing()
}

// TestElementDisabled has texts come while nothing may be pressed.
func TestElementDisabled(t *testing.T) {
	p := openExample(t, "site")
	const element, controls = `document.querySelector("next-quill")`, `[...document.querySelector("next-quill").shadowRoot.querySelectorAll("button, input, textarea")]`
	p.do(element + `.disabled = true; ` + element + `.history.add({ text: "mine" })`)
	p.until(element + `.shadowRoot.querySelectorAll("li").length === 1`)
	require.Equal(t, "true", p.value(element+`.matches(":disabled[disabled]") && `+controls+`.every((control) => control.disabled)`))
	require.Equal(t, "true", p.value(`(`+element+`.value = "draft", new FormData(document.querySelector("form")).get("letter") === null)`))
	p.do(element + `.disabled = false`)
	require.Equal(t, "true", p.value(controls+`.every((control) => !control.disabled)`))
	p.do(element + `.value = ""; document.querySelector("form").elements[0].value = "Ann"; ` + element + `.required = false`)
	require.Equal(t, "true", p.value(`document.querySelector("form").checkValidity()`))
	p.browserSaidNothing()
}

// TestElementSaysWhatIsMissing presses Add with nothing typed, and chooses files of which one cannot be read.
func TestElementSaysWhatIsMissing(t *testing.T) {
	p := openExample(t, "embed")
	const root = `document.querySelector("next-quill").shadowRoot`
	p.until(root + `.querySelector("details").open`)
	p.do(root + `.querySelector("[part~=add]").click()`)
	p.until(root + `.querySelector("[role=status]").textContent === "Type or paste a text first."`)
	require.Equal(t, "text", p.value(root+`.activeElement.id`))
	p.do(`const data = new DataTransfer();
		data.items.add(new File(["?"], "a.exe"));
		data.items.add(new File(["one"], "b.txt"));
		const field = ` + root + `.querySelector("#file");
		field.files = data.files;
		field.dispatchEvent(new Event("change"))`)
	p.until(root + `.querySelectorAll("li").length === 1`)
	p.until(`/a\.exe/.test(` + root + `.querySelector("[role=alert]")?.textContent)`)
	p.browserSaidNothing()
}

// TestElementExplains has the model colour a draft, and goes through it by keyboard.
func TestElementExplains(t *testing.T) {
	dist, _ := whole(t)
	p := openExampleOf(t, dist, "embed")
	const element, root = `document.querySelector("next-quill")`, `document.querySelector("next-quill").shadowRoot`
	p.do(element + `.history.add({ text: "Tea, n. A drink that is taken for an answer." })`)
	p.until(root + `.querySelectorAll("li").length === 1`)
	p.do(element + `.value = "Coffee, n. A drink that is taken for tea."; ` + root + `.querySelector("[part~=explain]").click()`)
	p.until(root + `.querySelectorAll("[role=listbox] [role=option]").length > 8`)
	require.Equal(t, p.value(element+`.value`), strings.TrimSpace(p.value(root+`.querySelector("[role=listbox]").textContent`)))
	p.do(root + `.querySelector("#draft").focus()`)
	require.NoError(t, p.browser.TypeKeys("\t"))
	about := func() string { return p.value(root + `.querySelector("[part=effect]").textContent`) }
	first := about()
	require.Regexp(t, "^(Coffee|C).*: .*your texts$", first)
	require.NoError(t, p.browser.TypeKeys(kb.ArrowRight+kb.ArrowRight))
	require.NotEqual(t, first, about())
	require.Equal(t, "2", p.value(`[...`+root+`.querySelectorAll("[role=option]")].indexOf(`+root+`.activeElement)`))
	require.Equal(t, "1", p.value(root+`.querySelectorAll("[role=option][tabindex='0']").length`))
	p.do(root + `.querySelector("#steer").value = "0.5"; ` + root + `.querySelector("#steer").dispatchEvent(new Event("input"))`)
	require.Equal(t, "0.5", p.value(root+`.querySelector("output").value`))
	p.lookAtPart("embed-explained", "next-quill")
	p.browserSaidNothing()
}

// TestElementManifest holds custom-elements.json to what the element is.
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
	parts := append(found(element+view+explained, `part: "([^"]+)"`), found(element+view, `button\("([a-z]+)"`)...)
	parts = append(parts, "button") // each button is one
	slices.Sort(parts)
	require.Equal(t, names(d.CSSParts, false), slices.Compact(parts))
	events := append(found(element, `#fire\("([a-z-]+)"`), found(element, `new Event\("([a-z]+)"`)...)
	slices.Sort(events)
	require.Equal(t, names(d.Events, false), events)
	// "worker" and its like are read where they are used; those that the browser must tell of are named beside them.
	require.Subset(t, names(d.Attributes, false), found(element, `[gh](?:et|as)Attribute\("([a-z-]+)"`))
	require.Subset(t, names(d.Attributes, false), strings.Split(p.value(`customElements.get("next-quill").observedAttributes.join()`), ","))
	for _, attribute := range names(d.Attributes, false) {
		require.Contains(t, element, `"`+attribute+`"`)
	}

	public := p.value(`Object.getOwnPropertyNames(customElements.get("next-quill").prototype).filter((n) => n !== "constructor" && !n.endsWith("Callback")).sort().join()`)
	require.Equal(t, strings.Join(names(d.Members, false), ","), public)
	for _, static := range names(d.Members, true) {
		require.Equal(t, "true", p.value(fmt.Sprintf(`%q in customElements.get("next-quill")`, static)))
	}
}
