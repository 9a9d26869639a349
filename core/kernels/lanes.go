package kernels

// laneWidth is how many values one invocation of a row kernel moves at once: a
// vec4 where rows start on 16 bytes, else one (the shaders' SCALAR form).
func laneWidth(features int) int {
	if features%4 == 0 {
		return 4
	}
	return 1
}

// laneConsts chooses the shader's form for rows of features values.
func laneConsts(features int) Consts {
	return Consts{"SCALAR": laneWidth(features) == 1}
}

// rowConsts chooses the form of a kernel that reduces over rows: one invocation
// a row, or one workgroup a row.
func rowConsts(workgroup bool, features int) Consts {
	consts := laneConsts(features)
	consts["WORKGROUP"] = workgroup
	return consts
}

// rowGroups is the workgroup count of a kernel with those two forms; shaders
// find a shared row at group.x + group.y·groups.x.
func rowGroups(workgroup bool, rows int) [3]uint32 {
	if workgroup {
		return linearGroups(rows, 1)
	}
	return linearGroups(rows, 64)
}

// flag is a truth value as a Shape word.
func flag(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}
