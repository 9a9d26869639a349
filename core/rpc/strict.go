package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"nextquill/core/fault"
)

// unmarshalStrict decodes one JSON value and refuses unknown fields and trailing data. The error is
// a fault of kind Malformed, in the terms of JSON.
func unmarshalStrict(raw []byte, p any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(p)
	if err == nil {
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return badParams("", "data follows the JSON value")
		}
		return nil
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		value := mismatch.Value // such as "string", or "number 1.5"
		return badParams(mismatch.Field, "%s has the wrong type or is out of range", value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return badParams("", "there is no parameter %s", name)
	}
	return badParams("", "not a JSON object of parameters")
}

func badParams(field, format string, args ...any) error {
	if field == "" {
		field = "params"
	}
	return fault.New(fault.Malformed, "request", field, format, args...).
		WithRemedy("see package core/api for the parameters of each method")
}
