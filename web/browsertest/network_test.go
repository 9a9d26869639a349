package browsertest_test

import (
	"encoding/base64"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/web/browsertest"
)

// TestLeaks finds a text in every place and encoding, and nothing else.
func TestLeaks(t *testing.T) {
	const canary = "Grüner Kanarienvogel 7719"
	plain := browsertest.Request{From: "page", Method: "GET", URL: "https://example.org/a?b=c", Params: `{"headers":{"Accept":"*/*"}}`, Body: []byte("nothing")}
	require.Empty(t, browsertest.FindLeaks([]browsertest.Request{plain}, canary))
	for i, leak := range []browsertest.Request{
		{URL: "https://example.org/?q=" + url.QueryEscape(canary)},
		{URL: "https://example.org/" + url.PathEscape(canary)},
		{URL: "https://example.org/?q=" + base64.RawURLEncoding.EncodeToString([]byte(canary))},
		{Params: `{"headers":{"X":"Grüner Kanarienvogel 7719"}}`},
		{Params: `{"headers":{"X":"gr\u00fcner kanarienvogel 7719"}}`, Body: []byte("grüner kanarienvogel 7719")},
		{Body: []byte("a" + canary + "b")},
		{Body: []byte(base64.StdEncoding.EncodeToString([]byte("a" + canary + "b")))},
		{Body: []byte(base64.StdEncoding.EncodeToString([]byte("ab" + canary)))},
		{Body: []byte("9177 legovneiranaK renürG")},
	} {
		require.Len(t, browsertest.FindLeaks([]browsertest.Request{plain, leak}, canary), 1, "leak %d", i)
	}
}
