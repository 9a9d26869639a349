package browsertest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed axe/axe.min.js
var axe string

// runAxe names each element that breaks a rule, in one line.
const runAxe = `axe.run(%q, { resultTypes: ["violations"] }).then(({ violations }) =>
	violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary }) =>
		id + ": " + help + ": " + target.flat().join(" ") + " (" + failureSummary.split("\n").slice(1).map((s) => s.trim()).join("; ") + ")")))`

// Violations runs axe-core, all of its rules, on a part of the page as it is
// now: "html" is all of it. It runs in a world of its own: the page's policy and
// its scripts are not touched.
func (b *Browser) Violations(within string) ([]string, error) {
	return chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) ([]string, error) {
		tree, err := cdp.Call(ctx, t, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return nil, err
		}
		world, err := cdp.Call(ctx, t, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "axe"})
		if err != nil {
			return nil, err
		}
		evaluate := func(script string) (*runtime.RemoteObject, error) {
			yes := true
			r, err := cdp.Call(ctx, t, runtime.Evaluate, runtime.EvaluateParams{
				Expression: script, ContextID: world.ExecutionContextID, AwaitPromise: &yes, ReturnByValue: &yes,
			})
			if err != nil {
				return nil, err
			}
			if r.ExceptionDetails != nil {
				return nil, fmt.Errorf("axe: %s", exception(r.ExceptionDetails))
			}
			return r.Result, nil
		}
		if _, err := evaluate(axe + ";0"); err != nil {
			return nil, err
		}
		found, err := evaluate(fmt.Sprintf(runAxe, within))
		if err != nil {
			return nil, err
		}
		var violations []string
		if err := json.Unmarshal(found.Value, &violations); err != nil {
			return nil, fmt.Errorf("axe: %w: %s", err, strings.TrimSpace(string(found.Value)))
		}
		return violations, nil
	})
}
