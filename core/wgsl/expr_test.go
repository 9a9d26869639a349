package wgsl

import (
	"go/constant"
	"go/token"
	"go/types"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func value(t *testing.T, expr string) int {
	v, err := evaluate(expr, func(name string) (int, bool) {
		return map[string]int{"TM": 16, "X": 0}[name], name == "TM" || name == "X"
	})
	require.NoError(t, err, expr)
	return v
}

func TestPrecedence(t *testing.T) {
	for expr, want := range map[string]int{
		"7*3/2":               10,
		"7/2*3":               9,
		"8/4/2":               1,
		"10-4-3":              3,
		"10-4+3":              9,
		"2+3*4":               14,
		"(2+3)*4":             20,
		"-2*3":                -6,
		"2- -3":               5,
		"-7/2":                -3,
		"-7%3":                -1,
		"7%4*2":               6,
		"1+2 == 3":            1,
		"1 < 2 == 1":          1,
		"3 >= 3 && 2 <= 1":    0,
		"1 || 0 && 0":         1,
		"(1 || 0) && 0":       0,
		"!0 && !X":            1,
		"!TM == 0":            1,
		"TM/4-1":              3,
		"TM != 16":            0,
		"X != 0 && TM/X == 4": 0,
		"X == 0 || TM%X":      1,
		"5 && 6":              1,
		"2 > 1 > 0":           1,
	} {
		require.Equal(t, want, value(t, expr), expr)
	}
}

// Random expressions have the value that Go gives them.
func TestExpressionsAreThoseOfGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var expression func(depth int) string
	expression = func(depth int) string {
		if depth == 0 || rng.IntN(5) == 0 {
			return strconv.Itoa(1 + rng.IntN(20))
		}
		if rng.IntN(4) == 0 {
			return "(" + expression(depth-1) + ")"
		}
		ops := []string{"+", "-", "*", " / ", "%"}
		return expression(depth-1) + ops[rng.IntN(len(ops))] + expression(depth-1)
	}
	compared := 0
	for range 2000 {
		expr := expression(4)
		want, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expr)
		got, problem := evaluate(expr, nil)
		if err != nil {
			require.ErrorContains(t, err, "division by zero", expr)
			require.Error(t, problem, expr)
			continue
		}
		exact, fits := constant.Int64Val(want.Value)
		if fits {
			compared++
			require.NoError(t, problem)
			require.EqualValues(t, exact, got, expr)
		}
	}
	require.Greater(t, compared, 1000)
}
