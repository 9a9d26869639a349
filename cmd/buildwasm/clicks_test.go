package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDoubleClick presses buttons with a double click, which counts as one click.
func TestDoubleClick(t *testing.T) {
	p := openPage(t)
	p.do(`fill("#add textarea", "once")`)
	p.doubleClick("#add [type=submit]")
	p.until(`document.querySelectorAll("#items li").length > 0`)
	// A second text would be stored by now: texts are stored one after the other.
	p.do(`fill("#add textarea", "later")`)
	p.do(`document.querySelector("#add").requestSubmit()`)
	p.until(`document.querySelector("#items .text").textContent === "later"`)
	require.Equal(t, "2 texts", p.text("#count"))
	require.NotContains(t, p.text("#history-note"), "first", "the second click does not complain about an empty text")

	// The first click replaces the button, as Personalize is replaced by Pause.
	p.do(`{
		const [button] = document.querySelectorAll("#train-form button");
		const other = button.cloneNode();
		button.disabled = other.disabled = false;
		window.presses = [];
		button.addEventListener("click", (e) => {
			e.preventDefault();
			window.presses.push("first");
			button.replaceWith(other);
		});
		other.addEventListener("click", (e) => {
			e.preventDefault();
			window.presses.push("second");
		});
		other.style.minWidth = button.style.minWidth = "8rem";
		other.textContent = "Pause";
	}`)
	p.doubleClick("#train-form button")
	require.Equal(t, `["first"]`, p.value(`window.presses`))
	p.checkNoMessages()
}

func (p testPage) doubleClick(selector string) {
	p.Helper()
	p.do(`document.querySelector(%q).scrollIntoView({ block: "center", behavior: "instant" })`, selector)
	var at struct{ X, Y float64 }
	box := p.value(`(({ left, top, width, height }) => ({ x: left + width / 2, y: top + height / 2 }))` +
		`(document.querySelector("` + selector + `").getBoundingClientRect())`)
	require.NoError(p, json.Unmarshal([]byte(box), &at))
	require.NoError(p, p.browser.DoubleClick(at.X, at.Y))
}
