// Package hosttest tests the built site in Chromium on the ways of hosting it that docs/hosting.md
// describes. Its tests have the build tag hosts: `make edge-test` runs them, after make site. They
// need Chromium; those of a server need that server.
package hosttest
