package guest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBareShader(t *testing.T) {
	require.Equal(t, "const N: u32 = 4u;\n\n//#if TILE\nfn f() {\n let a = 1.0 / x;\n\n //#for i N\n x += 1;\n}\n",
		bareShader("const N: u32 = 4u; // rows\n// A sentence.\n//#if TILE\nfn f() {\n\tlet a = 1.0 / x;  \n"+
			"    // Another.\n        //#for i N\n    x += 1;\n}\n"))
}
