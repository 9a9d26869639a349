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

// TypeKeys sends key presses to the element that has the focus. chromedp/kb names the keys without
// a letter.
func (b *Browser) TypeKeys(keys string) error {
	return chromedp.Do(b.ctx, chromedp.Func(emulateFocus), chromedp.KeyEvent(keys))
}

// emulateFocus makes the page act as if its window were in front: focus events fire only there.
func emulateFocus(ctx context.Context, t *chromedp.Target) error {
	_, err := cdp.Call(
		ctx,
		t,
		emulation.SetFocusEmulationEnabled,
		emulation.SetFocusEmulationEnabledParams{Enabled: true},
	)
	return err
}

// DropFiles drops files on the page at a position in the window, in CSS pixels.
func (b *Browser) DropFiles(x, y float64, files ...string) error {
	return chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		data := &input.DragData{Items: []*input.DragDataItem{}, Files: files, DragOperationsMask: 1}
		for _, kind := range []input.DispatchDragEventType{
			input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop,
		} {
			p := input.DispatchDragEventParams{Type: kind, X: x, Y: y, Data: data}
			if _, err := cdp.Call(ctx, t, input.DispatchDragEvent, p); err != nil {
				return err
			}
		}
		return nil
	}))
}

// SetFileInput selects files in the file input that the CSS selector names.
func (b *Browser) SetFileInput(selector string, files ...string) error {
	return chromedp.Do(b.ctx, chromedp.SetUploadFiles(chromedp.CSS(selector), files, chromedp.NodeReady))
}

// AddInitScript runs a script in each document that is loaded from now on, before the document's
// own scripts. The page's policy does not apply to it.
func (b *Browser) AddInitScript(script string) error {
	return chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(
			ctx,
			t,
			page.AddScriptToEvaluateOnNewDocument,
			page.AddScriptToEvaluateOnNewDocumentParams{Source: script},
		)
		return err
	}))
}

// SetDownloadDir saves downloads in a folder, under the names that the page gives them.
func (b *Browser) SetDownloadDir(dir string) error {
	return chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
		})
		return err
	}))
}

// DoubleClick clicks twice with the mouse at a position in the window, in CSS pixels.
func (b *Browser) DoubleClick(x, y float64) error {
	return chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for count := range int64(2) {
			for _, kind := range []input.DispatchMouseEventType{
				input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased,
			} {
				p := input.DispatchMouseEventParams{
					Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, ClickCount: count + 1,
				}
				if _, err := cdp.Call(ctx, t, input.DispatchMouseEvent, p); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}
