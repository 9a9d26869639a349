package session

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// Request is one call, as it crosses a boundary.
type Request struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"`
}

// Response answers a Request: Error when it is set, else Result.
type Response struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *api.ErrorInfo  `json:"error,omitempty"`
}

// Handler serves one method. It runs on the only goroutine that may touch env,
// and returns a value that JSON can carry. It frees what it creates on the GPU:
// nothing there but caches, and the model that "load" keeps, outlives a call.
type Handler func(ctx context.Context, env *Env, params json.RawMessage) (any, error)

var handlers = map[string]Handler{}

// Register adds a method. Two of one name are a programming mistake and panic.
func Register(method string, h Handler) {
	if handlers[method] != nil {
		panic("session: method " + method + " is registered twice")
	}
	handlers[method] = h
}

// Methods names all methods, sorted.
func Methods() []string { return slices.Sorted(maps.Keys(handlers)) }

// Serve runs a Request in JSON and returns its Response in JSON. It never
// panics: what a method throws comes back as a fault that names the place.
func Serve(ctx context.Context, env *Env, request []byte) []byte {
	result, err := serve(ctx, env, request)
	return respond(result, err)
}

func serve(ctx context.Context, env *Env, request []byte) (result any, err error) {
	var r Request
	if err := json.Unmarshal(request, &r); err != nil {
		return nil, fault.New(fault.Malformed, "request", "", "no JSON of a method and its parameters").WithCause(err)
	}
	h := handlers[r.Method]
	if h == nil {
		return nil, fault.New(fault.Unsupported, "request", "method", "%s is not known", fault.Quote(r.Method)).
			WithRemedy("use one of %v", Methods())
	}
	err = Guard(r.Method, func() (err error) {
		result, err = h(ctx, env, r.Params)
		return err
	})
	if err != nil {
		recoverGPU(env, err)
	}
	return result, err
}

// recoverGPU makes the GPU usable after a method failed with err. A device drops
// the rest of a batch that fails, and may tell only later; the caches may then
// hold what was never made. So they are dropped too, with all that a panic left.
func recoverGPU(env *Env, err error) {
	switch fault.KindOf(err) {
	case fault.Device, fault.DeviceLimit, fault.DeviceLost, fault.Internal:
		if env.GPU != nil {
			letGo(env)
			_ = env.GPU.Flush() // else what is queued could fail, and take the destruction with it
			_, _ = env.GPU.Close()
		}
	}
}

func respond(result any, err error) []byte {
	var r Response
	if err == nil {
		if r.Result, err = json.Marshal(result); err != nil {
			err = fault.New(fault.Internal, "response", "", "the result is no JSON").WithCause(err)
		}
	}
	if err != nil {
		r = Response{Error: EncodeError(err)}
	}
	out, err := json.Marshal(&r)
	if err != nil { // strings and marshalled JSON only: cannot be
		panic(fmt.Sprintf("session: response: %v", err))
	}
	return out
}

// Decode reads a method's parameters into p. Fields that p lacks are refused: a
// misspelt option that does nothing is worse than an error.
func Decode(params json.RawMessage, p any) error {
	if len(params) == 0 {
		return nil
	}
	if err := unmarshalStrict(params, p); err != nil {
		return fault.New(fault.Malformed, "request", "params", "not what the method takes").WithCause(err).
			WithRemedy("see package core/api for the parameters of each method")
	}
	return nil
}
