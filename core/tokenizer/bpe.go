package tokenizer

import (
	"sync"
	"unicode/utf8"
)

// bpe is byte-pair encoding (Sennrich et al. 2016) over bytes, or over characters with bytes for
// characters without a token. It repeatedly joins the adjacent pair with the merge of lowest rank,
// the leftmost of equals, until no pair has a merge.
type bpe struct {
	byteID       [256]int32           // token of each byte, or -1
	merges       map[uint64]mergeRule // by pairKey
	tokens       map[string]int32     // tokens by their bytes; by spelling if characters is set
	characters   bool                 // start from characters (byte_fallback) instead of bytes
	ignoreMerges bool                 // use the token of a complete word without merges
	unknown      int32                // replaces a byte without token; -1 drops it, as the reference does
	cache        wordCache
}

type mergeRule struct {
	rank uint32 // index in the list of merges
	id   int32
}

func pairKey(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(uint32(right)) }

// maxWord limits the bytes merged at a time, and with them memory (about 40 bytes each). Longer
// words are encoded in pieces that decode to the same bytes.
const maxWord = 4 << 20

// encode appends the tokens of one word, which is a piece from the pre-tokenizer.
func (m *bpe) encode(ids []int32, word string) []int32 {
	for len(word) > maxWord {
		n := maxWord
		for m.characters && n > maxWord-utf8.UTFMax && !utf8.RuneStart(word[n]) {
			n--
		}
		ids = m.merge(ids, word[:n])
		word = word[n:]
	}
	if m.ignoreMerges {
		if id, ok := m.tokens[word]; ok {
			return append(ids, id)
		}
	}
	if len(word) > maxCachedWord {
		return m.merge(ids, word)
	}
	if known, ok := m.cache.get(word); ok {
		return append(ids, known...)
	}
	from := len(ids)
	ids = m.merge(ids, word)
	m.cache.put(word, ids[from:])
	return ids
}

// symbol is a token in a linked list that merging shortens. Its index is its position in the word.
type symbol struct {
	id         int32 // -1 once merged into its left neighbour
	prev, next int32 // -1 at the ends
}

// symbols returns a word before its first merge.
func (m *bpe) symbols(word string) []symbol {
	chain := make([]symbol, 0, len(word))
	add := func(id int32) {
		n := int32(len(chain))
		chain = append(chain, symbol{id: id, prev: n - 1, next: n + 1})
	}
	for i := 0; i < len(word); {
		if m.characters {
			_, n := utf8.DecodeRuneInString(word[i:])
			if id, ok := m.tokens[word[i:i+n]]; ok {
				add(id)
				i += n
				continue
			}
			for end := i + n; i < end; i++ {
				add(m.byteID[word[i]])
			}
			continue
		}
		if id := m.byteID[word[i]]; id >= 0 {
			add(id)
		} else if m.unknown >= 0 {
			add(m.unknown)
		}
		i++
	}
	return chain
}

// merge takes O(n log n) for n bytes. A heap holds the pairs that can merge. Entries that another
// merge made stale are dropped when they are popped.
func (m *bpe) merge(ids []int32, word string) []int32 {
	chain := m.symbols(word)
	if len(chain) == 0 {
		return ids
	}
	chain[len(chain)-1].next = -1

	var heap pairHeap
	offer := func(left int32) {
		if left < 0 || chain[left].next < 0 {
			return
		}
		if to, ok := m.merges[pairKey(chain[left].id, chain[chain[left].next].id)]; ok {
			heap.push(uint64(to.rank)<<32 | uint64(uint32(left)))
		}
	}
	for i := range chain {
		offer(int32(i))
	}
	for len(heap) > 0 {
		top := heap.pop()
		rank, left := uint32(top>>32), int32(uint32(top))
		right := chain[left].next
		if chain[left].id < 0 || right < 0 {
			continue
		}
		to, ok := m.merges[pairKey(chain[left].id, chain[right].id)]
		if !ok || to.rank != rank {
			continue
		}
		chain[left].id = to.id
		chain[left].next = chain[right].next
		if after := chain[right].next; after >= 0 {
			chain[after].prev = left
		}
		chain[right].id = -1
		offer(chain[left].prev)
		offer(left)
	}
	for i := int32(0); i >= 0; i = chain[i].next {
		ids = append(ids, chain[i].id)
	}
	return ids
}

// pairHeap is a binary min-heap of rank<<32 | position.
type pairHeap []uint64

func (h *pairHeap) push(v uint64) {
	s := append(*h, v)
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if s[up] <= v {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = v
	*h = s
}

func (h *pairHeap) pop() uint64 {
	s := *h
	top, v := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return top
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(s) {
			break
		}
		if down+1 < len(s) && s[down+1] < s[down] {
			down++
		}
		if v <= s[down] {
			break
		}
		s[i] = s[down]
		i = down
	}
	s[i] = v
	return top
}

const (
	maxCachedWord  = 64
	maxCachedWords = 1 << 14
)

// wordCache caches the tokens of short words. A full cache is cleared, which needs no order of use.
type wordCache struct {
	mu    sync.Mutex
	words map[string][]int32
}

func (c *wordCache) get(word string) ([]int32, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids, ok := c.words[word]
	return ids, ok
}

func (c *wordCache) put(word string, ids []int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.words == nil || len(c.words) >= maxCachedWords {
		c.words = make(map[string][]int32, 1024)
	}
	// Both are copied: ids is part of the caller's result, and word would keep the complete text in
	// memory.
	c.words[string([]byte(word))] = append([]int32(nil), ids...)
}
