package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"nextquill/core/api"
	"nextquill/native/dirstore"
	"nextquill/wasm/host"
)

// This trains an adapter on the texts in data/history.jsonl, with the model in data/model, and
// writes it to data/adapter. The guest is build/nextquill.wasm: `go run ./cmd/buildwasm` makes it.
func Example() {
	ctx := context.Background()
	guest, err := host.LoadGuest("")
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

	params := api.PersonalizeParams{Preset: "contextsft", Out: "adapter"}
	params.Model = "model"
	params.Source = api.Source{History: "history.jsonl"}
	progress := func(name string, event json.RawMessage) { fmt.Println(name, string(event)) }
	if err := h.Call(ctx, api.MethodPersonalize, params, nil, progress); err != nil {
		log.Fatal(err)
	}
}
