// Package overlap scores a generated text against a reference text by the words that they share:
// ROUGE (Lin 2004), BLEU (Papineni et al. 2002) and METEOR (Lavie and Agarwal 2007).
//
// The values are those of the Python packages that the field reports: rouge-score 0.1.2, sacrebleu
// 2.6.0 and nltk 3.10. testdata/golden.py makes the values that the tests compare with.
package overlap
