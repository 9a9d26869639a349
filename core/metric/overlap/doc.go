// Package overlap compares a generated text with a reference text by the words that they share:
// ROUGE (Lin 2004), BLEU (Papineni et al. 2002) and METEOR (Lavie and Agarwal 2007).
//
// The values equal those of the Python packages that publications use: rouge-score 0.1.2, sacrebleu
// 2.6.0 and nltk 3.10. testdata/golden.py makes the values that the tests compare with.
package overlap
