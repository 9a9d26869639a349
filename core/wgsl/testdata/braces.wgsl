// values: A=7 ZERO=0
struct S {}
fn f() -> i32 { return {A}; } // {not, an expression} { A } {é}
let x = y[{A*3/2}u] + y[{-A}] + y[{(A-1)%4}];
{{A}{A}}
{
