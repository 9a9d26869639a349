package browsertest

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	pagedomain "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Look is how a page is looked at.
type Look struct {
	Width, Height int64
	Phone, Dark   bool
}

// Screenshot gives the whole page as PNG.
func (b *Browser) Screenshot(l Look) ([]byte, error) {
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	var options []chromedp.EmulateViewportOption
	if l.Phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(l.Width, l.Height, options...), media("prefers-color-scheme", scheme)); err != nil {
		return nil, err
	}
	return chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		beyond := true
		r, err := cdp.Call(ctx, t, pagedomain.CaptureScreenshot, pagedomain.CaptureScreenshotParams{CaptureBeyondViewport: &beyond})
		if err != nil {
			return nil, err
		}
		return r.Data, nil
	})
}

func media(name, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: name, Value: value}},
		})
		return err
	})
}
