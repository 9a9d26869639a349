package eval

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"nextquill/core/blob"
	"nextquill/report"
)

// The files of a run.
const (
	ResultsFile = "results.jsonl"
	TableFile   = "table.md"
	PageFile    = "report.html"
)

// WriteReport writes the table and the page into a folder of a store.
func WriteReport(ctx context.Context, store blob.Store, dir string, e report.Evaluation) error {
	var table, page bytes.Buffer
	if err := e.Markdown(&table); err != nil {
		return err
	}
	if err := report.EvaluationHTML(&page, e); err != nil {
		return err
	}
	if err := store.Write(ctx, blob.Join(dir, TableFile), table.Bytes()); err != nil {
		return err
	}
	return store.Write(ctx, blob.Join(dir, PageFile), page.Bytes())
}

// Digest identifies the files of a model by their names and contents.
func Digest(ctx context.Context, files blob.Store) (string, error) {
	names, err := files.List(ctx, "")
	if err != nil {
		return "", err
	}
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for _, name := range names {
		size, err := files.Size(ctx, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%d:%s%d;", len(name), name, size)
		for off := int64(0); off < size; off += int64(len(buf)) {
			part := buf[:min(int64(len(buf)), size-off)]
			if err := files.ReadAt(ctx, name, part, off); err != nil {
				return "", err
			}
			h.Write(part)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// Seconds is the time that all steps took.
func (r *Results) Seconds() float64 {
	sum := 0.
	for _, kind := range []map[ID]line{r.cells, r.shared} {
		for _, l := range kind {
			sum += l.Seconds
		}
	}
	for _, l := range r.identify {
		sum += l.Seconds
	}
	return sum
}
