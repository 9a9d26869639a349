package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

func TestErrorText(t *testing.T) {
	err := fault.New(fault.Malformed, "model.safetensors", `tensor "x"`,
		"data_offsets end %d is past the file's %d data bytes", 99, 64).
		WithRemedy("the file is truncated: fetch it again")
	require.EqualError(t, err, `model.safetensors: tensor "x": data_offsets end 99 is past the file's 64 data bytes; `+
		`the file is truncated: fetch it again`)

	err = fault.New(fault.TooLarge, "config.json", "hidden_size", "99999").WithLimit("%d", 16384).WithCause(io.EOF)
	require.EqualError(t, err, "config.json: hidden_size: 99999 (limit 16384): EOF")

	require.EqualError(t, &fault.Error{Kind: fault.DeviceLost}, "device-lost")
}

func TestKindsAreFoundThroughWrapping(t *testing.T) {
	inner := fault.New(fault.Missing, "a", "b", "gone").WithCause(io.ErrUnexpectedEOF)
	err := fmt.Errorf("loading: %w", inner)

	require.ErrorIs(t, err, fault.Missing)
	require.NotErrorIs(t, err, fault.Storage)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorIs(t, err, &fault.Error{Kind: fault.Missing, Where: "a"})
	require.NotErrorIs(t, err, &fault.Error{Kind: fault.Missing, Field: "c"})
	require.Equal(t, fault.Missing, fault.KindOf(err))
	require.Equal(t, fault.Cancelled, fault.KindOf(fault.Cancelled))
	require.Empty(t, fault.KindOf(errors.New("plain")))
	require.Empty(t, fault.KindOf(nil))
}

func TestQuoteIsBounded(t *testing.T) {
	require.Equal(t, `"a\x00b"`, fault.Quote("a\x00b"))
	q := fault.Quote(strings.Repeat("é", 1000))
	require.Less(t, len(q), 120)
	require.Contains(t, q, "(2000 bytes)")
	require.NotContains(t, q, `\x`)
}
