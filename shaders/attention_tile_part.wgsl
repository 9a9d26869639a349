// The bounds of one part of the ranges: end of the workgroup's union, and lo and hi of this
// invocation's row.
        let second = part == 1u;
        let end = select(span.y, span.w, second);
        let lo = select(range.x, range.z, second);
        let hi = select(range.y, range.w, second);
