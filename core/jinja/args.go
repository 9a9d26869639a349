package jinja

import "slices"

// args are the evaluated arguments of a call.
type args struct {
	name  string   // name of the function
	list  []value  // positional ones
	names []string // of the keyword arguments
	named []value
}

func (a arguments) eval(m *machine, name string) *args {
	out := &args{name: name, names: a.names}
	for i, x := range a.list {
		v := x.eval(m)
		if i < len(a.list)-len(a.names) {
			out.list = append(out.list, v)
		} else {
			out.named = append(out.named, v)
		}
	}
	return out
}

// bind returns the arguments in the order of params, nil for an absent one. It rejects all others.
func (a *args) bind(m *machine, params ...string) []*value {
	out := make([]*value, len(params))
	if len(a.list) > len(params) {
		m.fail("%s takes %d arguments, but got %d", a.name, len(params), len(a.list))
	}
	for i := range a.list {
		out[i] = &a.list[i]
	}
	for i, name := range a.names {
		at := slices.Index(params, name)
		if at < 0 {
			m.at.unsupported("the argument %s of %s", name, a.name)
		}
		if out[at] != nil {
			m.fail("%s got the argument %s twice", a.name, name)
		}
		out[at] = &a.named[i]
	}
	return out
}

// stringArg returns a string argument.
func (a *args) stringArg(m *machine, v *value) string {
	if v == nil {
		m.fail("%s needs one more argument", a.name)
	}
	s, ok := (*v).(string)
	if !ok {
		m.fail("%s needs a str, but got a %s", a.name, kindOf(*v))
	}
	return s
}

// intArg returns an integer argument, or otherwise if it is absent.
func (a *args) intArg(m *machine, v *value, otherwise int64) int64 {
	if v == nil {
		return otherwise
	}
	n, ok := integer(*v)
	if !ok {
		m.fail("%s needs an int, but got a %s", a.name, kindOf(*v))
	}
	return n
}

// boolArg returns a bool argument, or otherwise if it is absent.
func boolArg(v *value, otherwise bool) bool {
	if v == nil {
		return otherwise
	}
	return truth(*v)
}
