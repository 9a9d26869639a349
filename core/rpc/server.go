package rpc

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// Call is one call of a method, as its Handler sees it.
type Call struct {
	// Params are the parameters in JSON; empty if there are none. See Decode.
	Params json.RawMessage
	// Emit hands the caller an event: a struct whose JSON has a field "event". An error means that
	// the caller is gone, and should end the method.
	Emit func(event any) error
	// Methods are the names of the server's methods, sorted.
	Methods []string
}

// Decode decodes the parameters into p, which holds the defaults. Unknown fields are refused: a
// misspelt option that has no effect is worse than an error. So is a number out of its range, see
// api.CheckRanges.
func (c *Call) Decode(p any) error {
	if len(c.Params) == 0 {
		return nil
	}
	if err := unmarshalStrict(c.Params, p); err != nil {
		return err
	}
	return api.CheckRanges("request", p)
}

// Handler runs one call and returns a value that can be encoded as JSON. Calls do not overlap. A
// handler frees what it creates on the device.
type Handler func(ctx context.Context, c *Call) (any, error)

// Method is a method with its name.
type Method struct {
	Name    string
	Handler Handler
}

// Server runs requests. NewServer makes one.
type Server struct {
	handlers map[string]Handler
	names    []string
	failed   func(error)
}

// NewServer makes a server of lists of methods. failed, which may be nil, is called with the error
// of every call that fails, before its response: it brings what the handlers share into a usable
// state. Two methods of the same name are a programming mistake, and panic.
func NewServer(failed func(error), methods ...[]Method) *Server {
	s := &Server{handlers: map[string]Handler{}, failed: failed}
	for _, m := range slices.Concat(methods...) {
		if s.handlers[m.Name] != nil {
			panic("rpc: two methods are called " + m.Name)
		}
		s.handlers[m.Name] = m.Handler
	}
	s.names = slices.Sorted(maps.Keys(s.handlers))
	return s
}

// Serve runs a Request in JSON and returns its Response in JSON. It does not panic: a panic of the
// method becomes a fault of kind Internal that names the line.
func (s *Server) Serve(ctx context.Context, emit func(event any) error, request []byte) []byte {
	return EncodeResponse(s.serve(ctx, emit, request))
}

func (s *Server) serve(ctx context.Context, emit func(event any) error, request []byte) (result any, err error) {
	var r Request
	if err := json.Unmarshal(request, &r); err != nil {
		return nil, fault.New(fault.Malformed, "request", "", "not a JSON object with a method and its parameters").
			WithCause(err)
	}
	h := s.handlers[r.Method]
	if h == nil {
		return nil, fault.New(fault.Unsupported, "request", "method", "%s is not known", fault.Quote(r.Method)).
			WithRemedy("use one of %v", s.names)
	}
	err = Guard(r.Method, func() (err error) {
		result, err = h(ctx, &Call{Params: r.Params, Emit: emit, Methods: slices.Clone(s.names)})
		return err
	})
	if err != nil && s.failed != nil {
		s.failed(err)
	}
	return result, err
}
