//go:build hosts

package hosttest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/edge/workerd"
	"nextquill/wasm/guest"
)

// server is a host of the site that runs on this machine.
type server struct {
	url  string // of the site's folder, with a slash at its end
	stop func()
}

// servers start the hosts, by name.
var servers = map[string]func(*testing.T) server{
	"serve": startServe, "workerd": startWorkerd, "nginx": startNginx, "caddy": startCaddy,
}

// start runs a command and stops it at the end of the test.
func start(t *testing.T, cmd *exec.Cmd, url string) server {
	t.Helper()
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	stop := func() {
		_ = cmd.Process.Kill()
		<-ended
	}
	t.Cleanup(stop)
	return server{url, stop}
}

func (s server) waitFor(t *testing.T) server {
	t.Helper()
	require.Eventually(t, func() bool {
		response, err := http.Get(s.url + "manifest.json")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, time.Minute, 50*time.Millisecond, s.url)
	return s
}

// startServe runs `nextquill serve`.
func startServe(t *testing.T) server {
	binary := filepath.Join(t.TempDir(), "nextquill")
	build := exec.Command("go", "build", "-o", binary, "nextquill/cmd/nextquill")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	cmd := exec.Command(binary, "serve", "--site", dist(t), "--addr", "127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	s := start(t, cmd, "")
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	s.url = strings.TrimSpace(line)
	return s.waitFor(t)
}

// startWorkerd runs the Worker. The model layout is in its bucket.
func startWorkerd(t *testing.T) server {
	root, err := guest.Root(t.Context())
	require.NoError(t, err)
	state := t.TempDir()
	folder := filepath.Join(dist(t), "models", modelName)
	entries, err := os.ReadDir(folder)
	require.NoError(t, err, "run scripts/site-model %s first", modelName)
	for _, e := range entries {
		// In the bucket under another name than in dist/models/, so that only the bucket has it.
		name := "models/" + bucketModel + "/" + e.Name()
		require.NoError(t, workerd.PutModelFile(t.Context(), root, state, name, filepath.Join(folder, e.Name())))
	}
	w, err := workerd.Start(context.WithoutCancel(t.Context()), root, "wrangler.toml", state)
	require.NoError(t, err)
	t.Cleanup(w.Stop)
	return server{w.URL + "/", w.Stop}
}

// configured copies a configuration file of edge/config with the port and the folder of the test.
func configured(t *testing.T, name, listen string) (file, url string) {
	t.Helper()
	root, err := guest.Root(t.Context())
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "edge/config", name))
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().(*net.TCPAddr)
	listener.Close()
	replaced := strings.NewReplacer(listen, fmt.Sprintf(strings.Replace(listen, "80", "%d", 1), address.Port),
		"/srv/nextquill", dist(t)).Replace(string(text))
	file = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(replaced), 0o644))
	return file, fmt.Sprintf("http://127.0.0.1:%d/nextquill/", address.Port)
}

// startNginx runs nginx with edge/config/nginx.conf.
func startNginx(t *testing.T) server {
	file, url := configured(t, "nginx.conf", "listen 80;")
	dir := t.TempDir()
	complete := fmt.Sprintf(`daemon off; user root; pid %[1]s/pid; error_log %[1]s/error.log; worker_processes 1;
events {}
http {
	access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s;
	fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	include %[2]s;
}`, dir, file)
	main := filepath.Join(dir, "main.conf")
	require.NoError(t, os.WriteFile(main, []byte(complete), 0o644))
	binary, err := exec.LookPath("nginx")
	if err != nil {
		binary = "/usr/sbin/nginx" // not in the PATH of a person
	}
	cmd := exec.Command(binary, "-c", main, "-e", filepath.Join(dir, "error.log"))
	cmd.Stderr = os.Stderr
	s := start(t, cmd, url)
	quit := s.stop
	s.stop = func() { // its worker process ends with its master only when that is told to stop
		_ = exec.Command(binary, "-c", main, "-e", filepath.Join(dir, "error.log"), "-s", "stop").Run()
		time.Sleep(time.Second)
		quit()
	}
	t.Cleanup(s.stop)
	return s.waitFor(t)
}

// startCaddy runs Caddy with edge/config/Caddyfile.
func startCaddy(t *testing.T) server {
	file, url := configured(t, "Caddyfile", "\n:80 {")
	global := "{\n\tadmin off\n\tauto_https off\n}\n"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append([]byte(global), text...), 0o644))
	cmd := exec.Command("caddy", "run", "--adapter", "caddyfile", "--config", file)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	return start(t, cmd, url).waitFor(t)
}
