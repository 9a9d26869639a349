package eval

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

// holdFolder is the variable with the folder that a second process of this test locks.
const holdFolder = "EVAL_TEST_HOLD"

// TestLock refuses a folder while another process writes to it, and takes it over when that process
// was killed.
func TestLock(t *testing.T) {
	if dir := os.Getenv(holdFolder); dir != "" {
		_, err := OpenResults(filepath.Join(dir, ResultsFile), testSettings())
		require.NoError(t, err)
		os.Stdout.WriteString("open\n")
		select {}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, ResultsFile)
	c := exec.Command(os.Args[0], "-test.run=^TestLock$")
	c.Env = append(os.Environ(), holdFolder+"="+dir)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	defer c.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "open\n", line)

	_, err = OpenResults(path, testSettings())
	require.ErrorIs(t, err, fault.Storage)
	require.ErrorContains(t, err, "is writing results to this folder")
	_, err = Peek(path, testSettings())
	require.NoError(t, err, "a plan only reads")

	require.NoError(t, c.Process.Kill())
	_ = c.Wait()
	r, err := OpenResults(path, testSettings())
	require.NoError(t, err)
	_, err = OpenResults(path, testSettings())
	require.ErrorIs(t, err, fault.Storage, "within one process, too")
	require.NoError(t, r.Close())
	r, err = OpenResults(path, testSettings())
	require.NoError(t, err)
	require.NoError(t, r.Close())
}
