package browsertest

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// SlowCPU makes the page's main thread this many times slower.
func (b *Browser) SlowCPU(factor float64) error {
	return chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: factor})
		return err
	}))
}

// SlowListener is a listener whose connections together send at most Rate bytes per second. An
// answer starts Latency after its request. The browser has an emulation too, but it is set for each
// target. This one also slows down the requests of workers and of the service worker.
type SlowListener struct {
	net.Listener
	Rate    int
	Latency time.Duration

	mu   sync.Mutex
	free time.Time // when the line has sent everything
}

// Accept implements net.Listener.
func (l *SlowListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &slowConn{Conn: c, line: l}, nil
}

// slice is what the line sends at once, so that connections share it.
const slice = 4 << 10

type slowConn struct {
	net.Conn
	line  *SlowListener
	asked bool // a request came since the last answer
}

func (c *slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.asked = c.asked || n > 0
	return n, err
}

func (c *slowConn) Write(p []byte) (n int, err error) {
	if c.asked {
		c.asked = false
		time.Sleep(c.line.Latency)
	}
	for len(p) > 0 && err == nil {
		part := p[:min(len(p), slice)]
		c.line.wait(len(part))
		var sent int
		sent, err = c.Conn.Write(part)
		n, p = n+sent, p[sent:]
	}
	return n, err
}

// wait waits until the line has sent what is before these bytes, and these bytes.
func (l *SlowListener) wait(bytes int) {
	l.mu.Lock()
	if now := time.Now(); l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(bytes) * time.Second / time.Duration(l.Rate))
	until := l.free
	l.mu.Unlock()
	time.Sleep(time.Until(until))
}
