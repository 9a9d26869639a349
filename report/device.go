package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"nextquill/core/api"
)

// deviceCSS underlines the variant in use.
const deviceCSS = ".chosen { border-bottom: 2px solid var(--rubric); } h3 { margin: 1.6rem 0 .6rem; }"

//go:embed device.gohtml
var deviceSource string

var devicePage = template.Must(template.New("device").Funcs(template.FuncMap{
	"date":     func(t time.Time) string { return t.Format("2 January 2006") },
	"iso":      func(t time.Time) string { return t.Format(time.RFC3339) },
	"duration": Duration,
	"bytes":    Bytes,
	"one":      func(v float64) string { return decimals(v, 1) },
	"percent":  percent,
	"giga":     func(v float64) string { return decimals(v/1e9, 1) },
	"per":      func(n int, seconds float64) string { return decimals(float64(n)/seconds, 1) },
	"inverse":  func(seconds float64) string { return decimals(1/seconds, 1) },
}).Parse(deviceSource))

// Device is the content of a report of "nextquill bench --report": what the core measured, and the
// machine.
type Device struct {
	When    time.Time       `json:"when"`
	Machine string          `json:"machine"` // processor and system
	Command string          `json:"command"`
	Kernels KernelCases     `json:"kernels"`
	Report  api.BenchReport `json:"report"`
}

// KernelCases counts the kernels whose results agree with a reference on the CPU.
type KernelCases struct {
	Passed int      `json:"passed"`
	Failed []string `json:"failed"` // name and error of each
}

// Finding says in a sentence whether all kernels are correct on the device.
func (k KernelCases) Finding() string {
	if len(k.Failed) == 0 {
		return fmt.Sprintf("All %d kernel cases agree with their references on the CPU.", k.Passed)
	}
	return fmt.Sprintf("%d of %d kernel cases differ from their references on the CPU. "+
		"The models' results on this device are wrong.", len(k.Failed), k.Passed+len(k.Failed))
}

// productTable compares the variants of the products of one size.
type productTable struct {
	Rows, In, Out int
	Variants      []string
	Products      []productRow
}

// productRow has the GFLOP/s of one product in one format, by variant.
type productRow struct {
	Name  string
	Cells []productCell // of a variant; empty if it was not measured
}

type productCell struct {
	GFLOPS       float64
	Best, Chosen bool
}

// productTables sorts the products by size, in the order in which they were measured.
func (d Device) productTables() []productTable {
	var tables []productTable
	for _, p := range d.Report.Products {
		last := len(tables) - 1
		if last < 0 || tables[last].Rows != p.Rows || tables[last].In != p.In || tables[last].Out != p.Out {
			tables = append(tables, productTable{Rows: p.Rows, In: p.In, Out: p.Out})
			last++
		}
		tables[last].add(p, p.Variant == d.Report.Chosen && (p.Format != "f16" || p.Half == d.Report.ChosenHalf))
	}
	for _, t := range tables {
		t.finish()
	}
	return tables
}

// add puts a product into its row and column.
func (t *productTable) add(p api.ProductBench, chosen bool) {
	column := index(&t.Variants, p.Variant, func(a string) bool { return a == p.Variant })
	name := p.Product + ", " + p.Format
	if p.Half {
		name += " by shader-f16"
	}
	row := index(&t.Products, productRow{Name: name}, func(r productRow) bool { return r.Name == name })
	cells := &t.Products[row].Cells
	for len(*cells) <= column {
		*cells = append(*cells, productCell{})
	}
	(*cells)[column] = productCell{GFLOPS: p.GFLOPS, Chosen: chosen}
}

// finish marks the fastest variant of each row, and fills the rows up.
func (t *productTable) finish() {
	for i := range t.Products {
		cells := t.Products[i].Cells
		best := 0
		for j, c := range cells {
			if c.GFLOPS > cells[best].GFLOPS {
				best = j
			}
		}
		cells[best].Best = true
		for len(cells) < len(t.Variants) {
			cells = append(cells, productCell{})
		}
		t.Products[i].Cells = cells
	}
}

// index returns the index of the first element that is, and appends element if there is none.
func index[T any](list *[]T, element T, is func(T) bool) int {
	for i, e := range *list {
		if is(e) {
			return i
		}
	}
	*list = append(*list, element)
	return len(*list) - 1
}

// DeviceHTML writes the report of a device as one self-contained page: no scripts, fonts, images or
// network access.
func DeviceHTML(w io.Writer, d Device) error {
	return devicePage.Execute(w, struct {
		Device
		CSS    template.CSS // trusted, not input
		Tables []productTable
	}{d, template.CSS(css + evaluationCSS + deviceCSS), d.productTables()})
}
