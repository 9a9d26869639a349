package datastore

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights"
)

func TestRoundTrip(t *testing.T) {
	ctx, store := context.Background(), &blob.Mem{}
	d := New([]float32{3, 4, 0, 2, 0, 0, -1, 0}, []int32{7, 2, 5, 2}, 2)
	require.Equal(t, []int32{2, 2, 7}, d.Tokens, "in the order of tokens, without a state of length 0")
	require.Equal(t, []float32{0, 1, -1, 0, .6, .8}, d.Keys)
	d.Share, d.Sharpness, d.Boost, d.Base, d.Adapter, d.Fitted = .1, 20, 1, "def", "abc", "123"
	require.NoError(t, Write(ctx, store, "d", d))
	got, err := Read(ctx, store, "d", 2, 8)
	require.NoError(t, err)
	require.Equal(t, d, got)
	_, err = Read(ctx, store, "d", 3, 8)
	require.ErrorIs(t, err, fault.Mismatch)
	_, err = Read(ctx, store, "d", 2, 7)
	require.ErrorIs(t, err, fault.OutOfRange)
}

// TestNotFinite makes a datastore of states that a damaged model gives.
func TestNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	d := New([]float32{nan, 1, 1, inf, 3, 4}, []int32{1, 2, 3}, 2)
	require.Equal(t, []int32{3}, d.Tokens)
	require.Equal(t, []float32{.6, .8}, d.Keys)
}

// TestRefuses reads altered files: each would give wrong predictions or read outside a buffer.
func TestRefuses(t *testing.T) {
	ctx := context.Background()
	nan := float32(math.NaN())
	good := map[string]string{"format": format, "share": ".1", "sharpness": "20", "boost": "1"}
	with := func(key, value string) map[string]string {
		m := map[string]string{}
		for k, v := range good {
			m[k] = v
		}
		m[key] = value
		return m
	}
	for name, c := range map[string]struct {
		keys     []float32
		tokens   []float32
		metadata map[string]string
		kind     fault.Kind
	}{
		"another format":     {[]float32{1, 0}, []float32{3}, with("format", "x"), fault.Malformed},
		"a share of 1":       {[]float32{1, 0}, []float32{3}, with("share", "1"), fault.OutOfRange},
		"no share":           {[]float32{1, 0}, []float32{3}, with("share", ""), fault.OutOfRange},
		"a sharpness of NaN": {[]float32{1, 0}, []float32{3}, with("sharpness", "NaN"), fault.OutOfRange},
		"a sharpness of 0":   {[]float32{1, 0}, []float32{3}, with("sharpness", "0"), fault.OutOfRange},
		"tokens in disorder": {[]float32{1, 0, 0, 1}, []float32{3, 2}, good, fault.OutOfRange},
		"half a token":       {[]float32{1, 0}, []float32{1.5}, good, fault.OutOfRange},
		"a negative token":   {[]float32{1, 0}, []float32{-1}, good, fault.OutOfRange},
		"a long key":         {[]float32{1, 7}, []float32{3}, good, fault.OutOfRange},
		"a short key":        {[]float32{.5, .5}, []float32{3}, good, fault.OutOfRange},
		"a diagonal key":     {[]float32{1, 1}, []float32{3}, good, fault.OutOfRange},
		"a key of zeros":     {[]float32{0, 0}, []float32{3}, good, fault.OutOfRange},
		"a key with NaN":     {[]float32{1, nan}, []float32{3}, good, fault.NaN},
		"nothing":            {nil, nil, good, fault.OutOfRange},
		"fewer tokens":       {[]float32{1, 0, 0, 1}, []float32{3}, good, fault.Malformed},
	} {
		store := &blob.Mem{}
		require.NoError(t, weights.Write(ctx, store, "d", []weights.Tensor{
			{Name: "keys", Shape: []int{len(c.keys) / 2, 2}, Data: c.keys},
			{Name: "tokens", Shape: []int{len(c.tokens)}, Data: c.tokens},
		}, c.metadata))
		_, err := Read(ctx, store, "d", 2, 8)
		require.ErrorIs(t, err, c.kind, name)
	}
}
