package browsertest

import (
	"context"
	"os"
	"path/filepath"

	"github.com/chromedp/chromedp"
)

// noStorage are the settings of a user who allows no site to store data.
const noStorage = `{"profile":{"default_content_setting_values":{"cookies":2}}}`

// OpenWithoutStorage is Open for a user who allows no site to store data. dir is an empty folder
// for the profile.
func OpenWithoutStorage(ctx context.Context, url, dir string, dawnFeatures ...string) (*Browser, error) {
	if err := os.MkdirAll(filepath.Join(dir, "Default"), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "Default", "Preferences"), []byte(noStorage), 0o600); err != nil {
		return nil, err
	}
	return openGPU(ctx, url, dawnFeatures, chromedp.UserDataDir(dir))
}
