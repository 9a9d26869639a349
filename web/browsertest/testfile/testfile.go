// Package testfile runs test files in a browser: TypeScript files *.test.ts that name test cases
// with test() of testing.ts. Each case becomes a Go subtest. A failure is reported with its message
// and with the stack in lines of the TypeScript source.
//
// # How to write a browser test
//
// Put a file into the folder tests/ next to what it tests, import the product under its package
// name and the assertions from testing.ts:
//
//	import { History, openHistory } from "nextquill";
//	import { equal, test } from "../../browsertest/testfile/testing.js";
//
//	test("an item is counted", async () => {
//	  const history = openHistory();
//	  await history.add({ text: "Hello" });
//	  equal(await history.count(), 1);
//	  history.close();
//	});
//
// A Go test bundles the file, serves it, opens the page and calls RunTests:
//
//	script, err := testfile.Bundle(root, "web/moduletest/tests/history.test.ts")
//	…
//	testfile.Attach(page, script, commands).RunTests(t)
//
// A case that needs what a page cannot do, such as a server that fails or a GPU process that
// crashes, calls a command of the Go test: command("failNext", …) in TypeScript, Commands in Go. A
// test in which pages are killed, or in which several pages take part, is a Go test that calls
// functions of the file: steps({…}) in TypeScript, Page.Call in Go. send() gives a value to
// Page.OnMessage.
//
// The types of all test files are checked by `npm run check` in web/.
package testfile

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sourcemap/sourcemap"

	"nextquill/web/browsertest"
	"nextquill/web/bundle"
)

// Timeout bounds one test case and one step.
const Timeout = 3 * time.Minute

// Script is a bundled test file.
type Script struct {
	JS        []byte
	sourceMap *sourcemap.Consumer
}

// Bundle bundles a test file, named from the folder root.
func Bundle(root, file string) (*Script, error) {
	made, err := bundle.MakeTest(root, file, false)
	if err != nil {
		return nil, err
	}
	lines, err := sourcemap.Parse("", made.SourceMap)
	if err != nil {
		return nil, fmt.Errorf("%s: source map: %w", file, err)
	}
	return &Script{made.JS, lines}, nil
}

// Commands are what test cases may call in Go, by name. Each runs on a goroutine of its own and
// gets its arguments in JSON.
type Commands map[string]func(ctx context.Context, args []json.RawMessage) (any, error)

// Page is a page that has loaded a test file.
type Page struct {
	browsertest.Page
	script   *Script
	commands Commands
}

// Attach connects to a page that loads the script.
func Attach(page browsertest.Page, script *Script, commands Commands) *Page {
	p := &Page{page, script, commands}
	p.OnMessage(func(json.RawMessage) {})
	return p
}

// OnMessage has f take the values that the page gives to send(). It must return soon: it runs on
// the goroutine that reads from the browser.
func (p *Page) OnMessage(f func(json.RawMessage)) {
	p.OnReport(func(raw string) { p.receive(raw, f) })
}

func (p *Page) receive(raw string, onMessage func(json.RawMessage)) {
	var m struct {
		Command string
		ID      int
		Args    []json.RawMessage
		Value   json.RawMessage
	}
	switch err := json.Unmarshal([]byte(raw), &m); {
	case err != nil:
		return
	case m.Command != "":
		go p.answer(m.Command, m.ID, m.Args)
	default:
		onMessage(m.Value)
	}
}

func (p *Page) answer(name string, id int, args []json.RawMessage) {
	ctx, stop := context.WithTimeout(context.Background(), Timeout)
	defer stop()
	var value any
	err := fmt.Errorf("the Go test has no command %q", name)
	if f := p.commands[name]; f != nil {
		value, err = f(ctx, args)
	}
	raw, problem := json.Marshal(value)
	if err == nil {
		err = problem
	}
	text := ""
	if err != nil {
		raw, text = []byte("null"), fmt.Sprintf("%s: %v", name, err)
	}
	// A page that is gone needs no answer.
	_, _ = p.Evaluate(ctx, fmt.Sprintf("testRunner.answer(%d, %s, %q)", id, raw, text))
}

// RunTests runs each test case of the file as a subtest.
func (p *Page) RunTests(t *testing.T) {
	t.Helper()
	if err := p.WaitLoaded(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw, err := p.Evaluate(t.Context(), "testRunner.names()")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil || len(names) == 0 {
		t.Fatalf("the file has no test cases: %v %s", err, raw)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			log, err := p.invoke(t.Context(), nil, "run(%q)", name)
			for _, line := range log {
				t.Log(line)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

const loaded = `document.readyState === "complete" && globalThis.testRunner !== undefined`

// WaitLoaded waits until the page has loaded the script, for instance after a reload.
func (p *Page) WaitLoaded(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	for {
		raw, err := p.Evaluate(ctx, loaded) // fails between two documents
		if err == nil && string(raw) == "true" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the page does not load its test file: %w; it printed %q", ctx.Err(), p.TakeMessages())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Call calls a function of steps() in the page and stores its result, unless result is nil.
func (p *Page) Call(ctx context.Context, result any, step string, args ...any) error {
	list, err := json.Marshal(append([]any{}, args...))
	if err != nil {
		return err
	}
	_, err = p.invoke(ctx, result, "step(%q, %s)", step, list)
	return err
}

func (p *Page) invoke(ctx context.Context, result any, call string, args ...any) (log []string, err error) {
	ctx, stop := context.WithTimeout(ctx, Timeout)
	defer stop()
	raw, err := p.Evaluate(ctx, "testRunner."+fmt.Sprintf(call, args...))
	if err != nil {
		return nil, err
	}
	var outcome struct {
		Value json.RawMessage
		Error *struct{ Message, Stack string }
		Log   []string
	}
	if err := json.Unmarshal(raw, &outcome); err != nil {
		return nil, err
	}
	if outcome.Error != nil {
		return outcome.Log, fmt.Errorf("%s\n%s", outcome.Error.Message, p.script.Stack(outcome.Error.Stack))
	}
	if result != nil {
		err = json.Unmarshal(outcome.Value, result)
	}
	return outcome.Log, err
}

// frame is a place in a script of the tests, in the stacks of Chromium and Firefox.
var frame = regexp.MustCompile(`https?://[^\s()]+/tests/[^\s():]+\.js:(\d+):(\d+)`)

// Stack returns the frames of a stack, with places in the TypeScript source. It leaves out this
// package.
func (s *Script) Stack(stack string) string {
	var lines []string
	for line := range strings.SplitSeq(stack, "\n") {
		if !strings.Contains(line, "http") { // the message, which is reported already
			continue
		}
		line = frame.ReplaceAllStringFunc(line, s.source)
		if !ownFiles.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

var ownFiles = regexp.MustCompile(`web/browsertest/testfile/\w+\.ts:`)

// source turns a place in the script into one in the TypeScript source.
func (s *Script) source(place string) string {
	m := frame.FindStringSubmatch(place)
	row, _ := strconv.Atoi(m[1])
	column, _ := strconv.Atoi(m[2])
	if source, _, r, c, ok := s.sourceMap.Source(row, column-1); ok {
		return fmt.Sprintf("%s:%d:%d", source, r, c+1)
	}
	return place
}
