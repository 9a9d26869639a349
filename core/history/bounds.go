package history

// Bounds are the default limits on items, as other implementations of this package must apply them.
// Text and File are in bytes, FieldName is in bytes of UTF-8.
type Bounds struct {
	Text      int   `json:"text"`
	File      int64 `json:"file"`
	Items     int   `json:"items"`
	Fields    int   `json:"fields"` // of one item's context
	FieldName int   `json:"fieldName"`
}

// DefaultBounds returns the limits that apply where Limits sets none.
func DefaultBounds() Bounds {
	l := Limits{}.orDefault()
	return Bounds{Text: l.Line, File: l.File, Items: l.Items, Fields: MaxFields, FieldName: MaxFieldName}
}
