package gguf

// K-quants pack 256 values per block, in parts with small integer scales.

// scaleMin returns the 6-bit scale and minimum of part i of 8, from the 12 bytes that hold all of
// them.
func scaleMin(s []byte, i int) (scale, min byte) {
	if i < 4 {
		return s[i] & 63, s[i+4] & 63
	}
	return s[i+4]&15 | s[i-4]>>6<<4, s[i+4]>>4 | s[i]>>6<<4
}

// unpackQ4_K: f16 d, f16 dmin, 12 bytes of scales, 128 bytes; x = d·scale·q − dmin·min. Two parts
// of 32 values share 32 bytes.
func unpackQ4_K(dst []float32, b []byte) {
	d, dmin, scales, low := scale(b), scale(b[2:]), b[4:16], b[16:144]
	for part := range 8 {
		s, m := scaleMin(scales, part)
		ds, dm := d*float32(s), dmin*float32(m)
		for i, q := range low[part/2*32:][:32] {
			q = q >> (part % 2 * 4) & 15
			dst[32*part+i] = float32(ds*float32(q)) - dm
		}
	}
}

// unpackQ5_K is Q4_K with 32 bytes of fifth bits before the low bits: bit part of byte i.
func unpackQ5_K(dst []float32, b []byte) {
	d, dmin, scales, high, low := scale(b), scale(b[2:]), b[4:16], b[16:48], b[48:176]
	for part := range 8 {
		s, m := scaleMin(scales, part)
		ds, dm := d*float32(s), dmin*float32(m)
		for i, q := range low[part/2*32:][:32] {
			q = q>>(part%2*4)&15 | high[i]>>part&1<<4
			dst[32*part+i] = float32(ds*float32(q)) - dm
		}
	}
}

// unpackQ6_K: 128 bytes of low bits, 64 of high bits, 16 signed scales, f16 d; x = d·scale·(q −
// 32). Each half of the block has 64 low bytes and 32 high bytes, in four parts of 32 values with
// one scale per 16 values.
func unpackQ6_K(dst []float32, b []byte) {
	low, high, scales, d := b[:128], b[128:192], b[192:208], scale(b[208:])
	for n := range superBlock {
		block, part, i := n/128, n/32%4, n%32
		l := low[64*block+32*(part%2)+i] >> (part / 2 * 4) & 15
		h := high[32*block+i] >> (2 * part) & 3
		dst[n] = float32(d*float32(int8(scales[n/16]))) * float32(int(l|h<<4)-32)
	}
}
