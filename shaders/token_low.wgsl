// Adds up the parts of A·x of each adapter into low [TM, low4], scaled already. They follow the
// features in a row of x: partials times low4 vec4s.
    for (var n = lane; n < {TM}u * low4; n += {GROUP}u) {
        let place = n / low4 * stride4 + depth + n % low4;
        var sum = x[place];
        for (var p = 1u; p < shape.partials; p++) { sum += x[place + p * low4]; }
        low[n] = sum;
    }
    workgroupBarrier();
