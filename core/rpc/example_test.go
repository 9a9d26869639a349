package rpc_test

import (
	"context"
	"encoding/json"
	"fmt"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/rpc"
)

// A server of one method, called in the same process.
func Example() {
	greet := rpc.Method{Name: "greet", Handler: func(_ context.Context, c *rpc.Call) (any, error) {
		p := struct {
			Name string `json:"name"`
		}{Name: "world"}
		if err := c.Decode(&p); err != nil {
			return nil, err
		}
		if err := c.Emit(api.TokenEvent{Event: api.EventToken, Text: "Hello, "}); err != nil {
			return nil, err
		}
		return "Hello, " + p.Name, nil
	}}
	client := rpc.Local(rpc.NewServer(nil, []rpc.Method{greet}))

	var text string
	params := map[string]string{"name": "Ada"}
	err := client.Call(context.Background(), "greet", params, &text, func(name string, raw json.RawMessage) {
		fmt.Println("event:", name, string(raw))
	})
	fmt.Println(text, err)

	err = client.Call(context.Background(), "leave", nil, nil, nil)
	fmt.Println(fault.KindOf(err))
	// Output:
	// event: token {"event":"token","text":"Hello, "}
	// Hello, Ada <nil>
	// unsupported
}
