package jinja

import (
	"time"

	"nextquill/core/fault"
)

// globals are the functions that every template has.
func globals(now func() time.Time) map[string]value {
	g := map[string]value{}
	add := func(name string, f func(m *machine, a *args) value) { g[name] = function{name, f} }
	add("raise_exception", func(m *machine, a *args) value {
		message := m.str(*orNone(a.bind(m, "message")[0]))
		e := fault.New(fault.Unsupported, "", "", "the template rejects the conversation: %s", fault.Quote(message))
		panic(failure{m.at, e.WithRemedy("use the plain template")})
	})
	add("range", func(m *machine, a *args) value {
		p := a.bind(m, "start", "stop", "step")
		from, to, by := int64(0), a.intArg(m, p[0], 0), a.intArg(m, p[2], 1)
		if p[1] != nil {
			from, to = to, a.intArg(m, p[1], 0)
		}
		if by == 0 {
			m.fail("the step of range is 0")
		}
		var out []value
		for n := from; by > 0 && n < to || by < 0 && n > to; n = m.integers("+", n, by).(int64) {
			if len(out) == maxRange {
				m.at.exceeded("the range is too long", maxRange)
			}
			m.step(1)
			out = append(out, n)
		}
		return m.listOf(out)
	})
	made := func(m *machine, a *args) *Dict {
		d := NewDict()
		if len(a.list) > 0 {
			from, ok := a.list[0].(*Dict)
			if !ok || len(a.list) > 1 {
				m.at.unsupported("%s of something that is not a dict", a.name)
			}
			for _, k := range from.keys {
				d.Set(k, from.values[k])
			}
		}
		for i, name := range a.names {
			d.Set(name, a.named[i])
		}
		m.alloc(64 * len(d.keys))
		return d
	}
	add("dict", func(m *machine, a *args) value { return made(m, a) })
	add("namespace", func(m *machine, a *args) value { return &namespace{made(m, a)} })
	for _, name := range []string{"joiner", "cycler", "lipsum"} {
		add(name, func(m *machine, _ *args) value {
			m.at.unsupported("the function %s", name)
			return nil
		})
	}
	if now != nil {
		add("strftime_now", func(m *machine, a *args) value {
			return m.strftime(a.stringArg(m, a.bind(m, "format")[0]),
				now())
		})
	}
	return g
}

// orNone returns none for an absent argument.
func orNone(v *value) *value {
	if v == nil {
		return new(value)
	}
	return v
}
