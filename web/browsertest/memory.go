package browsertest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/chromedp/cdproto/target"
)

// Memory is the memory that a process of the browser has for itself, in bytes.
type Memory struct {
	// Type is the kind of process: "browser", "renderer", "GPU", …
	Type string
	PID  int
	// Private is what no other process shares. It includes what is swapped out.
	Private int64
	// Resident is what is in memory, files and shared memory included.
	Resident int64
}

// Memory returns the memory of all processes of the browser, after a garbage collection in pages
// and workers. It reads /proc, which Linux has.
func (b *Browser) Memory(ctx context.Context) ([]Memory, error) {
	w, err := dialCDP(ctx, b.address, func(target.SessionID, string, []byte) {})
	if err != nil {
		return nil, err
	}
	defer w.close()
	err = w.autoAttach(ctx, func(e *target.EventAttachedToTarget) []answer {
		return []answer{w.send(ctx, e.SessionID, "HeapProfiler.collectGarbage", nil)}
	})
	if err != nil {
		return nil, err
	}
	var r struct {
		ProcessInfo []struct {
			Type string
			ID   int
		}
	}
	if err := w.call(ctx, "", "SystemInfo.getProcessInfo", nil, &r); err != nil {
		return nil, err
	}
	var all []Memory
	for _, p := range r.ProcessInfo {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.ID))
		if os.IsNotExist(err) {
			continue // the process has ended
		}
		if err != nil {
			return nil, err
		}
		m := Memory{Type: p.Type, PID: p.ID}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ":")
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			switch name {
			case "Rss":
				m.Resident = kilobytes << 10
			case "Private_Clean", "Private_Dirty", "Swap":
				m.Private += kilobytes << 10
			}
		}
		all = append(all, m)
	}
	return all, nil
}
