package session

import (
	"context"
	"encoding/json"
	"time"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// EncodeRequest makes the Request that Serve reads.
func EncodeRequest(method string, params any) ([]byte, error) {
	r := Request{Method: method}
	if params != nil {
		raw, err := json.Marshal(params)
		if err != nil {
			return nil, fault.New(fault.Malformed, method, "params", "no JSON").WithCause(err)
		}
		r.Params = raw
	}
	return json.Marshal(&r)
}

// DecodeResponse reads what Serve returned.
func DecodeResponse(raw []byte, result any) error {
	var r Response
	if err := json.Unmarshal(raw, &r); err != nil {
		return fault.New(fault.Malformed, "response", "", "no JSON").WithCause(err)
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

// EventName gives the field "event" of an event in JSON.
func EventName(raw []byte) (string, error) {
	var e struct {
		Event string `json:"event"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Event == "" {
		return "", fault.New(fault.Malformed, "event", "event", "no JSON with a name: %s", fault.Quote(string(raw))).WithCause(err)
	}
	return e.Event, nil
}

// Local is a Client whose methods run in this process, on the caller's
// goroutine. Requests and events pass through JSON as they do elsewhere, so a
// front cannot come to depend on more. Calls must not overlap.
func Local(env *Env) api.Client { return local{env} }

type local struct{ env *Env }

func (l local) Call(ctx context.Context, method string, params, result any, onEvent func(string, json.RawMessage)) error {
	request, err := EncodeRequest(method, params)
	if err != nil {
		return err
	}
	env := *l.env
	if env.Clock == nil {
		env.Clock = time.Now
	}
	env.Emit = func(event any) error {
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
	return DecodeResponse(Serve(ctx, &env, request), result)
}
