package jinja

func (s *text) exec(m *machine) signal {
	m.write(s.s)
	return goesOn
}

func (s *output) exec(m *machine) signal {
	v := s.x.eval(m)
	m.at = s.pos
	m.write(m.str(v))
	return goesOn
}

func (s *jump) exec(*machine) signal { return s.signal }

func (s *branch) exec(m *machine) signal {
	for i, c := range s.conds {
		if truth(c.eval(m)) {
			return m.run(s.bodies[i])
		}
	}
	return m.run(s.otherwise)
}

func (s *scoped) exec(m *machine) signal {
	values := make([]value, len(s.values))
	for i, x := range s.values {
		values[i] = x.eval(m)
	}
	m.enter()
	for i, name := range s.targets {
		m.scope.vars[name] = values[i]
	}
	sig := m.run(s.body)
	m.leave()
	return sig
}

func (s *assign) exec(m *machine) signal {
	var v value
	if s.x != nil {
		v = s.x.eval(m)
	} else {
		m.enter()
		text, sig := m.capture(s.body)
		m.leave()
		if sig != goesOn {
			return sig
		}
		v = text
		for _, f := range s.filters {
			v = f.apply(m, v)
		}
	}
	m.at = s.pos
	if !s.unpack {
		s.targets[0].set(m, v)
		return goesOn
	}
	for i, part := range m.unpack(v, len(s.targets)) {
		s.targets[i].set(m, part)
	}
	return goesOn
}

func (t target) set(m *machine, v value) {
	m.at = t.pos
	if t.attr == "" {
		m.scope.vars[t.name] = v
		return
	}
	ns, ok := m.get(t.name).(*namespace)
	if !ok {
		m.fail("set can only change attributes of a namespace, and %s is not one", t.name)
	}
	ns.Set(t.attr, v)
	m.alloc(64)
}

// unpack returns the n parts of a value.
func (m *machine) unpack(v value, n int) []value {
	parts := m.iterate(v)
	if len(parts) != n {
		m.fail("%d names for %d values", n, len(parts))
	}
	return parts
}

// iteration is the variable loop.
type iteration struct {
	items []value
	i     int
}

func (s *loop) exec(m *machine) signal {
	in := s.in.eval(m)
	m.at = s.pos
	items := m.iterate(in)
	bind := func(item value) {
		m.at = s.pos
		if !s.unpack {
			m.scope.vars[s.targets[0]] = item
			return
		}
		for i, part := range m.unpack(item, len(s.targets)) {
			m.scope.vars[s.targets[i]] = part
		}
	}
	if s.cond != nil {
		items = s.sift(m, items, bind)
	}
	if len(items) == 0 {
		m.enter()
		sig := m.run(s.empty)
		m.leave()
		return sig
	}
	it := &iteration{items: items}
	for i, item := range items {
		m.step(1)
		it.i = i
		m.enter()
		m.scope.vars["loop"] = it
		bind(item)
		sig := m.run(s.body)
		m.leave()
		if sig == breaks {
			break
		}
	}
	return goesOn
}

// filterLoopItems keeps the items for which the loop's condition is true.
func (s *loop) sift(m *machine, items []value, bind func(value)) (kept []value) {
	for _, item := range items {
		m.step(1)
		m.enter()
		m.scope.vars["loop"] = &undefined{`"loop"`}
		bind(item)
		if truth(s.cond.eval(m)) {
			kept = append(kept, item)
		}
		m.leave()
	}
	m.alloc(16 * len(kept))
	return kept
}

// get returns an attribute of the variable loop.
func (it *iteration) get(m *machine, name string) value {
	n := len(it.items)
	at := func(i int, what string) value {
		if i < 0 || i >= n {
			return &undefined{what}
		}
		return it.items[i]
	}
	switch name {
	case "index":
		return int64(it.i + 1)
	case "index0":
		return int64(it.i)
	case "revindex":
		return int64(n - it.i)
	case "revindex0":
		return int64(n - it.i - 1)
	case "first":
		return it.i == 0
	case "last":
		return it.i == n-1
	case "length":
		return int64(n)
	case "previtem":
		return at(it.i-1, "there is no previous item")
	case "nextitem":
		return at(it.i+1, "there is no next item")
	case "depth": // always 1: recursive loops are not supported
		return int64(1)
	case "depth0":
		return int64(0)
	case "cycle":
		return function{"cycle", func(m *machine, a *args) value {
			if len(a.names) > 0 || len(a.list) == 0 {
				m.fail("loop.cycle needs values to choose from")
			}
			return a.list[it.i%len(a.list)]
		}}
	case "changed":
		m.at.unsupported("loop.changed")
	}
	return &undefined{"loop." + name}
}
