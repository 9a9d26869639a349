// What web/hub uses of the module: it is a script of its own and must not have copies of these.

import { Fault } from "../fault.js";
import { bounded, checkedPath, isPage, plan, planOfFiles, RefusedRequest, request } from "./manifest.js";

export const tools = { Fault, RefusedRequest, request, plan, planOfFiles, checkedPath, bounded, isPage };
export type Tools = typeof tools;
