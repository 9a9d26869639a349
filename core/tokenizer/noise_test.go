package tokenizer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestIDsOfRandomTexts compares thousands of random texts with the reference, by hash.
// testdata/noise.py generates the same texts.
func TestIDsOfRandomTexts(t *testing.T) {
	var file struct {
		Units    []string
		Batches  int
		PerBatch int `json:"per_batch"`
		Hashes   map[string]struct {
			IDs       []string
			WithAdded []string `json:"with_added"`
		}
	}
	data, err := os.ReadFile("testdata/noise.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &file))
	state := uint64(20240517)
	draw := func(n int) int {
		state = state*6364136223846793005 + 1442695040888963407
		return int((state >> 33) % uint64(n))
	}
	batches := make([][]string, file.Batches)
	for i := range batches {
		for range file.PerBatch {
			var b strings.Builder
			for range 1 + draw(60) {
				b.WriteString(file.Units[draw(len(file.Units))])
			}
			batches[i] = append(batches[i], b.String())
		}
	}
	hash := func(batch []string, encode func(string) []int32) string {
		h := fnv.New64a()
		for _, text := range batch {
			require.NoError(t, binary.Write(h, binary.LittleEndian, append(encode(text), -1)))
		}
		return fmt.Sprintf("%016x", h.Sum64())
	}
	require.Len(t, file.Hashes, 9)
	for name, want := range file.Hashes {
		tok := golden(t, name)
		for i, batch := range batches {
			require.Equal(t, want.IDs[i], hash(batch, tok.Encode), "%s, batch %d", name, i)
			require.Equal(t, want.WithAdded[i], hash(batch, tok.EncodeWithSpecials), "%s, batch %d, with added tokens",
				name, i)
		}
	}
}
