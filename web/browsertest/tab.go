package browsertest

import (
	"context"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// OpenTab loads a page in another tab of the same Chromium: in the same profile, with the same
// storage, in another process. Close closes the tab.
func (b *Browser) OpenTab(url string) (*Browser, error) {
	ctx, stop := chromedp.NewContext(b.ctx)
	tab := &Browser{ctx: ctx, close: stop, address: b.address}
	if err := tab.load(url); err != nil {
		return nil, err
	}
	return tab, nil
}

// Crash crashes the tab's process, as a bug of the browser or a lack of memory does. The tab cannot
// be used any more: close it.
func (b *Browser) Crash(ctx context.Context) error {
	gone, err := chromedp.Detached(b.ctx)
	if err != nil {
		return err
	}
	dead := make(chan struct{})
	err = chromedp.Listen(b.ctx, func(event any) {
		if _, ok := event.(*inspector.EventTargetCrashed); ok {
			close(dead)
		}
	})
	if err != nil {
		return err
	}
	// The process that would answer the command is the one that crashes.
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	go func() {
		_ = chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, page.Crash, cdp.Empty{})
			return err
		}))
	}()
	select {
	case <-dead:
	case <-gone:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// CrashGPU ends Chromium's GPU process, which all tabs share.
func (b *Browser) CrashGPU(ctx context.Context) error {
	_, err := chromedp.CallBrowser(b.ctx, browser.CrashGPUProcess, cdp.Empty{})
	return err
}

// SetQuota sets how many bytes a site may store; 0 resets it to the default.
func (b *Browser) SetQuota(origin string, bytes float64) error {
	p := storage.OverrideQuotaForOriginParams{Origin: origin}
	if bytes > 0 {
		p.QuotaSize = &bytes
	}
	return chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, storage.OverrideQuotaForOrigin, p)
		return err
	}))
}
