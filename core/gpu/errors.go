package gpu

import (
	"fmt"

	"nextquill/core/fault"
)

func limitError(where, limit string, need, have int64) error {
	return &fault.Error{
		Kind: fault.DeviceLimit, Where: where, Field: limit,
		Detail: fmt.Sprintf("needs %d", need), Limit: fmt.Sprint(have),
		Remedy: "use a smaller token budget, a smaller model, or a device that offers more",
	}
}
