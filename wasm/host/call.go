package host

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/rpc"
	"nextquill/wasm/abi"
)

// callState is the state of the running call.
type callState struct {
	onEvent  func(name string, raw json.RawMessage)
	pending  operation
	token    uint32
	reply    []byte
	response []byte
}

// Call implements api.Client. When ctx is done the host cancels the guest at the next operation
// that the guest waits for. The method then returns, usually with fault.Cancelled, and the host
// stays usable.
//
// onEvent runs on the caller's goroutine and must not call the host.
func (h *Host) Call(
	ctx context.Context, method string, params, result any, onEvent func(string, json.RawMessage),
) error {
	request, err := rpc.EncodeRequest(method, params)
	if err != nil {
		return err
	}
	if len(request) > abi.MaxMessage {
		return fault.New(fault.TooLarge, method, "params", "%d bytes", len(request)).
			WithLimit("%d bytes", abi.MaxMessage).WithRemedy("pass large data as a blob")
	}
	select {
	case <-h.turn:
	case <-ctx.Done():
		return blob.Cancelled(ctx)
	}
	defer func() { h.turn <- struct{}{} }()
	switch {
	case h.closed:
		return fault.New(fault.Device, "host", "", "closed").WithRemedy("open another host")
	case h.broken != nil:
		return h.broken
	case ctx.Err() != nil:
		return blob.Cancelled(ctx)
	}
	h.call = callState{onEvent: onEvent}
	defer func() { h.call = callState{} }()
	if err := h.drive(ctx, method, request); err != nil {
		h.broken = err
		return err
	}
	return rpc.DecodeResponse(h.call.response, result)
}

// drive runs one request to its end: it runs the guest until it parks, performs the operation that
// the guest waits for, and resumes it. After an error the guest cannot be used any more.
func (h *Host) drive(ctx context.Context, method string, request []byte) error {
	state, err := h.begin(method, request)
	cancelled := false
	for err == nil && state == abi.Parked {
		op, token := h.call.pending, h.call.token
		if op == nil {
			return h.trapped(method, errors.New("it parked without an operation"))
		}
		h.call.pending = nil
		// The guest may still need operations after cancel, such as writing a last checkpoint.
		opCtx := ctx
		if cancelled {
			opCtx = context.WithoutCancel(ctx)
		}
		reply, opErr := op(opCtx)
		status := abi.Status(len(reply))
		h.call.reply = reply
		if opErr != nil {
			status = h.refuse(opErr)
		}
		if ctx.Err() != nil && !cancelled {
			cancelled = true
			if _, err := h.invoke(h.guest.cancel); err != nil {
				return h.trapped(method, err)
			}
		}
		state, err = h.state(h.guest.resume, uint64(token), api.EncodeI32(int32(status)))
	}
	switch {
	case err != nil:
		return h.trapped(method, err)
	case h.call.response == nil:
		return h.trapped(method, errors.New("it returned no response"))
	}
	return nil
}

// begin passes the request to the guest.
func (h *Host) begin(method string, request []byte) (abi.State, error) {
	ptr, err := h.invoke(h.guest.alloc, uint64(len(request)))
	if err != nil {
		return 0, err
	}
	dst, err := memory{h.guest.memory}.view("alloc", uint32(ptr), uint32(len(request)), abi.MaxMessage)
	if err != nil {
		return 0, err
	}
	copy(dst, request)
	return h.state(h.guest.call, ptr, uint64(len(request)))
}

// state runs the export call or resume.
func (h *Host) state(f api.Function, params ...uint64) (abi.State, error) {
	r, err := h.invoke(f, params...)
	if err != nil {
		return 0, err
	}
	s := abi.State(api.DecodeI32(r))
	if s != abi.Done && s != abi.Parked {
		return 0, errors.New(abi.Status(s).String())
	}
	return s, nil
}

// invoke runs an export. Its context is never done: interrupting a guest would leave it unusable.
func (h *Host) invoke(f api.Function, params ...uint64) (uint64, error) {
	var stack [4]uint64
	copy(stack[:], params)
	err := f.CallWithStack(context.Background(), stack[:])
	return stack[0], err
}

// trapped returns the error of a guest that cannot continue, with the reason that it printed.
func (h *Host) trapped(doing string, err error) error {
	f := &fault.Error{
		Kind: fault.Internal, Where: "guest", Field: doing, Detail: "it stopped", Err: firstLine(err),
		Remedy: "open the host again; training resumes from the newest checkpoint",
	}
	if h.stderr.reason != "" {
		f.Detail = "it stopped with the message " + fault.Quote(h.stderr.reason)
	}
	return f
}

// firstLine removes wazero's stack trace.
func firstLine(err error) error {
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return exit
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(text)
}
