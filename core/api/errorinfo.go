package api

// ErrorInfo is an error in JSON. Package rpc converts errors to it and back.
type ErrorInfo struct {
	// Kind is a fault.Kind, or empty if the error is not a fault.
	Kind   string `json:"kind,omitempty"`
	Where  string `json:"where,omitempty"`
	Field  string `json:"field,omitempty"`
	Detail string `json:"detail,omitempty"`
	Limit  string `json:"limit,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	// Message is the complete text, for a caller that only displays the error.
	Message string     `json:"message"`
	Cause   *ErrorInfo `json:"cause,omitempty"`
}
