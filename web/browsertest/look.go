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

// LookAs changes how the page is looked at, for good.
func (b *Browser) LookAs(l Look) error {
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	var options []chromedp.EmulateViewportOption
	if l.Phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	return chromedp.Do(b.ctx, chromedp.EmulateViewport(l.Width, l.Height, options...), media(map[string]string{
		"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce", // pictures of things at rest
	}))
}

// Screenshot gives a PNG of what is in the window, or of the whole page.
func (b *Browser) Screenshot(whole bool) ([]byte, error) {
	return chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(ctx, t, pagedomain.CaptureScreenshot, pagedomain.CaptureScreenshotParams{CaptureBeyondViewport: &whole})
		if err != nil {
			return nil, err
		}
		return r.Data, nil
	})
}

func media(features map[string]string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		var p emulation.SetEmulatedMediaParams
		for name, value := range features {
			p.Features = append(p.Features, &emulation.MediaFeature{Name: name, Value: value})
		}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, p)
		return err
	})
}
