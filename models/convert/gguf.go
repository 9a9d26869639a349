package convert

import (
	"io"
	"slices"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/weights"
	"nextquill/core/weights/gguf"
)

// types are the values of Options.To with their tensor types.
var types = map[string]struct {
	matrix, table gguf.Type // types of the layers, and of the embedding table and the head
	fileType      uint32    // general.file_type, llama.cpp's LLAMA_FTYPE
}{
	"f32": {gguf.F32, gguf.F32, 0}, "f16": {gguf.F16, gguf.F16, 1}, "bf16": {gguf.BF16, gguf.BF16, 32},
	"q8": {gguf.Q8_0, gguf.Q8_0, 7}, "q4": {gguf.Q4_1, gguf.Q8_0, 3},
}

// Types lists the values of Options.To.
var Types = []string{"f32", "f16", "bf16", "q8", "q4"}

// WeightsName is the name of the written weights file.
const WeightsName = "model.gguf"

// target is a tensor to write.
type target struct {
	gguf.Layout
	from       weights.Info
	pairedRows int       // rows of a head to reorder (see weights.Info.PairedRows), or 0
	values     []float32 // used instead of from
}

// planGGUF prepares the conversion of the weights to a GGUF file.
func (c *converter) planGGUF(path string) (func() error, error) {
	kind, ok := types[c.options.To]
	if !ok {
		return nil, fault.New(fault.Unsupported, "", "type", "%s is unknown", fault.Quote(c.options.To)).
			WithRemedy("use one of %v", Types)
	}
	entries, err := c.metadata(kind.fileType)
	if err != nil {
		return nil, err
	}
	var targets []target
	var layouts []gguf.Layout
	if name, values := c.source.Config.GGUFDivisors(); values != nil {
		t := target{Layout: gguf.Layout{Name: name, Type: gguf.F32, Shape: []int{len(values)}}, values: values}
		targets, layouts = append(targets, t), append(layouts, t.Layout)
	}
	for _, want := range weights.LlamaTensors(c.source.Config) {
		from, _ := c.source.Tensor(want.Name) // OpenModel has checked that it exists
		t := target{Layout: gguf.Layout{Name: weights.GGUFName(want.Name), Type: kind.matrix, Shape: want.Shape},
			from: from}
		switch {
		case len(want.Shape) == 1:
			t.Type = gguf.F32
		case want.Name == weights.EmbedName || want.Name == weights.HeadName:
			t.Type = kind.table
		}
		if elements, _ := t.Type.Block(); want.Shape[len(want.Shape)-1]%elements != 0 {
			t.Type = gguf.F16 // rows that are not complete blocks
		}
		t.pairedRows = c.source.Config.GGUFPairedRows(want.Name)
		targets = append(targets, t)
		layouts = append(layouts, t.Layout)
	}
	header := gguf.EncodeHeader(entries, layouts)
	size := int64(len(header))
	for _, l := range layouts {
		size += l.Bytes() + gguf.Padding(l.Bytes())
	}
	names, err := sideFiles(c.ctx, c.store, path)
	if err != nil {
		return nil, err
	}
	copyBeside, err := c.copyFiles(names)
	if err != nil {
		return nil, err
	}
	c.total += size
	return func() error {
		if err := copyBeside(); err != nil {
			return err
		}
		return c.file(WeightsName, size, func(w io.Writer) error { return c.writeGGUF(w, header, targets) })
	}, nil
}

// metadata returns the source's metadata if it is a GGUF file, else the metadata for its config.
func (c *converter) metadata(fileType uint32) ([]gguf.Entry, error) {
	var entries []gguf.Entry
	if gguf.Is(c.source.Where) {
		f, err := gguf.Open(c.ctx, c.store, c.source.Where)
		if err != nil {
			return nil, err
		}
		if entries, err = f.Entries(c.ctx, c.store); err != nil {
			return nil, err
		}
		entries = slices.DeleteFunc(entries, func(e gguf.Entry) bool {
			return e.Key == "general.file_type" || e.Key == "general.quantization_version" ||
				strings.HasPrefix(e.Key, "split.")
		})
	} else {
		var err error
		if entries, err = c.source.Config.GGUFMetadata(c.source.Where); err != nil {
			return nil, err
		}
		entries = append(entries, gguf.NewEntry("general.name", c.options.Name))
		if c.options.Licence != "" {
			entries = append(entries, gguf.NewEntry("general.license", c.options.Licence))
		}
	}
	return append(entries, gguf.NewEntry("general.file_type", fileType),
		gguf.NewEntry("general.quantization_version", uint32(2))), nil
}

func (c *converter) writeGGUF(w io.Writer, header []byte, targets []target) error {
	if _, err := w.Write(header); err != nil {
		return err
	}
	c.countBytes(int64(len(header)))
	for _, t := range targets {
		if err := c.writeTensor(w, t); err != nil {
			return err
		}
		pad := gguf.Padding(t.Bytes())
		if _, err := w.Write(make([]byte, pad)); err != nil {
			return err
		}
		c.countBytes(pad)
	}
	return nil
}

// chunkValues is the number of values in memory at a time, or one head if that is larger.
const chunkValues = 1 << 18

func (c *converter) writeTensor(w io.Writer, t target) error {
	if t.values != nil {
		p := make([]byte, t.Bytes())
		gguf.Quantise(t.Type, p, t.values)
		_, err := w.Write(p)
		c.countBytes(t.Bytes())
		return err
	}
	if gguf.Type(t.from.DType) == t.Type && t.from.PairedRows == t.pairedRows {
		return c.copyRange(w, t.from.Blob, t.from.Begin,
			t.Bytes()) // the same type: repacking could only lose precision
	}
	width := t.Shape[len(t.Shape)-1]
	unit := width * max(1, t.pairedRows)
	elements, size := t.Type.Block()
	values := make([]float32, min(t.Values(), max(1, chunkValues/unit)*unit))
	packed := make([]byte, len(values)/elements*size)
	for at := 0; at < t.Values(); at += len(values) {
		values = values[:min(len(values), t.Values()-at)]
		if err := c.source.ReadF32At(c.ctx, t.from, values, at); err != nil {
			return err
		}
		laid := values
		if t.pairedRows > 0 {
			laid = weights.PairRows(values, t.pairedRows, width)
		}
		p := packed[:len(values)/elements*size]
		gguf.Quantise(t.Type, p, laid)
		if err := checkOverflow(t, p, laid, at); err != nil {
			return err
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
		c.countBytes(int64(len(p)))
	}
	return nil
}

// checkOverflow rejects finite values that overflow in a 16-bit type.
func checkOverflow(t target, packed []byte, values []float32, first int) error {
	back := make([]float32, len(values))
	gguf.Dequantise(t.Type, back, packed)
	for i, x := range back {
		if x-x != 0 {
			return fault.New(fault.OutOfRange, t.from.Blob, t.from.Field(), "element %d is %v, which %s cannot hold",
				first+i, values[i], t.Type).
				WithRemedy("use another type of %v", Types)
		}
	}
	return nil
}
