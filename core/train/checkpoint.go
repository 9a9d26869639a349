package train

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc64"
	"math"

	"nextquill/core/fault"
	"nextquill/core/model"
)

// Checkpoint is the state of a run after a step: what a later process needs to continue with the
// same bits. The data order follows from the seed and the step.
type Checkpoint struct {
	Step   int       `json:"step"`   // steps done
	Tokens int64     `json:"tokens"` // packed tokens of those steps
	Run    *Identity `json:"made_by"`
	Last   float64   `json:"last"` // loss of the last step
	// Best is the lowest held-out loss so far, Since the number of tests after it.
	Best    float64 `json:"best"`
	HasBest bool    `json:"has_best"`
	Since   int     `json:"since"`
	Counts  []int   `json:"counts"` // values per segment; encode sets it

	State      []model.State `json:"-"` // by segment
	BestValues [][]byte      `json:"-"` // parameters at Best as in State, by segment; nil without HasBest
}

const (
	checkpointMagic = "NQCKPT2\n"
	maxHeader       = 1 << 20 // bytes of JSON
)

// checksums detects accidental damage: truncation and flipped bits. It does not authenticate.
var checksums = crc64.MakeTable(crc64.ECMA)

// encode returns the file: magic, header length (uint32), header JSON, values, CRC-64 of all that.
// Numbers are little-endian. Per segment the values are: parameters, first moments, second moments,
// best parameters if there are any; each float32.
func (c *Checkpoint) encode() ([]byte, error) {
	c.Counts = nil
	values := 0
	for _, s := range c.State {
		c.Counts = append(c.Counts, len(s.Value)/4)
		values += 4 * len(s.Value)
	}
	header, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	// The file may have tens of megabytes; a buffer that grows would take several times that.
	data := make([]byte, 0, len(checkpointMagic)+4+len(header)+values+crc64.Size)
	data = append(data, checkpointMagic...)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(header)))
	data = append(data, header...)
	for i, s := range c.State {
		parts := [][]byte{s.Value, s.Mean, s.Var}
		if c.HasBest {
			parts = append(parts, c.BestValues[i])
		}
		for _, part := range parts {
			data = append(data, part...)
		}
	}
	return binary.LittleEndian.AppendUint64(data, crc64.Checksum(data, checksums)), nil
}

// decodeCheckpoint reads what encode wrote; the values are parts of data. The error is a fault of
// kind Malformed about name.
func decodeCheckpoint(name string, data []byte) (*Checkpoint, error) {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Malformed, name, "", format, args...).
			WithRemedy("delete it, or start the run without resuming")
	}
	if len(data) < len(checkpointMagic)+4+crc64.Size || string(data[:len(checkpointMagic)]) != checkpointMagic {
		return nil, bad("not a checkpoint")
	}
	body, sum := data[:len(data)-crc64.Size], data[len(data)-crc64.Size:]
	if crc64.Checksum(body, checksums) != binary.LittleEndian.Uint64(sum) {
		return nil, bad("the checksum does not match: the file is truncated or altered")
	}
	body = body[len(checkpointMagic):]
	n := binary.LittleEndian.Uint32(body)
	body = body[4:]
	if n > maxHeader || int(n) > len(body) {
		return nil, bad("a header of %d bytes", n)
	}
	c := &Checkpoint{}
	if err := json.Unmarshal(body[:n], c); err != nil {
		return nil, bad("the header is not valid JSON: %v", err)
	}
	body = body[n:]
	perValue := 4 * 3
	if c.HasBest {
		perValue = 4 * 4
	}
	total := 0
	for _, k := range c.Counts {
		if k < 0 || k > math.MaxInt32 {
			return nil, bad("a segment of %d values", k)
		}
		total += k
	}
	if total*perValue != len(body) || c.Step < 0 {
		return nil, bad("%d bytes of values, the header says %d", len(body), total*perValue)
	}
	take := func(k int) []byte {
		v := body[:4*k]
		body = body[4*k:]
		return v
	}
	for _, k := range c.Counts {
		c.State = append(c.State, model.State{Value: take(k), Mean: take(k), Var: take(k)})
		if c.HasBest {
			c.BestValues = append(c.BestValues, bytes.Clone(take(k))) // kept when data is not needed any more
		}
	}
	return c, nil
}
