"""The generator and the shuffle of Go's math/rand/v2, so that PyTorch can repeat a run of the product: the
same first values of an adapter and the same order of the texts."""

MASK = (1 << 64) - 1
MULTIPLIER = 2549297995355413924 << 64 | 4865540595714422341
INCREMENT = 6364136223846793005 << 64 | 1442695040888963407


class PCG:
    """rand.New(rand.NewPCG(seed, stream))"""

    def __init__(self, seed, stream):
        self.state = seed << 64 | stream

    def uint64(self):
        self.state = (self.state * MULTIPLIER + INCREMENT) % (1 << 128)
        high, low = self.state >> 64, self.state & MASK
        high ^= high >> 32
        high = high * 0xDA942042E4DD58B5 & MASK
        high ^= high >> 48
        return high * (low | 1) & MASK

    def float64(self):
        return (self.uint64() & (1 << 53) - 1) / (1 << 53)

    def below(self, n):
        """A number from 0 to n - 1, for n below 2^32."""
        if n & (n - 1) == 0:
            return self.uint64() & (n - 1)
        while True:
            product = (self.uint64() >> 32) * n
            if product & 0xFFFFFFFF >= (1 << 32) % n:  # others would be more frequent
                return product >> 32

    def permutation(self, n):
        out = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return out
