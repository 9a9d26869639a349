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

// Request is one thing that something in the browser asked of the network.
type Request struct {
	// From is the kind of what asked: "page", "worker", "service_worker" and others of the protocol's.
	From string
	// What is the protocol's event: "Network.requestWillBeSent", "Network.webSocketCreated" and others.
	What   string
	Method string
	URL    string
	// Sent is all that the browser says about it: the address, headers, what is
	// posted or sent through a socket, in the protocol's JSON.
	Sent string
	// Body is what is posted.
	Body []byte
}

func (r Request) String() string { return strings.TrimSpace(r.From + ": " + r.Method + " " + r.URL) }

// Local tells addresses that lead to what the browser has already.
func (r Request) Local() bool {
	scheme, _, _ := strings.Cut(r.URL, ":")
	return slices.Contains([]string{"data", "blob", "about", "chrome", "chrome-untrusted", "chrome-extension", "devtools"}, scheme)
}

// Update tells the browser's own look for a newer service worker, which no page can cause to say anything.
func (r Request) Update() bool {
	return r.Method == "GET" && len(r.Body) == 0 && !strings.Contains(r.URL, "?") && strings.Contains(strings.ToLower(r.Sent), `"service-worker":`)
}

// Network is what all pages and workers of a browser have asked of the network
// since Record.
type Network struct {
	wire *wire

	mu       sync.Mutex
	kinds    map[target.SessionID]string
	requests []Request
	said     []string
	fault    error // a watched target could not be watched
}

// outgoing are the events that mean that something leaves.
var outgoing = map[string]bool{
	"Network.requestWillBeSent": true, "Network.requestWillBeSentExtraInfo": true,
	"Network.webSocketCreated": true, "Network.webSocketWillSendHandshakeRequest": true, "Network.webSocketFrameSent": true,
	"Network.webTransportCreated": true, "Network.directTCPSocketCreated": true, "Network.directUDPSocketCreated": true,
}

// Record begins to note everything that pages, workers and service workers of
// the browser ask of the network. A target that starts is held until it is
// watched, so that nothing is missed. The browser must have been opened by Open;
// the record ends with it, or by Close.
func (b *Browser) Record(ctx context.Context) (*Network, error) {
	n := &Network{kinds: map[target.SessionID]string{}}
	var err error
	if n.wire, err = dialWire(ctx, b.address, n.hear); err != nil {
		return nil, err
	}
	if err := n.wire.follow(ctx, n.watch); err != nil {
		n.wire.close()
		return nil, err
	}
	return n, nil
}

// Close ends the record.
func (n *Network) Close() { n.wire.close() }

func (n *Network) watch(e *target.EventAttachedToTarget) []answer {
	kind := e.TargetInfo.Type
	n.mu.Lock()
	n.kinds[e.SessionID] = kind
	n.mu.Unlock()
	// Bodies of answers are of no interest; what is sent is wanted whole.
	enabled := n.wire.send(context.Background(), e.SessionID, network.Enable.Method,
		map[string]any{"maxTotalBufferSize": 1 << 16, "maxResourceBufferSize": 1 << 12, "maxPostDataSize": 64 << 20})
	logged := n.wire.send(context.Background(), e.SessionID, log.Enable.Method, nil)
	return []answer{logged, func(ctx context.Context, _ any) error {
		err := enabled(ctx, nil)
		if err != nil && networked[kind] && !strings.Contains(err.Error(), "Session with given id not found") {
			n.mu.Lock()
			n.fault = fmt.Errorf("%s %s: %w", kind, e.TargetInfo.URL, err)
			n.mu.Unlock()
		}
		return err
	}}
}

// networked are the kinds of targets that can ask for something.
var networked = map[string]bool{"page": true, "iframe": true, "worker": true, "shared_worker": true, "service_worker": true}

func (n *Network) hear(from target.SessionID, method string, params []byte) {
	if method == "Log.entryAdded" {
		n.hearSaid(from, params)
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
	_ = json.Unmarshal(params, &e) // what cannot be read is still kept as it is
	r := Request{What: method, Method: e.Request.Method, URL: e.Request.URL + e.Request.URLFragment, Sent: string(params)}
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

func (n *Network) hearSaid(from target.SessionID, params []byte) {
	var e log.EventEntryAdded
	if json.Unmarshal(params, &e) != nil || e.Entry == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if kind := n.kinds[from]; networked[kind] {
		n.said = append(n.said, fmt.Sprintf("%s: %s: %s %s", kind, e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

// Said is what the browser had to say of pages and of all workers: what their policy refused, what failed to load.
func (n *Network) Said() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.said)
}

// Requests are all so far, in order. It fails when something that runs in the browser could not be watched.
func (n *Network) Requests() ([]Request, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.requests), n.fault
}

// Evaluate runs a script in the first target of a kind, such as "worker", and
// waits for its promise. For planting what a check must find.
func (n *Network) Evaluate(ctx context.Context, kind, script string) error {
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
		err := n.wire.call(ctx, session, "Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true}, &r)
		if err != nil {
			continue // this one has ended
		}
		if r.ExceptionDetails != nil {
			return fault.New(fault.Malformed, kind, "script", "%s", r.ExceptionDetails.Text)
		}
		return nil
	}
	return fault.New(fault.Missing, kind, "", "nothing of this kind runs in the browser")
}

// Leaks are the requests in which a text stands: in the address, a header, or
// the body; as it is, in any of its bytes' usual spellings, or backwards.
func Leaks(requests []Request, text string) []string {
	var found []string
	for _, r := range requests {
		plain, _ := url.QueryUnescape(r.URL)
		for _, content := range []string{r.URL, plain, r.Sent, string(r.Body)} {
			if spelling := holds(content, text); spelling != "" {
				found = append(found, fmt.Sprintf("%s (as %s)", r, spelling))
				break
			}
		}
	}
	return found
}

// holds names the way in which a text is spelled in content, if it is there.
func holds(content, text string) string {
	lower := strings.ToLower(content)
	for _, s := range spellings(text) {
		if strings.Contains(lower, strings.ToLower(s.form)) { // headers and hosts lose their capitals
			return s.name
		}
	}
	return ""
}

type spelling struct{ name, form string }

func spellings(text string) []spelling {
	wide := make([]byte, 0, 2*len(text))
	for _, u := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	backwards := []rune(text)
	slices.Reverse(backwards)
	forms := []spelling{
		{"text", text}, {"JSON", strings.Trim(quoted(text), `"`)}, {"UTF-16", string(wide)}, {"text, backwards", string(backwards)},
		{"a query", url.QueryEscape(text)}, {"a path", url.PathEscape(text)}, {"hexadecimal", hex.EncodeToString([]byte(text))},
	}
	// How a text looks in base64 depends on where it stands among threes of bytes; its first and last letters also on its neighbours.
	for skip := range 3 {
		whole := base64.StdEncoding.EncodeToString(append(make([]byte, skip), text...))
		inner := strings.TrimRight(whole[(8*skip+5)/6:], "=")
		inner = inner[:len(inner)-1]
		forms = append(forms, spelling{"base64", inner}, spelling{"base64url", strings.NewReplacer("+", "-", "/", "_").Replace(inner)})
	}
	return forms
}

func quoted(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}
