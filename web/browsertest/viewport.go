package browsertest

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	pagedomain "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Viewport is the window in which a page is shown: its size in CSS pixels, the device, the theme.
type Viewport struct {
	Width, Height int64
	Phone, Dark   bool
}

// SetViewport changes the viewport. It also asks the page for reduced motion, so that screenshots
// do not depend on animations.
func (b *Browser) SetViewport(v Viewport) error {
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	var options []chromedp.EmulateViewportOption
	if v.Phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	return chromedp.Do(b.ctx, chromedp.EmulateViewport(v.Width, v.Height, options...), setMedia(map[string]string{
		"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce",
	}))
}

// Screenshot returns a PNG of the window or, with fullPage, of the complete page.
func (b *Browser) Screenshot(fullPage bool) ([]byte, error) {
	return chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(
			ctx,
			t,
			pagedomain.CaptureScreenshot,
			pagedomain.CaptureScreenshotParams{CaptureBeyondViewport: &fullPage},
		)
		if err != nil {
			return nil, err
		}
		return r.Data, nil
	})
}

func setMedia(features map[string]string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		var p emulation.SetEmulatedMediaParams
		for name, value := range features {
			p.Features = append(p.Features, &emulation.MediaFeature{Name: name, Value: value})
		}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, p)
		return err
	})
}
