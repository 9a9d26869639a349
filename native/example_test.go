package native_test

import (
	"context"
	"fmt"
	"log"

	"nextquill/core/gpu"
	"nextquill/native"
)

// This writes words to a buffer of this machine's GPU and reads one of them back.
func Example() {
	device, err := native.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer device.Close()
	g := gpu.NewContext(device)
	words := g.NewBuffer("words", 16, gpu.Storage)
	defer g.Free(words)
	g.WriteU32(words, 0, []uint32{1, 2, 3, 4})
	third := make([]byte, 4)
	if err := g.Read(context.Background(), words, 8, third); err != nil {
		log.Fatal(err)
	}
	fmt.Println(third)
	// Output: [3 0 0 0]
}
