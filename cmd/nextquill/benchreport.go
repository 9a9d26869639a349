package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"nextquill/core/api"
	"nextquill/report"
)

// report tests the kernels, measures the device, and writes both as a page and as JSON.
func (c benchCmd) report(ctx context.Context, j *job) error {
	p := newBenchPage(c.Report)
	if err := p.prepare(); err != nil {
		return err
	}
	d := report.Device{Machine: report.Machine(), Command: "nextquill bench --report " + c.Report}
	kernels, err := j.testKernels(ctx)
	if err != nil {
		return err
	}
	d.Kernels = kernels
	params := api.BenchReportParams{Loading: j.loading(), Model: modelDir}
	summary := func() string { return d.Report.Device.Name }
	if err := j.call(ctx, "measure", api.MethodBenchReport, params, &d.Report, summary, nil); err != nil {
		return err
	}
	d.When = time.Now()
	if err := p.write(d, func(w io.Writer) error { return report.DeviceHTML(w, d) }); err != nil {
		return err
	}
	if !j.JSON {
		t := j.terminal()
		t.Text(d.Kernels.Finding())
		t.Text("Wrote " + p.html + " and " + p.json + ".")
	}
	return nil
}

// testKernels compares all kernels with their references on the CPU.
func (j *job) testKernels(ctx context.Context) (report.KernelCases, error) {
	k := report.KernelCases{Failed: []string{}}
	var r api.KernelCasesResult
	summary := func() string { return fmt.Sprintf("%d cases, %d failed", r.Passed+r.Failed, r.Failed) }
	err := j.call(ctx, "test kernels", api.MethodKernelCases, api.KernelCasesParams{}, &r, summary,
		func(name string, raw json.RawMessage) {
			var e api.KernelCaseEvent
			if name == api.EventKernelCase && json.Unmarshal(raw, &e) == nil && e.Message != "" {
				k.Failed = append(k.Failed, e.Case+": "+e.Message)
			}
		})
	k.Passed = r.Passed
	return k, err
}
