// Package hosttest tests the built site, served by the hosts that docs/hosting.md describes.
// Its tests have the build tag hosts; `make edge-test` runs them. They need the site of `make
// site`, Chromium, and the server that they test.
package hosttest
