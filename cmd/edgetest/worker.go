package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// worker is a Worker on workerd, started by wrangler.
type worker struct {
	url string
	cmd *exec.Cmd

	mu     sync.Mutex
	output bytes.Buffer
}

// Write implements io.Writer for the process's output.
func (w *worker) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.output.Write(p)
}

func (w *worker) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.output.String()
	return text[max(0, len(text)-4000):]
}

func wrangler(ctx context.Context, root string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(root, "edge/node_modules/.bin/wrangler"), args...)
	cmd.Dir = filepath.Join(root, "edge")
	cmd.Env = append(os.Environ(), "WRANGLER_SEND_METRICS=false", "CLOUDFLARE_CF_FETCH_ENABLED=false", "CI=true")
	return cmd
}

func startWorker(ctx context.Context, root, config, state string) (*worker, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	w := &worker{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	w.cmd = wrangler(ctx, root, "dev", "--config", config, "--local", "--ip", "127.0.0.1", "--port", fmt.Sprint(port),
		"--inspector-port", "0", "--persist-to", state, "--log-level", "warn")
	w.cmd.Stdout, w.cmd.Stderr = w, w
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // workerd is a child of wrangler
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: run scripts/edge packages first", err)
	}
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		if response, err := http.Get(w.url + "/manifest.json"); err == nil {
			response.Body.Close()
			return w, nil
		}
	}
	w.stop()
	return nil, fmt.Errorf("%s does not answer; its log:\n%s", config, w.log())
}

func (w *worker) stop() {
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

// modelShard is the only file of the model in the bucket: 3 MiB that no two ranges share.
var modelShard = func() []byte {
	data := make([]byte, 3<<20)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return data
}()

const modelFolder = "models/tiny"

// putModel puts a model of one shard into the local bucket, and a file that its manifest does not list.
func putModel(ctx context.Context, root, state string) error {
	sum := sha256.Sum256(modelShard)
	hash := hex.EncodeToString(sum[:])
	manifest, err := json.Marshal(map[string]any{"name": "tiny", "version": 1, "files": []any{map[string]any{
		"path": "model.gguf", "size": len(modelShard), "sha256": hash,
		"shards": []any{map[string]any{"url": "model.gguf.000", "size": len(modelShard), "sha256": hash}},
	}}})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"manifest.json": manifest, "model.gguf.000": modelShard, "private.txt": []byte("not listed")} {
		file := filepath.Join(state, name)
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
		put := wrangler(ctx, root, "r2", "object", "put", "nextquill-models/"+modelFolder+"/"+name, "--file", file, "--local", "--persist-to", state)
		if output, err := put.CombinedOutput(); err != nil {
			return fmt.Errorf("wrangler r2 object put: %w\n%s", err, strings.TrimSpace(string(output)))
		}
	}
	return nil
}
