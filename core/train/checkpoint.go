package train

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc64"
	"math"

	"nextquill/core/fault"
	"nextquill/core/params"
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
	Counts  []int   `json:"counts"` // values per segment

	State      []params.State `json:"-"` // by segment, as parts of the file
	BestValues [][]byte       `json:"-"` // parameters at Best as in State, by segment; nil without HasBest
}

const (
	checkpointMagic = "NQCKPT2\n"
	maxHeader       = 1 << 16 // bytes of JSON
	// maxStart is the largest size of what is before the values.
	maxStart = len(checkpointMagic) + 4 + maxHeader
)

// checksums detects accidental damage: truncation and flipped bits. It does not authenticate.
var checksums = crc64.MakeTable(crc64.ECMA)

// layOut returns a file without values and checksum. It uses the memory of empty, a slice of length
// 0, if its capacity suffices. The file has: magic, header length (uint32), header JSON, values,
// CRC-64 of all that. Numbers are little-endian. Per segment the values are: parameters, first
// moments, second moments, best parameters if there are any; each float32. c.State becomes parts of
// the file, which the caller fills before it calls seal.
func (c *Checkpoint) layOut(empty []byte) ([]byte, error) {
	header, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if len(header) > maxHeader { // decodeStart would refuse it
		return nil, fault.New(fault.TooLarge, "checkpoint", "header", "%d bytes", len(header)).
			WithLimit("%d bytes", maxHeader).
			WithRemedy("train without checkpoints, or train an adapter with fewer layers")
	}
	file := empty
	if room := c.room(); cap(file) < room {
		file = make([]byte, 0, room)
	}
	file = append(file, checkpointMagic...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(header)))
	file = append(file, header...)
	take := func(n int) []byte {
		from := len(file)
		file = file[:from+4*n]
		return file[from:]
	}
	c.State = nil
	for i, n := range c.Counts {
		c.State = append(c.State, params.State{Value: take(n), Mean: take(n), Var: take(n)})
		if c.HasBest {
			copy(take(n), c.BestValues[i])
		}
	}
	return file[:len(file)+crc64.Size], nil
}

// seal writes the checksum to the end of a file.
func seal(file []byte) {
	body := len(file) - crc64.Size
	binary.LittleEndian.PutUint64(file[body:], crc64.Checksum(file[:body], checksums))
}

// valueBytes is the size of the values in a file, with best parameters or without.
func (c *Checkpoint) valueBytes(best bool) int {
	size := 0
	for _, n := range c.Counts {
		size += 3 * 4 * n
		if best {
			size += 4 * n
		}
	}
	return size
}

// room is the size of the buffer for a file. It includes the best parameters, although a run has
// none before its first test.
func (c *Checkpoint) room() int { return maxStart + c.valueBytes(true) + crc64.Size }

func badCheckpoint(name, format string, args ...any) error {
	return fault.New(fault.Malformed, name, "", format, args...).
		WithRemedy("delete it, or start the run without resuming")
}

// decodeStart reads what is before the values from the first bytes of a file, at least maxStart of
// them if the file is longer. size is the number of bytes before the values.
func decodeStart(name string, start []byte) (c *Checkpoint, size int, err error) {
	size = len(checkpointMagic) + 4
	if len(start) < size || string(start[:len(checkpointMagic)]) != checkpointMagic {
		return nil, 0, badCheckpoint(name, "not a checkpoint")
	}
	n := binary.LittleEndian.Uint32(start[len(checkpointMagic):])
	if n > maxHeader || int(n) > len(start)-size {
		return nil, 0, badCheckpoint(name, "a header of %d bytes", n)
	}
	c = &Checkpoint{}
	if err := json.Unmarshal(start[size:size+int(n)], c); err != nil {
		return nil, 0, badCheckpoint(name, "the header is not valid JSON: %v", err)
	}
	for _, k := range c.Counts {
		if k < 0 || k > math.MaxInt32 {
			return nil, 0, badCheckpoint(name, "a segment of %d values", k)
		}
	}
	if c.Step < 0 {
		return nil, 0, badCheckpoint(name, "the step is negative: %d", c.Step)
	}
	return c, size + int(n), nil
}

// decodeCheckpoint reads a complete file; c.State is parts of it. The error is a fault of kind
// Malformed about name.
func decodeCheckpoint(name string, file []byte) (*Checkpoint, error) {
	body := len(file) - crc64.Size
	if body < 0 || crc64.Checksum(file[:body], checksums) != binary.LittleEndian.Uint64(file[body:]) {
		return nil, badCheckpoint(name, "the checksum does not match: the file is truncated or altered")
	}
	c, start, err := decodeStart(name, file[:body])
	if err != nil {
		return nil, err
	}
	values, want := file[start:body], c.valueBytes(c.HasBest)
	if len(values) != want {
		return nil, badCheckpoint(name, "%d bytes of values, the header says %d", len(values), want)
	}
	take := func(n int) []byte {
		v := values[:4*n]
		values = values[4*n:]
		return v
	}
	for _, n := range c.Counts {
		c.State = append(c.State, params.State{Value: take(n), Mean: take(n), Var: take(n)})
		if c.HasBest {
			c.BestValues = append(c.BestValues, bytes.Clone(take(n))) // kept when file is not needed any more
		}
	}
	return c, nil
}
