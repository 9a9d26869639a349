package wgsl_test

import (
	"fmt"

	"nextquill/core/wgsl"
)

// A template with a loop over registers, a branch and a shared file.
func ExampleExpand() {
	files := map[string]string{
		"shape": "struct Shape { rows: u32 }\n",
		"sums": `//#include shape
fn main() {
    //#for i COLUMNS
    var sum{i} = x[{i*4}u];
    //#endfor
    //#if COLUMNS > 1
    sum0 += sum{COLUMNS-1};
    //#endif
}
`,
	}
	source := func(name string) (string, error) { return files[name], nil }
	values := wgsl.Values{"COLUMNS": 2}
	text, err := wgsl.Expand(source, "sums", values)
	fmt.Println("sums"+values.Key(), err)
	fmt.Print(text)
	// Output:
	// sums(COLUMNS=2) <nil>
	// struct Shape { rows: u32 }
	// fn main() {
	//     var sum0 = x[0u];
	//     var sum1 = x[4u];
	//     sum0 += sum1;
	// }
}

// Errors name the file and the line.
func ExampleExpand_error() {
	source := func(string) (string, error) { return "const ROWS: u32 = {ROW}u;\n", nil }
	_, err := wgsl.Expand(source, "sums", wgsl.Values{"ROWS": 8})
	fmt.Println(err)
	// Output: sums.wgsl:1: unknown name "ROW" in expression "ROW"
}
