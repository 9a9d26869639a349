// The bounds of one part of the ranges: end of the union, and lo and hi of each row.
        let second = part == 1u;
        let end = select(a_hi, b_hi, second);
        //#for r ROWS
        let lo{r} = select(range{r}.x, range{r}.z, second);
        let hi{r} = select(range{r}.y, range{r}.w, second);
        //#endfor
