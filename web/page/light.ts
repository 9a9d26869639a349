// The part of the module that the page needs before a model is opened. In the page's bundle it
// takes the place of module/nextquill.js, whose other parts are fetched with the model: see
// web/bundle/bundle.go.

export { Fault } from "../fault.js";
export { SendersFault } from "../import/session.js";
export { checkGPU } from "../module/checkGPU.js";
export { forget } from "../module/forget.js";
export { openHistory } from "../store/history.js";
