package browsertest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"

	"nextquill/core/fault"
)

// Request is one request to the network.
type Request struct {
	// From is the protocol's kind of the target that made it: "page", "worker", "service_worker", …
	From string
	// Event is the protocol's event: "Network.requestWillBeSent", "Network.webSocketCreated", …
	Event  string
	Method string
	URL    string
	// Params are the event's parameters in JSON: address, headers, posted data, data sent through a
	// socket.
	Params string
	// Body is the posted data.
	Body []byte
}

func (r Request) String() string { return strings.TrimSpace(r.From + ": " + r.Method + " " + r.URL) }

// IsLocal tells whether the URL leads to data in the browser itself.
func (r Request) IsLocal() bool {
	scheme, _, _ := strings.Cut(r.URL, ":")
	return slices.Contains(
		[]string{"data", "blob", "about", "chrome", "chrome-untrusted", "chrome-extension", "devtools"},
		scheme,
	)
}

// IsServiceWorkerUpdate tells whether the browser itself checks for a newer service worker. A page
// cannot put data into such a request.
func (r Request) IsServiceWorkerUpdate() bool {
	return r.Method == "GET" && len(r.Body) == 0 && !strings.Contains(r.URL, "?") &&
		strings.Contains(strings.ToLower(r.Params), `"service-worker":`)
}

// NetworkRecord has the requests of all pages and workers of a browser since RecordNetwork.
type NetworkRecord struct {
	conn *cdpConn

	mu       sync.Mutex
	kinds    map[target.SessionID]string
	requests []Request
	messages []string
	err      error // why a target could not be observed
}

// outgoing are the events that mean that data leaves the browser.
var outgoing = map[string]bool{
	"Network.requestWillBeSent": true, "Network.requestWillBeSentExtraInfo": true,
	"Network.webSocketCreated": true, "Network.webSocketWillSendHandshakeRequest": true,
	"Network.webSocketFrameSent":  true,
	"Network.webTransportCreated": true, "Network.directTCPSocketCreated": true, "Network.directUDPSocketCreated": true,
}

// RecordNetwork starts to record all requests of pages, workers and service workers. A new target
// is paused until it is observed, so no request is missed. The record ends with the browser or with
// Close.
func (b *Browser) RecordNetwork(ctx context.Context) (*NetworkRecord, error) {
	n := &NetworkRecord{kinds: map[target.SessionID]string{}}
	var err error
	if n.conn, err = dialCDP(ctx, b.address, n.receive); err != nil {
		return nil, err
	}
	if err := n.conn.autoAttach(ctx, n.observe); err != nil {
		n.conn.close()
		return nil, err
	}
	return n, nil
}

// Close ends the record.
func (n *NetworkRecord) Close() { n.conn.close() }

func (n *NetworkRecord) observe(e *target.EventAttachedToTarget) []answer {
	kind := e.TargetInfo.Type
	n.mu.Lock()
	n.kinds[e.SessionID] = kind
	n.mu.Unlock()
	// Small buffers for the bodies of answers, which are not needed; posted data is needed
	// completely.
	enabled := n.conn.send(context.Background(), e.SessionID, network.Enable.Method,
		map[string]any{"maxTotalBufferSize": 1 << 16, "maxResourceBufferSize": 1 << 12, "maxPostDataSize": 64 << 20})
	logged := n.conn.send(context.Background(), e.SessionID, log.Enable.Method, nil)
	return []answer{logged, func(ctx context.Context, _ any) error {
		err := enabled(ctx, nil)
		if err != nil && canRequest[kind] && !strings.Contains(err.Error(), "Session with given id not found") {
			n.mu.Lock()
			n.err = fmt.Errorf("%s %s: %w", kind, e.TargetInfo.URL, err)
			n.mu.Unlock()
		}
		return err
	}}
}

// canRequest are the kinds of targets that can make requests.
var canRequest = map[string]bool{
	"page":           true,
	"iframe":         true,
	"worker":         true,
	"shared_worker":  true,
	"service_worker": true,
}

func (n *NetworkRecord) receive(from target.SessionID, method string, params []byte) {
	if method == "Log.entryAdded" {
		n.receiveMessage(from, params)
		return
	}
	if !outgoing[method] {
		return
	}
	var e struct {
		URL     string
		Request struct {
			URL, URLFragment, Method string
			PostDataEntries          []struct{ Bytes []byte }
		}
	}
	_ = json.Unmarshal(params, &e) // Params keeps what this struct does not have
	r := Request{
		Event:  method,
		Method: e.Request.Method,
		URL:    e.Request.URL + e.Request.URLFragment,
		Params: string(params),
	}
	if r.URL == "" {
		r.URL = e.URL
	}
	for _, entry := range e.Request.PostDataEntries {
		r.Body = append(r.Body, entry.Bytes...)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r.From = n.kinds[from]
	n.requests = append(n.requests, r)
}

func (n *NetworkRecord) receiveMessage(from target.SessionID, params []byte) {
	var e log.EventEntryAdded
	if json.Unmarshal(params, &e) != nil || e.Entry == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if kind := n.kinds[from]; canRequest[kind] {
		n.messages = append(n.messages, fmt.Sprintf("%s: %s: %s %s", kind, e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

// Messages returns the browser's log entries for pages and all workers, for instance what their
// policy has blocked and what failed to load.
func (n *NetworkRecord) Messages() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.messages)
}

// Requests returns all requests so far, in order. It fails if a target could not be observed.
func (n *NetworkRecord) Requests() ([]Request, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.requests), n.err
}

// Evaluate runs a script in the first target of a kind, such as "worker", and waits for its
// promise. Tests use it to make a request that the record must have.
func (n *NetworkRecord) Evaluate(ctx context.Context, kind, script string) error {
	n.mu.Lock()
	var sessions []target.SessionID
	for id, k := range n.kinds {
		if k == kind {
			sessions = append(sessions, id)
		}
	}
	n.mu.Unlock()
	for _, session := range sessions {
		var r struct {
			ExceptionDetails *struct{ Text string }
		}
		err := n.conn.call(
			ctx,
			session,
			"Runtime.evaluate",
			map[string]any{"expression": script, "awaitPromise": true},
			&r,
		)
		if err != nil {
			continue // the target has ended
		}
		if r.ExceptionDetails != nil {
			return fault.New(fault.Malformed, kind, "script", "%s", r.ExceptionDetails.Text)
		}
		return nil
	}
	return fault.New(fault.Missing, kind, "", "the browser runs no target of this kind")
}

// FindLeaks returns the requests that contain a text: in the address, a header or the body; in
// plain, in any of the usual encodings, or reversed.
func FindLeaks(requests []Request, text string) []string {
	var found []string
	for _, r := range requests {
		plain, _ := url.QueryUnescape(r.URL)
		for _, content := range []string{r.URL, plain, r.Params, string(r.Body)} {
			if encoding := findEncoded(content, text); encoding != "" {
				found = append(found, fmt.Sprintf("%s (as %s)", r, encoding))
				break
			}
		}
	}
	return found
}

// findEncoded returns the name of the encoding in which content has the text, or "".
func findEncoded(content, text string) string {
	lower := strings.ToLower(content)
	for _, s := range encodings(text) {
		if strings.Contains(lower, strings.ToLower(s.form)) { // hosts and header names are lower case
			return s.name
		}
	}
	return ""
}

type encoding struct{ name, form string }

func encodings(text string) []encoding {
	wide := make([]byte, 0, 2*len(text))
	for _, u := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	reversed := []rune(text)
	slices.Reverse(reversed)
	forms := []encoding{
		{"text", text},
		{"text, reversed", string(reversed)},
		{"JSON", strings.Trim(quoted(text), `"`)},
		{"UTF-16", string(wide)},
		{"a query", url.QueryEscape(text)},
		{"a path", url.PathEscape(text)},
		{"hexadecimal", hex.EncodeToString([]byte(text))},
	}
	// Base64 encodes three bytes at a time, so the encoding depends on the text's offset modulo 3.
	// Its first and last characters also depend on the bytes around the text.
	for skip := range 3 {
		whole := base64.StdEncoding.EncodeToString(append(make([]byte, skip), text...))
		inner := strings.TrimRight(whole[(8*skip+5)/6:], "=")
		inner = inner[:len(inner)-1]
		forms = append(
			forms,
			encoding{"base64", inner},
			encoding{"base64url", strings.NewReplacer("+", "-", "/", "_").Replace(inner)},
		)
	}
	return forms
}

func quoted(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}
