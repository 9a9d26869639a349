package causal

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

func randomIDs(r *rand.Rand, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(r.IntN(5)) // few ids, so that some prefixes are equal by chance
	}
	return ids
}

func randomSample(r *rand.Rand) Sample {
	prefix := randomIDs(r, r.IntN(6))
	join := func(tail []int32) []int32 { return append(append([]int32{}, prefix...), tail...) }
	return Sample{
		With: join(randomIDs(r, 1+r.IntN(8))), Without: join(randomIDs(r, 1+r.IntN(4))),
		Response: randomIDs(r, 1+r.IntN(5)),
	}
}

// attended lists the ids that a query row attends to, in order.
func attended(p *Packed, ranges []uint32) []int32 {
	var ids []int32
	for _, span := range [][2]uint32{{ranges[0], ranges[1]}, {ranges[2], ranges[3]}} {
		for k := span[0]; k < span[1]; k++ {
			ids = append(ids, int32(p.IDs[k]))
		}
	}
	return ids
}

// A head row attends to exactly its branch's prompt and the response before it, at the positions of
// an unpacked sequence.
func TestPackedRowsAttendToTheirBranch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		dual := r.IntN(2) == 0
		var samples []Sample
		for range 1 + r.IntN(4) {
			samples = append(samples, randomSample(r))
		}
		p := Pack(samples, 10, dual)
		tokens := 0
		for _, s := range samples {
			tokens += s.Tokens(dual)
		}
		require.Equal(t, tokens, p.Tokens())
		require.Len(t, p.Order, p.Rows())
		for i := range p.Responses() {
			s := samples[p.Sample[i]-10]
			require.EqualValues(t, s.Response[p.Index[i]], p.Targets[i])
			for b, prompt := range [][]int32{s.With, s.Without} {
				if b == 1 && !dual {
					continue
				}
				row := p.Order[b*p.Responses()+i]
				want := append(append([]int32{}, prompt...), s.Response[:p.Index[i]]...)
				require.Equal(t, want, attended(p, p.HeadRanges[4*row:]))
				require.EqualValues(t, len(want)-1, p.HeadPositions[row])
				token := p.HeadTokens[row]
				require.Equal(t, p.HeadRanges[4*row:4*row+4], p.Ranges[4*token:4*token+4])
				require.Equal(t, p.HeadPositions[row], p.Positions[token])
			}
		}
	}
}

// The key ranges are the transpose of the query ranges.
func TestKeyRangesAreTheTranspose(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		p := Pack([]Sample{randomSample(r), randomSample(r)}, 0, r.IntN(2) == 0)
		in := func(ranges []uint32, k int) bool {
			key := uint32(k)
			return key >= ranges[0] && key < ranges[1] || key >= ranges[2] && key < ranges[3]
		}
		for k := range p.Tokens() {
			for q := range p.Tokens() {
				want := uint32(q) >= p.KeyRanges[2*k] && uint32(q) < p.KeyRanges[2*k+1]
				require.Equal(t, in(p.Ranges[4*q:], k), want, "key %d query %d", k, q)
			}
			for h := range p.Rows() {
				want := uint32(h) >= p.HeadKeyRanges[2*k] && uint32(h) < p.HeadKeyRanges[2*k+1]
				require.Equal(t, in(p.HeadRanges[4*h:], k), want, "key %d head row %d", k, h)
			}
		}
	}
}

func TestEqualPromptsKeepBothBranches(t *testing.T) {
	s := Sample{With: []int32{1, 2, 3}, Without: []int32{1, 2, 3}, Response: []int32{4}}
	p := Pack([]Sample{s}, 0, true)
	require.Equal(t, 4, p.Tokens()) // two shared tokens, and the last one of each prompt
	require.NotEqual(t, p.HeadTokens[0], p.HeadTokens[1])
}

func TestMicroBatches(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var samples []Sample
	for range 40 {
		samples = append(samples, randomSample(r))
	}
	packs, err := MicroBatches(samples, true, 40, 12)
	require.NoError(t, err)
	next := 0
	for _, p := range packs {
		require.LessOrEqual(t, p.Tokens(), 40)
		require.LessOrEqual(t, p.Responses(), 12)
		for _, s := range p.Sample {
			require.GreaterOrEqual(t, s, next)
			next = s
		}
	}
	require.Equal(t, len(samples)-1, next)

	_, err = MicroBatches([]Sample{{With: make([]int32, 50), Without: []int32{1}, Response: []int32{1}}}, false, 40, 12)
	require.ErrorIs(t, err, fault.TooLarge)
	require.ErrorContains(t, err, "sample 0")
}

func TestSampleCheck(t *testing.T) {
	good := Sample{With: []int32{1}, Without: []int32{1}, Response: []int32{1}}
	require.NoError(t, good.Check("s", 2))
	for name, s := range map[string]Sample{
		"id past the vocabulary": {With: []int32{2}, Without: []int32{1}, Response: []int32{1}},
		"negative id":            {With: []int32{1}, Without: []int32{-1}, Response: []int32{1}},
	} {
		require.ErrorIs(t, s.Check("s", 2), fault.OutOfRange, name)
	}
	require.ErrorIs(t, Sample{With: []int32{1}, Without: []int32{1}}.Check("s", 2), fault.Missing)
}
