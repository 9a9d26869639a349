// Gives the first invocation of each team the sums of the team.
//#if TEAM > 1
//#for i TM
//#for j TN
    sums[lane * {TM*TN}u + {i*TN+j}u] = s{i}_{j};
//#endfor
//#endfor
    workgroupBarrier();
    if (part == 0u) {
        for (var n = 1u; n < {TEAM}u; n++) {
//#for i TM
//#for j TN
            s{i}_{j} += sums[(lane + n) * {TM*TN}u + {i*TN+j}u];
//#endfor
//#endfor
        }
    }
//#endif
