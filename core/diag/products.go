package diag

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/kernels"
)

// productSizes are rows, inputs and outputs of the products that are measured: a large square one,
// a layer of SmolLM2 in training, and the same layer for one token.
var productSizes = [][3]int{{1024, 1024, 1024}, {512, 576, 1536}, {1, 576, 1536}, {1, 1536, 576}}

// products returns all products that the device can run: each size, product, variant and format.
func (j *reportJob) products() []api.ProductBench {
	info := j.GPU.Info()
	var out []api.ProductBench
	add := func(product string, f kernels.Format, v kernels.LinearVariant, half bool, size [3]int) {
		out = append(out, api.ProductBench{
			Product: product, Format: f.String(), Variant: v.String(), Half: half,
			Rows: size[0], In: size[1], Out: size[2],
		})
	}
	for _, size := range productSizes {
		for _, v := range kernels.LinearVariants(info) {
			for _, f := range kernels.Formats {
				add("forward", f, v, false, size)
				if f == kernels.F16 && info.ShaderF16 {
					add("forward", f, v, true, size)
				}
			}
			if size[0] > 1 { // gradients have many rows
				add("input", kernels.F32, v, false, size)
				add("weight", kernels.F32, v, false, size)
			}
		}
	}
	return out
}

// timeProduct measures p.
func (j *reportJob) timeProduct(ctx context.Context, p *api.ProductBench) error {
	tune := *j.tune
	tune.Half = p.Half
	for _, v := range kernels.LinearVariants(j.GPU.Info()) {
		if v.String() == p.Variant {
			tune.Linear = v
		}
	}
	f, err := kernels.ParseFormat(p.Format)
	if err != nil {
		return err
	}
	seconds, flops, err := kernels.MeasureProduct(ctx, j.GPU, &tune, p.Product, f, p.Rows, p.In, p.Out)
	p.Seconds, p.GFLOPS = seconds, flops/seconds/1e9
	return err
}
