package history

// Limits bound what ReadJSONL reads. A zero field means its default.
type Limits struct {
	Line  int   // bytes of one line; default 4 MiB
	File  int64 // bytes of the file; default 64 MiB
	Items int   // items; default 100 000
}

// Bounds of the context of one item, in fields and in bytes of a field's name.
const (
	MaxFields    = 64
	MaxFieldName = 256
)

func (l Limits) orDefault() Limits {
	if l.Line <= 0 {
		l.Line = 4 << 20
	}
	if l.File <= 0 {
		l.File = 64 << 20
	}
	if l.Items <= 0 {
		l.Items = 100_000
	}
	return l
}
