package browsertest

import (
	"context"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Press types keys as a person does, into whatever has the focus; see
// chromedp/kb for keys without a letter.
func (b *Browser) Press(keys string) error {
	return chromedp.Do(b.ctx, chromedp.Func(focused), chromedp.KeyEvent(keys))
}

// focused lets the page think that its window is in front: what happens on focus does not happen elsewhere.
func focused(ctx context.Context, t *chromedp.Target) error {
	_, err := cdp.Call(ctx, t, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return err
}

// Drop lets files fall on the page at a place in the window.
func (b *Browser) Drop(x, y float64, files ...string) error {
	return chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		data := &input.DragData{Items: []*input.DragDataItem{}, Files: files, DragOperationsMask: 1}
		for _, kind := range []input.DispatchDragEventType{
			input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop,
		} {
			if _, err := cdp.Call(ctx, t, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: x, Y: y, Data: data}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Choose gives files to a file field.
func (b *Browser) Choose(field string, files ...string) error {
	return chromedp.Do(b.ctx, chromedp.SetUploadFiles(chromedp.CSS(field), files, chromedp.NodeReady))
}

// Before runs a script in each document that is loaded from now on, before its own scripts.
func (b *Browser) Before(script string) error {
	return chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// DownloadTo has what the page saves put into a folder under the name that the page gives it.
func (b *Browser) DownloadTo(dir string) error {
	return chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
		})
		return err
	}))
}
