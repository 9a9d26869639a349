package rpc

import (
	"encoding/json"
	"fmt"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// Request is one call in JSON.
type Request struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"`
}

// Response answers a Request: it has an Error or a Result.
type Response struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *api.ErrorInfo  `json:"error,omitempty"`
}

// EncodeRequest encodes a Request. params may be nil. A number out of its range is refused.
func EncodeRequest(method string, params any) ([]byte, error) {
	r := Request{Method: method}
	if params != nil {
		if err := api.CheckRanges("request", params); err != nil { // JSON has no NaN
			return nil, err
		}
		raw, err := json.Marshal(params)
		if err != nil {
			return nil, fault.New(fault.Malformed, method, "params", "cannot be encoded as JSON").WithCause(err)
		}
		r.Params = raw
	}
	return json.Marshal(&r)
}

// DecodeResponse decodes a Response: it returns the error of the method, or stores the result in
// result, which may be nil.
func DecodeResponse(raw []byte, result any) error {
	var r Response
	if err := json.Unmarshal(raw, &r); err != nil {
		return fault.New(fault.Malformed, "response", "", "is not JSON").WithCause(err)
	}
	if r.Error != nil {
		return DecodeError(r.Error)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(r.Result, result); err != nil {
		return fault.New(fault.Mismatch, "response", "", "does not fit %T", result).WithCause(err)
	}
	return nil
}

// EncodeResponse encodes the outcome of a method.
func EncodeResponse(result any, err error) []byte {
	var r Response
	if err == nil {
		if r.Result, err = json.Marshal(result); err != nil {
			err = fault.New(fault.Internal, "response", "", "the result cannot be encoded as JSON").WithCause(err)
		}
	}
	if err != nil {
		r = Response{Error: EncodeError(err)}
	}
	out, err := json.Marshal(&r)
	if err != nil { // impossible: r holds strings and valid JSON only
		panic(fmt.Sprintf("rpc: response: %v", err))
	}
	return out
}

// EventName returns the field "event" of an event in JSON.
func EventName(raw []byte) (string, error) {
	var e struct {
		Event string `json:"event"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Event == "" {
		return "", fault.New(fault.Malformed, "event", "event", "not a JSON object with a name: %s",
			fault.Quote(string(raw))).WithCause(err)
	}
	return e.Event, nil
}
