// values: FORMAT=2 HALF=0 TERMS=2
//#let F16 1
//#let Q8 2
//#for t TERMS
//#if t > 0 || FORMAT == 0
f32 {t}
//#elif FORMAT == F16 && HALF
half {t}
//#elif FORMAT == F16
f16 {t}
//#elif FORMAT == Q8
    //#if !HALF
q8 {t}
    //#else
q8 with half {t}
    //#endif
//#else
q4 {t}
//#endif
//#endfor
