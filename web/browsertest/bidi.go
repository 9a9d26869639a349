package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// bidi is a connection by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), Firefox's
// protocol.
type bidi struct {
	conn  *websocket.Conn
	event func(method string, params json.RawMessage)

	mu     sync.Mutex
	lastID int64
	calls  map[int64]chan bidiMessage
	err    error // why the connection has ended
}

// bidiMessage is an answer, or an event if it has a method.
type bidiMessage struct {
	ID      int64           `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   string          `json:"error,omitempty"`
	Message string          `json:"message,omitempty"`
}

// dialBiDi connects. event takes the browser's events; it must not wait for an answer of the
// browser.
func dialBiDi(ctx context.Context, address string, event func(method string, params json.RawMessage)) (*bidi, error) {
	conn, _, err := websocket.Dial(ctx, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	conn.SetReadLimit(-1) // messages can have the size of files
	b := &bidi{conn: conn, event: event, calls: map[int64]chan bidiMessage{}}
	go b.listen()
	return b, nil
}

func (b *bidi) close() { _ = b.conn.CloseNow() }

func (b *bidi) listen() {
	for {
		var m bidiMessage
		if err := wsjson.Read(context.Background(), b.conn, &m); err != nil {
			b.fail(err)
			return
		}
		if m.Method != "" {
			b.event(m.Method, m.Params)
			continue
		}
		b.mu.Lock()
		reply := b.calls[m.ID]
		delete(b.calls, m.ID)
		b.mu.Unlock()
		if reply != nil {
			reply <- m
		}
	}
}

func (b *bidi) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	for id, reply := range b.calls {
		reply <- bidiMessage{Error: "the browser is gone", Message: err.Error()}
		delete(b.calls, id)
	}
}

// call sends a command, waits for the answer and stores its result.
func (b *bidi) call(ctx context.Context, method string, params, result any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	reply := make(chan bidiMessage, 1)
	b.mu.Lock()
	b.lastID++
	id := b.lastID
	b.calls[id] = reply
	err = b.err
	b.mu.Unlock()
	if err == nil {
		err = wsjson.Write(ctx, b.conn, bidiMessage{ID: id, Method: method, Params: raw})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-reply:
		switch {
		case m.Error != "":
			return fmt.Errorf("%s: %s: %s", method, m.Error, m.Message)
		case result != nil:
			return json.Unmarshal(m.Result, result)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
