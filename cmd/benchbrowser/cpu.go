package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// clockTicks is Linux's USER_HZ, the unit of CPU time in /proc.
const clockTicks = 100

// processorSeconds returns the CPU time of the running descendants of this process: all processes
// of the browser. On a software GPU it is the cost of a step, even if other programs keep the
// machine busy. It is 0 on systems without /proc.
func processorSeconds() float64 {
	type process struct {
		parent int
		ticks  float64
	}
	all := map[int]process{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// pid (command) state ppid …; the command may hold anything.
		line := string(raw)
		end := strings.LastIndexByte(line, ')')
		f := strings.Fields(line[end+1:])
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil || len(f) < 13 {
			continue
		}
		parent, _ := strconv.Atoi(f[1])
		user, _ := strconv.ParseFloat(f[11], 64)
		system, _ := strconv.ParseFloat(f[12], 64)
		all[pid] = process{parent, user + system}
	}
	self := os.Getpid()
	var sum float64
	for pid, p := range all {
		for up, depth := pid, 0; depth < 64; depth++ {
			if up == self && pid != self {
				sum += p.ticks
				break
			}
			next, ok := all[up]
			if !ok {
				break
			}
			up = next.parent
		}
	}
	return sum / clockTicks
}
