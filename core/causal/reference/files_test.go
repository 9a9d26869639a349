package reference

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/kernels"
	"nextquill/core/kernels/kerneltest"
)

const oracle = "../../../testdata/oracle"

func readJSON[T any](t *testing.T, elem ...string) (v T) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &v))
	return v
}

// readTensors reads golden files without checks. core/weights has the reader that validates.
func readTensors(t *testing.T, elem ...string) map[string][]float64 {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	require.NoError(t, err)
	n := binary.LittleEndian.Uint64(data)
	var header map[string]struct {
		DType   string `json:"dtype"`
		Offsets [2]int `json:"data_offsets"`
	}
	require.NoError(t, json.Unmarshal(data[8:8+n], &header))
	tensors := map[string][]float64{}
	for name, h := range header {
		if name == "__metadata__" {
			continue
		}
		raw := data[8+int(n)+h.Offsets[0] : 8+int(n)+h.Offsets[1]]
		for len(raw) > 0 {
			v, size := number(t, h.DType, raw)
			tensors[name] = append(tensors[name], v)
			raw = raw[size:]
		}
	}
	return tensors
}

func number(t *testing.T, dtype string, raw []byte) (v float64, size int) {
	switch dtype {
	case "F32":
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))), 4
	case "BF16":
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(raw)) << 16)), 2
	case "F16":
		h := int(binary.LittleEndian.Uint16(raw))
		sign, exponent, fraction := 1-2*(h>>15), h>>10&31, h&1023
		if exponent == 0 {
			return float64(sign*fraction) * math.Pow(2, -24), 2
		}
		return float64(sign*(1024+fraction)) * math.Pow(2, float64(exponent-25)), 2
	}
	require.Fail(t, "unexpected dtype", dtype)
	return 0, 0
}

func readModel(t *testing.T, dir string) *Model {
	t.Helper()
	return &Model{Config: readJSON[Config](t, dir, "config.json"), Weights: readTensors(t, dir, "model.safetensors")}
}

// putOnBase rounds every matrix of a model to the values of a format.
func putOnBase(t *testing.T, m *Model, base string) {
	f, err := kernels.ParseFormat(base)
	require.NoError(t, err)
	for name, w := range m.Weights {
		if strings.HasSuffix(name, "norm.weight") || strings.HasSuffix(name, ".bias") {
			continue
		}
		columns := m.Config.Hidden
		switch {
		case strings.HasSuffix(name, "down_proj.weight"):
			columns = m.Config.Intermediate
		case strings.HasSuffix(name, "o_proj.weight"):
			columns = len(w) / m.Config.Hidden
		}
		values := make([]float32, len(w))
		for i, v := range w {
			values[i] = float32(v)
		}
		rows := len(w) / columns
		quantised := kerneltest.QuantiseRef(f, rows, columns, values)
		for i, v := range kerneltest.DequantiseRef(f, rows, columns, quantised) {
			w[i] = float64(v)
		}
	}
}

func readAdapter(t *testing.T, dir string) *Adapter {
	t.Helper()
	c := readJSON[struct {
		Rank  float64 `json:"r"`
		Alpha float64 `json:"lora_alpha"`
	}](t, dir, "adapter_config.json")
	return &Adapter{Scale: c.Alpha / c.Rank, Weights: readTensors(t, dir, "adapter_model.safetensors")}
}

// readSetup reads the model with its adapter and the options of a case or a trajectory.
func readSetup(t *testing.T, dir, file string) (*Model, Options) {
	t.Helper()
	setup := readJSON[struct {
		Model string `json:"model"`
		Full  bool   `json:"full"`
		Base  string `json:"base"`
	}](t, dir, file)
	m := readModel(t, filepath.Join(dir, setup.Model))
	if setup.Base != "" {
		putOnBase(t, m, setup.Base)
	}
	if !setup.Full {
		m.Adapter = readAdapter(t, filepath.Join(dir, "adapter"))
	}
	o := readJSON[Options](t, dir, "options.json")
	if e := readJSON[struct{ Expert string }](t, dir, "options.json"); e.Expert != "self" {
		o.Expert = readAdapter(t, filepath.Join(dir, e.Expert))
	}
	return m, o
}

// requireTensors compares each tensor: the norm of the error relative to the norm of the tensor, or
// for a tensor that is almost zero, relative to the norm of all tensors.
func requireTensors(t *testing.T, want, got map[string][]float64, tolerance float64) {
	t.Helper()
	total := 0.0
	for _, w := range want {
		total += dot(w, w)
	}
	require.Len(t, got, len(want))
	for name, w := range want {
		require.Len(t, got[name], len(w), name)
		norm := dot(w, w)
		if norm < 1e-12*total {
			norm = total
		}
		e := difference(got[name], w)
		require.LessOrEqual(t, math.Sqrt(dot(e, e)/norm), tolerance, name)
	}
}
