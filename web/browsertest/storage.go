package browsertest

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
)

// noStorage are the settings of a user who allows no site to store data.
const noStorage = `{"profile":{"default_content_setting_values":{"cookies":2}}}`

// OpenWithoutStorage is Open for a user who allows no site to store data.
func OpenWithoutStorage(ctx context.Context, url string, dawnFeatures ...string) (*Browser, error) {
	dir, err := os.MkdirTemp("", "nextquill-profile-")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "Default"), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "Default", "Preferences"), []byte(noStorage), 0o600); err != nil {
		return nil, err
	}
	b, err := openGPU(ctx, url, dawnFeatures, chromedp.UserDataDir(dir))
	if err != nil {
		return nil, err
	}
	end := b.close
	b.close = func() {
		end()
		// Processes of the browser that end later may still write files.
		for range 50 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return b, nil
}
