package host_test

import (
	"context"
	"fmt"
	"log"

	"nextquill/core/api"
	"nextquill/native/dirstore"
	"nextquill/wasm/host"
)

// This opens a guest whose blobs are the files of the folder data, and calls the smallest method.
// core/api has the names, parameters and results of all methods.
func Example() {
	ctx := context.Background()
	guest, err := host.LoadGuest("") // build/nextquill.wasm
	if err != nil {
		log.Fatal(err)
	}
	store, err := dirstore.Open("data")
	if err != nil {
		log.Fatal(err)
	}
	h, err := host.Open(ctx, host.NewConfig().WithGuest(guest).WithBlobs(store))
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	var answer string
	if err := h.Call(ctx, api.MethodEcho, "hello", &answer, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
	// Output: hello
}
