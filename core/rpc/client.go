package rpc

import (
	"context"
	"encoding/json"

	"nextquill/core/api"
)

// Local returns a client whose methods run in this process, on the caller's goroutine. Requests,
// results and events pass through JSON as they do elsewhere, so that a caller cannot depend on
// more. Calls must not overlap.
func Local(s *Server) api.Client { return local{s} }

type local struct{ server *Server }

// Call implements api.Client.
func (l local) Call(ctx context.Context, method string, params, result any,
	onEvent func(string, json.RawMessage)) error {
	request, err := EncodeRequest(method, params)
	if err != nil {
		return err
	}
	emit := func(event any) error {
		raw, err := json.Marshal(event)
		if err != nil {
			return err
		}
		name, err := EventName(raw)
		if err == nil && onEvent != nil {
			onEvent(name, raw)
		}
		return err
	}
	return DecodeResponse(l.server.Serve(ctx, emit, request), result)
}
