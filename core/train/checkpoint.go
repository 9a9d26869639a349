package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"hash/fnv"
	"math"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/model"
)

// Checkpoint is all that a run needs to go on exactly where it was. The order of
// the data follows from the seed and the step.
type Checkpoint struct {
	Step   int   `json:"step"` // steps done
	Tokens int64 `json:"tokens"`
	// Run says what decides the run's result, part by part; see Trainer.identity.
	Run map[string]string `json:"made_by"`
	// Last is the loss of the last step.
	Last float64 `json:"last"`
	// Best is the lowest held-out loss so far, Since the tests after it.
	Best    float64 `json:"best"`
	HasBest bool    `json:"has_best"`
	Since   int     `json:"since"`
	// Counts are the lengths of the segments, for checking before reading.
	Counts []int `json:"counts"`

	State []model.State `json:"-"`
	// BestValues are the parameters at Best, by segment; nil without HasBest.
	BestValues [][]float32 `json:"-"`
}

const (
	checkpointMagic = "NQCKPT2\n"
	// maxCheckpoint bounds what is read: full fine-tuning of a large model.
	maxCheckpoint = 1 << 33
	maxHeader     = 1 << 20
)

// slots are the two blobs that checkpoints alternate between, so that a kill in
// the middle of a write leaves the other one whole.
func slots(dir string) [2]string {
	return [2]string{blob.Join(dir, "checkpoint/0.ckpt"), blob.Join(dir, "checkpoint/1.ckpt")}
}

// The checksum finds damage, which comes by chance: 64 bits miss one in 2^64, and none of up to 64 bits in a row. It is no seal.
var checksums = crc64.MakeTable(crc64.ECMA)

// encode lays a checkpoint out as magic, header length, header JSON, values,
// CRC-64 of everything before.
func (c *Checkpoint) encode() ([]byte, error) {
	header, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(checkpointMagic)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(header))))
	b.Write(header)
	for _, part := range c.parts() {
		b.Write(gpu.F32Bytes(part))
	}
	return binary.LittleEndian.AppendUint64(b.Bytes(), crc64.Checksum(b.Bytes(), checksums)), nil
}

func (c *Checkpoint) parts() [][]float32 {
	var out [][]float32
	for i, s := range c.State {
		out = append(out, s.Value, s.Mean, s.Var)
		if c.HasBest {
			out = append(out, c.BestValues[i])
		}
	}
	return out
}

// decodeCheckpoint reads what encode wrote; name is used in messages.
func decodeCheckpoint(name string, data []byte) (*Checkpoint, error) {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Malformed, name, "", format, args...).WithRemedy("delete it, or start the run anew without resuming")
	}
	if len(data) < len(checkpointMagic)+4+crc64.Size || string(data[:len(checkpointMagic)]) != checkpointMagic {
		return nil, bad("not a checkpoint")
	}
	body, sum := data[:len(data)-crc64.Size], data[len(data)-crc64.Size:]
	if crc64.Checksum(body, checksums) != binary.LittleEndian.Uint64(sum) {
		return nil, bad("its checksum is wrong: it was cut off or altered")
	}
	body = body[len(checkpointMagic):]
	n := binary.LittleEndian.Uint32(body)
	body = body[4:]
	if n > maxHeader || int(n) > len(body) {
		return nil, bad("its header says it is %d bytes long", n)
	}
	c := &Checkpoint{}
	if err := json.Unmarshal(body[:n], c); err != nil {
		return nil, bad("its header is no JSON: %v", err)
	}
	body = body[n:]
	per := 3
	if c.HasBest {
		per = 4
	}
	total := 0
	for _, k := range c.Counts {
		if k < 0 || k > math.MaxInt32 {
			return nil, bad("a segment of %d values", k)
		}
		total += k
	}
	if total*per*4 != len(body) || c.Step < 0 {
		return nil, bad("holds %d bytes of values, its header says %d", len(body), total*per*4)
	}
	take := func(k int) []float32 {
		v := gpu.BytesF32(body[:4*k])
		body = body[4*k:]
		return v
	}
	for _, k := range c.Counts {
		c.State = append(c.State, model.State{Value: take(k), Mean: take(k), Var: take(k)})
		if c.HasBest {
			c.BestValues = append(c.BestValues, take(k))
		}
	}
	return c, nil
}

// Save writes c to the slot that does not hold the newest whole checkpoint.
func (c *Checkpoint) Save(ctx context.Context, store blob.Store, dir string) error {
	c.Counts = nil
	for _, s := range c.State {
		c.Counts = append(c.Counts, len(s.Value))
	}
	data, err := c.encode()
	if err != nil {
		return err
	}
	_, newest, err := newest(ctx, store, dir)
	if err != nil {
		return err
	}
	return store.Write(ctx, slots(dir)[1-newest], data)
}

// LoadCheckpoint returns the newest whole checkpoint in dir, or nil when there
// is none. A damaged slot is passed over when the other is whole.
func LoadCheckpoint(ctx context.Context, store blob.Store, dir string) (*Checkpoint, error) {
	c, _, err := newest(ctx, store, dir)
	return c, err
}

// newest returns the checkpoint and its slot; slot 1 when there is none, so that
// the first one goes to slot 0.
func newest(ctx context.Context, store blob.Store, dir string) (*Checkpoint, int, error) {
	var best *Checkpoint
	slot := 1
	for i, name := range slots(dir) {
		data, err := blob.ReadAll(ctx, store, name, maxCheckpoint)
		if errors.Is(err, blob.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		c, err := decodeCheckpoint(name, data)
		if err != nil {
			continue
		}
		if best == nil || c.Step > best.Step {
			best, slot = c, i
		}
	}
	return best, slot, nil
}

// DeleteCheckpoints removes both slots.
func DeleteCheckpoints(ctx context.Context, store blob.Store, dir string) error {
	for _, name := range slots(dir) {
		if err := store.Delete(ctx, name); err != nil && !errors.Is(err, blob.ErrNotExist) {
			return err
		}
	}
	return nil
}

// fingerprint identifies a run's settings and data, so that a checkpoint of
// another run is not taken up by mistake.
func fingerprint(parts ...any) string {
	h := fnv.New128a()
	for _, p := range parts {
		b, err := json.Marshal(p)
		if err != nil {
			panic(err) // plain structs and slices
		}
		h.Write(b)
		h.Write([]byte{0})
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
