// values: TM=4
fn main() {
    //#for i TM/2
    var s{i}_{i*4+1} = x[{{TM-1}u}];
        //#for j i
        s{i} += t{j};
        //#endfor
    //#endfor
    //#for none TM-4
    never
    //#endfor
    if (a) { return; }
}
