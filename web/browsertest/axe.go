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

// axeViolation is a broken rule in axe-core's results.
type axeViolation struct {
	ID, Help string
	Nodes    []struct {
		Target         []any // CSS selectors
		FailureSummary string
	}
}

// lines describes each element that breaks the rule in one line.
func (v axeViolation) lines() (lines []string) {
	for _, node := range v.Nodes {
		_, summary, _ := strings.Cut(node.FailureSummary, "\n") // the first line is a title
		lines = append(
			lines,
			fmt.Sprintf("%s: %s: %v (%s)", v.ID, v.Help, node.Target, strings.Join(strings.Fields(summary), " ")),
		)
	}
	return lines
}

// AxeViolations checks a part of the page with all rules of axe-core, and returns one line for each
// element that breaks a rule. within is a CSS selector; "html" is the complete page. axe-core runs
// in an isolated world, so it does not touch the page's policy or scripts.
func (b *Browser) AxeViolations(within string) ([]string, error) {
	return chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) ([]string, error) {
		tree, err := cdp.Call(ctx, t, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return nil, err
		}
		world, err := cdp.Call(
			ctx,
			t,
			page.CreateIsolatedWorld,
			page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "axe"},
		)
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
		found, err := evaluate(
			fmt.Sprintf(`axe.run(%q, { resultTypes: ["violations"] }).then((r) => r.violations)`, within),
		)
		if err != nil {
			return nil, err
		}
		var violations []axeViolation
		if err := json.Unmarshal(found.Value, &violations); err != nil {
			return nil, fmt.Errorf("axe: %w: %s", err, strings.TrimSpace(string(found.Value)))
		}
		var lines []string
		for _, v := range violations {
			lines = append(lines, v.lines()...)
		}
		return lines, nil
	})
}
