package jinja

import "slices"

// args are the values of a call's arguments.
type args struct {
	name  string   // of the function
	list  []value  // positional ones
	names []string // of the others
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

// take gives the arguments of a function with these parameters, nil where one was left out, and refuses all others.
func (a *args) take(m *machine, params ...string) []*value {
	out := make([]*value, len(params))
	if len(a.list) > len(params) {
		m.fail("%s takes %d arguments, not %d", a.name, len(params), len(a.list))
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
			m.fail("%s is given the argument %s twice", a.name, name)
		}
		out[at] = &a.named[i]
	}
	return out
}

// text gives a string argument.
func (a *args) text(m *machine, v *value) string {
	if v == nil {
		m.fail("%s wants one more argument", a.name)
	}
	s, ok := (*v).(string)
	if !ok {
		m.fail("%s wants a str, not a %s", a.name, kindOf(*v))
	}
	return s
}

// whole gives an integer argument, or otherwise where it was left out.
func (a *args) whole(m *machine, v *value, otherwise int64) int64 {
	if v == nil {
		return otherwise
	}
	n, ok := integer(*v)
	if !ok {
		m.fail("%s wants an int, not a %s", a.name, kindOf(*v))
	}
	return n
}

// flag gives a switch.
func flag(v *value, otherwise bool) bool {
	if v == nil {
		return otherwise
	}
	return truth(*v)
}
