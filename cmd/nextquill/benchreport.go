package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nextquill/core/api"
	"nextquill/report"
)

// report tests the kernels, measures the device, and writes both as a page and as JSON.
func (c benchCmd) report(ctx context.Context, j *job) error {
	page := c.Report
	if filepath.Ext(page) != ".html" {
		page = strings.TrimSuffix(page, filepath.Ext(page)) + ".html"
	}
	figures := strings.TrimSuffix(page, ".html") + ".json"
	if err := os.MkdirAll(filepath.Dir(page), 0o777); err != nil { // before minutes of work
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
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	var html bytes.Buffer
	if err := report.DeviceHTML(&html, d); err != nil {
		return err
	}
	if err := os.WriteFile(figures, append(raw, '\n'), 0o666); err != nil {
		return err
	}
	if err := os.WriteFile(page, html.Bytes(), 0o666); err != nil {
		return err
	}
	if !j.JSON {
		t := j.terminal()
		t.Text(d.Kernels.Finding())
		t.Text("Wrote " + page + " and " + figures + ".")
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
