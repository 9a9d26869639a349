// Package workerd runs the Worker on this machine, on workerd, the runtime of Cloudflare Workers.
// It needs Node, and wrangler in edge/node_modules (scripts/edge packages).
package workerd

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Worker is a Worker on workerd, started by wrangler.
type Worker struct {
	URL string
	cmd *exec.Cmd

	mu     sync.Mutex
	output bytes.Buffer
}

// Write implements io.Writer for the process's output.
func (w *Worker) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.output.Write(p)
}

// Log is the end of what the process wrote.
func (w *Worker) Log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.output.String()
	return text[max(0, len(text)-4000):]
}

// Wrangler is a command of wrangler, without network access of its own.
func Wrangler(ctx context.Context, root string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(root, "edge/node_modules/.bin/wrangler"), args...)
	cmd.Dir = filepath.Join(root, "edge")
	cmd.Env = append(os.Environ(), "WRANGLER_SEND_METRICS=false", "CLOUDFLARE_CF_FETCH_ENABLED=false", "CI=true")
	return cmd
}

// Start starts the Worker of a configuration, which is relative to edge/. Its buckets are kept in
// the folder state.
func Start(ctx context.Context, root, config, state string) (*Worker, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	w := &Worker{URL: fmt.Sprintf("http://127.0.0.1:%d", port)}
	w.cmd = Wrangler(ctx, root, "dev", "--config", config, "--local", "--ip", "127.0.0.1", "--port", fmt.Sprint(port),
		"--inspector-port", "0", "--persist-to", state, "--log-level", "warn")
	w.cmd.Stdout, w.cmd.Stderr = w, w
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // workerd is a child of wrangler
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: run scripts/edge packages first", err)
	}
	deadline := time.Now().Add(3 * time.Minute)
	for ; time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		if response, err := http.Get(w.URL + "/manifest.json"); err == nil {
			response.Body.Close()
			return w, nil
		}
	}
	w.Stop()
	return nil, fmt.Errorf("%s does not answer; its log:\n%s", config, w.Log())
}

// Stop ends the process.
func (w *Worker) Stop() {
	_ = syscall.Kill(-w.cmd.Process.Pid, syscall.SIGKILL)
	_ = w.cmd.Wait()
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// PutModelFile puts a file into the local bucket of models.
func PutModelFile(ctx context.Context, root, state, name, file string) error {
	put := Wrangler(ctx, root, "r2", "object", "put", "nextquill-models/"+name, "--file", file,
		"--local", "--persist-to", state)
	if output, err := put.CombinedOutput(); err != nil {
		return fmt.Errorf("wrangler r2 object put: %w\n%s", err, bytes.TrimSpace(output))
	}
	return nil
}
