package kernels

// RowStride is how many elements apart rows of features values lie: features
// rounded up to a vec4, because every kernel loads four values at once. What
// pads a row is 0, and a kernel whose inputs are padded with 0 writes 0 there.
func RowStride(features int) int { return (features + 3) &^ 3 }

// flag is a truth value as a Shape word.
func flag(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}
