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

// callState is the call being served.
type callState struct {
	onEvent  func(name string, raw json.RawMessage)
	pending  operation
	token    uint32
	reply    []byte
	response []byte
}

// Call implements api.Client. When ctx is done the guest is told at the next
// operation that it waits for; the error is then what the method makes of it,
// fault.Cancelled as a rule, and the host stays usable.
//
// onEvent runs on the caller's goroutine and must not call the host.
func (h *Host) Call(ctx context.Context, method string, params, result any, onEvent func(string, json.RawMessage)) error {
	request, err := rpc.EncodeRequest(method, params)
	if err != nil {
		return err
	}
	if len(request) > abi.MaxMessage {
		return fault.New(fault.TooLarge, method, "params", "%d bytes", len(request)).WithLimit("%d bytes", abi.MaxMessage).
			WithRemedy("pass large data as a blob")
	}
	select {
	case <-h.turn:
	case <-ctx.Done():
		return blob.Cancelled(ctx)
	}
	defer func() { h.turn <- struct{}{} }()
	switch {
	case h.closed:
		return fault.New(fault.Device, "host", "", "closed").WithRemedy("open another one")
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

// drive serves one request to its end: it runs the guest until it parks, does
// what it waits for, and resumes it. An error means that the guest is of no
// further use.
func (h *Host) drive(ctx context.Context, method string, request []byte) error {
	state, err := h.begin(method, request)
	told := false
	for err == nil && state == abi.Parked {
		op, token := h.call.pending, h.call.token
		if op == nil {
			return h.trapped(method, errors.New("it waits for nothing"))
		}
		h.call.pending = nil
		// Once the guest knows that it is to stop, what it still asks for (a last
		// checkpoint) is its own decision, and is done.
		opCtx := ctx
		if told {
			opCtx = context.WithoutCancel(ctx)
		}
		reply, opErr := op(opCtx)
		status := abi.Status(len(reply))
		h.call.reply = reply
		if opErr != nil {
			status = h.refuse(opErr)
		}
		if ctx.Err() != nil && !told {
			told = true
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
		return h.trapped(method, errors.New("it gave no response"))
	}
	return nil
}

// begin hands the request over.
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

// state runs call or resume.
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

// invoke runs an export on a guest of which nothing else runs. Its context is
// never done: interrupting a guest would leave it unusable.
func (h *Host) invoke(f api.Function, params ...uint64) (uint64, error) {
	var stack [4]uint64
	copy(stack[:], params)
	err := f.CallWithStack(context.Background(), stack[:])
	return stack[0], err
}

// trapped is the error of a guest that cannot go on, with the last that it said.
func (h *Host) trapped(doing string, err error) error {
	f := &fault.Error{
		Kind: fault.Internal, Where: "guest", Field: doing, Detail: "it stopped", Err: firstLine(err),
		Remedy: "open the host again; training resumes from the newest checkpoint",
	}
	if h.stderr.reason != "" {
		f.Detail = "it stopped, saying " + fault.Quote(h.stderr.reason)
	}
	return f
}

// firstLine drops wazero's stack trace; an exit code says nothing by itself.
func firstLine(err error) error {
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return exit
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(text)
}
