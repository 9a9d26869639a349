package tokenizer_test

import (
	"fmt"

	"nextquill/core/tokenizer"
)

// small is a byte-level BPE tokenizer with six ordinary tokens, two merges and one control token.
const small = `{
	"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false},
	"decoder": {"type": "ByteLevel"},
	"model": {
		"type": "BPE",
		"vocab": {"a": 0, "b": 1, "ab": 2, "abb": 3, "<": 4, ">": 5},
		"merges": ["a b", "ab b"]
	},
	"added_tokens": [{"id": 6, "content": "<a>", "special": true}]
}`

func ExampleParse() {
	tok, err := tokenizer.Parse("tokenizer.json", []byte(small))
	if err != nil {
		fmt.Println(err)
		return
	}
	ids := tok.Encode("abbab")
	fmt.Println(ids, tok.Decode(ids))
	for _, id := range ids {
		fmt.Println(id, tok.Token(id))
	}
	// Output:
	// [3 2] abbab
	// 3 abb
	// 2 ab
}

// Control tokens in trusted text keep their meaning. In user text they are escaped.
func ExampleTokenizer_EncodeEscaped() {
	tok, err := tokenizer.Parse("tokenizer.json", []byte(small))
	if err != nil {
		fmt.Println(err)
		return
	}
	user := "b<a>"
	fmt.Println(tok.EncodeEscaped("ab"+user+"<a>", true))
	fmt.Println(tok.EncodeEscaped("ab"+tok.Escape(user)+"<a>", true))
	// Output:
	// [3 6 6]
	// [3 4 0 5 6]
}
